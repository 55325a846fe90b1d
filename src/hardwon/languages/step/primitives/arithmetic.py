"""Primitives that compute: Map, Accum, Scan, and Zip, which feeds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hardwon.languages.step.primitives.base import (
    ArgumentKind,
    Inputs,
    Parameter,
    Primitive,
    RuleError,
    require_fold,
    require_input,
    require_rank,
    zip_types,
)
from hardwon.languages.step.signature import Function
from hardwon.languages.step.types import Stream


@dataclass(frozen=True, slots=True)
class Map(Primitive):
    """Apply a function to every element."""

    parameters: ClassVar = (Parameter("fn", ArgumentKind.FUNCTION),)
    inputs: ClassVar = Inputs.ZIPPED

    fn: Function

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Stream(fn.input, s) -> Stream(fn.output, s)."""
        (stream,) = streams
        if self.fn.is_fold:
            raise RuleError(
                f"Map needs a function without a state, but {self.fn.name} is a fold (it has init)",
                rule="Map(fn): fn is not a fold",
            )
        require_input(self.fn, stream.dtype, "stream")
        return (Stream(self.fn.output, stream.shape),)


@dataclass(frozen=True, slots=True)
class _Fold(Primitive):
    """What Accum and Scan share: a fold over the innermost b dimensions."""

    parameters: ClassVar = (
        Parameter("fn", ArgumentKind.FUNCTION),
        Parameter("b", ArgumentKind.POSITION),
    )
    inputs: ClassVar = Inputs.ZIPPED

    fn: Function
    b: int

    def check(self, stream: Stream) -> None:
        """Check what a fold needs of its function and of its stream.

        Raises:
            RuleError: if they do not fit.
        """
        require_fold(self.fn, self.name)
        require_input(self.fn, stream.dtype, "stream")
        require_rank(f"{self.name}(b", self.b, 1, stream.rank, stream, outermost_stays=True)


@dataclass(frozen=True, slots=True)
class Accum(_Fold):
    """Fold a function over the innermost b dimensions, from its init, and emit the last state."""

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Stream(fn.input, s) -> Stream(fn.output, s[b:]), 1 <= b <= rank."""
        (stream,) = streams
        self.check(stream)
        return (Stream(self.fn.output, stream.shape[self.b :]),)


@dataclass(frozen=True, slots=True)
class Scan(_Fold):
    """Fold a function over the innermost b dimensions and emit the state after every element."""

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Stream(fn.input, s) -> Stream(fn.output, s), 1 <= b <= rank."""
        (stream,) = streams
        self.check(stream)
        return (Stream(self.fn.output, stream.shape),)


@dataclass(frozen=True, slots=True)
class Zip(Primitive):
    """Pair streams elementwise; tuples are concatenated, never nested."""

    inputs: ClassVar = Inputs.TUPLE

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Stream(t, s), Stream(u, s) -> Stream((t, u), s)."""
        return (zip_types(streams),)
