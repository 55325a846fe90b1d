"""What the meanings of primitives are written in terms of."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

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


@dataclass(frozen=True, slots=True)
class Data:
    """The contents of a stream: one tensor per component.

    Every tensor has the stream's dimensions first (outermost first), then those of one element.
    """

    dims: int
    """How many dimensions the stream has."""
    tensors: Tensors

    @property
    def lengths(self) -> tuple[int, ...]:
        """The stream's sizes, outermost first."""
        return tuple(self.tensors[0].shape[: self.dims])

    def elements(self) -> Tensors:
        """Return the components with all stream dimensions merged into one."""
        if self.dims == 1:
            return self.tensors
        batch = math.prod(self.tensors[0].shape[: self.dims])
        return tuple([tensor.reshape(batch, *tensor.shape[self.dims :]) for tensor in self.tensors])


class Shortcut(Protocol):
    """A fold that is known to be the same as one operation on all its elements.

    `rows` have the axes (outer indices, folded elements, ...), at least one element.
    """

    def reduce(self, state: Tensors, rows: Tensors) -> Tensors:
        """Return the last state of every outer index."""
        ...

    def scan(self, state: Tensors, rows: Tensors) -> Tensors:
        """Return all states."""
        ...


class Machine(Protocol):
    """Runs the task's functions; the meanings need nothing else of a task."""

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of all symbols."""
        ...

    def call(self, fn: Function, state: Tensors | None, inputs: Tensors) -> Tensors:
        """Apply a function to a batch: every tensor has one batch dimension in front."""
        ...

    def initial(self, fn: Function, batch: int) -> Tensors:
        """Return a fold's initial state, `batch` times."""
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
