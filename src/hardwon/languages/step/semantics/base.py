"""What the meanings of primitives are written in terms of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from hardwon.languages.step.signature import Function
from hardwon.languages.step.types import Stream

Tensors = tuple[torch.Tensor, ...]


class RunError(Exception):
    """A program went wrong while it ran; `str()` says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Data:
    """The contents of a stream: one tensor per component.

    Every tensor has the stream's dimensions first (outermost first), then those of one element.
    """

    stream: Stream
    tensors: Tensors

    @property
    def lengths(self) -> tuple[int, ...]:
        """The stream's sizes, outermost first."""
        return tuple(self.tensors[0].shape[: len(self.stream.shape)])

    def elements(self) -> Tensors:
        """Return the components with all stream dimensions merged into one."""
        count = len(self.stream.shape)
        return tuple(
            tensor.reshape(_volume(tensor.shape[:count]), *tensor.shape[count:])
            for tensor in self.tensors
        )


def _volume(lengths: tuple[int, ...]) -> int:
    result = 1
    for length in lengths:
        result *= length
    return result


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


class Semantics(Protocol):
    """The meaning of one primitive. `results` are the types that the checker has inferred."""

    def __call__(
        self,
        primitive: Any,
        inputs: tuple[Data, ...],
        results: tuple[Stream, ...],
        machine: Machine,
    ) -> tuple[Tensors, ...]:
        """Return the contents of every result stream.

        Raises:
            RunError: if the data does not allow the step.
        """
        ...
