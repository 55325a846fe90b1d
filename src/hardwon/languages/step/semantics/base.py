"""What the meanings of primitives are written in terms of."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch

from hardwon.languages.step.signature import Function

Tensors = tuple[torch.Tensor, ...]


class RunError(Exception):
    """A program went wrong while it ran; `str()` says what was expected and what came."""

    unsuitable = False
    """Whether that can be the fault of the sizes: a body or a split that does not fit them."""


class UnsuitableSizeError(RunError):
    """Something does not work at these sizes, which says nothing of others."""

    unsuitable = True


class Data(NamedTuple):
    """The contents of a stream: one tensor per component.

    Every tensor has the stream's dimensions first (outermost first), then those of one element.
    """

    dims: int
    """How many dimensions the stream has."""
    tensors: Tensors

    @property
    def lengths(self) -> tuple[int, ...]:
        """The stream's sizes, outermost first."""
        return self.tensors[0].shape[: self.dims]

    def elements(self) -> Tensors:
        """Return the components with all stream dimensions merged into one."""
        if self.dims == 1:
            return self.tensors
        return tuple([tensor.flatten(0, self.dims - 1) for tensor in self.tensors])


class Shortcut(Protocol):
    """A fold, its initial state included, that is the same as one operation on all its elements.

    `rows` have at least one element along `axis`, which is the one that is folded.
    """

    def folded(self, rows: Tensors, axis: int) -> Tensors:
        """Return the last states; their axes are those of the rows without the folded one."""
        ...

    def scanned(self, rows: Tensors, axis: int) -> Tensors:
        """Return all states, with the axes of the rows."""
        ...


class Machine(Protocol):
    """Runs the task's functions; the meanings need nothing else of a task."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of all symbols."""
        ...

    def map(self, fn: Function, data: Data) -> Tensors:
        """Apply a function to every element of a stream."""
        ...

    def call(self, fn: Function, state: Tensors | None, inputs: Tensors) -> Tensors:
        """Apply a function to a batch: every tensor has one batch dimension in front."""
        ...

    def initial(self, fn: Function, batch: int) -> Tensors:
        """Return a fold's initial state, `batch` times."""
        ...

    def starts_at_zero(self, fn: Function) -> bool:
        """Whether a fold's initial state is all zeros."""
        ...

    def chosen(self, index: Data) -> tuple[torch.Tensor, ...]:
        """Return, for every entry of a stream's multi-hot vectors, where it is set."""
        ...

    def shortcut(self, fn: Function) -> Shortcut | None:
        """Return how to take a fold in one step; None if it has to go element by element."""
        ...


class Semantics(Protocol):
    """The meaning of one primitive; `results` is how many streams come out."""

    def __call__(
        self,
        primitive: Any,
        inputs: tuple[Data, ...],
        results: int,
        machine: Machine,
    ) -> tuple[Tensors, ...]:
        """Return the contents of every result stream.

        Raises:
            RunError: if the data does not allow the step.
        """
        ...
