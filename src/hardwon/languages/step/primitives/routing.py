"""Primitives that move whole streams: Copy, Identity, and routing by multi-hot vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hardwon.languages.step.dims import Dim, UnboundSymbolError
from hardwon.languages.step.primitives.base import (
    ArgumentKind,
    Inputs,
    Parameter,
    Primitive,
    RuleError,
    require_fold,
    require_input,
    unknown_dim,
)
from hardwon.languages.step.signature import Function
from hardwon.languages.step.types import Multihot, Stream, shape_text


def _size(dim: Dim, sizes: Mapping[str, int]) -> int | None:
    try:
        return dim.value(sizes)
    except UnboundSymbolError:
        return None


def _require_index(primitive: str, index: Stream, streams: int, sizes: Mapping[str, int]) -> None:
    if not isinstance(index.dtype, Multihot):
        raise RuleError(
            f"{primitive} needs a stream of Multihot as its index, got {index}",
            rule=f"{primitive}: the index is multi-hot",
        )
    if _size(index.dtype.length, sizes) != streams:
        raise RuleError(
            f"{primitive} has {streams} streams, but its index {index} has vectors of length"
            f" {index.dtype.length}",
            rule=f"{primitive}: one stream per entry of the index vector",
        )


@dataclass(frozen=True, slots=True)
class Copy(Primitive):
    """Make two streams from one."""

    def outputs(self, sizes: Mapping[str, int]) -> int:
        """Return 2."""
        return 2

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """S -> S, S."""
        (stream,) = streams
        return (stream, stream)


@dataclass(frozen=True, slots=True)
class Identity(Primitive):
    """Pass a stream on as it is."""

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """S -> S."""
        return streams


@dataclass(frozen=True, slots=True)
class Partition(Primitive):
    """Send each token to the streams that its multi-hot vector selects, in order."""

    parameters: ClassVar = (Parameter("N", ArgumentKind.SIZE),)
    inputs: ClassVar = Inputs.PAIR

    N: Dim

    def outputs(self, sizes: Mapping[str, int]) -> int:
        """Return the number of streams, N."""
        return _size(self.N, sizes) or 0

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """x: s + i, idx: Stream(Multihot(N), i) -> N streams of shape s + [n_k]."""
        stream, index = streams
        count = self.outputs(sizes)
        _require_index(f"Partition(N={self.N})", index, count, sizes)
        inner = len(stream.shape) - len(index.shape)
        if inner < 0 or stream.shape[inner:] != index.shape:
            raise RuleError(
                f"Partition needs a stream whose shape ends in the index's,"
                f" {shape_text(index.shape)}, got {shape_text(stream.shape)}",
                rule="Partition: x.shape ends in idx.shape",
            )
        return tuple(
            Stream(stream.dtype, (*stream.shape[:inner], unknown_dim(port)))
            for port in range(count)
        )


@dataclass(frozen=True, slots=True)
class Merge(Primitive):
    """For each multi-hot vector, take a token of each selected stream and fold a function."""

    parameters: ClassVar = (Parameter("fn", ArgumentKind.FUNCTION),)
    inputs: ClassVar = Inputs.LIST_AND_INDEX

    fn: Function

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """x_k: s + [n_k], idx: Stream(Multihot(N), i) -> Stream(fn.output, s + i)."""
        *parts, index = streams
        _require_index("Merge", index, len(parts), sizes)
        require_fold(self.fn, "Merge")
        common = parts[0].shape[:-1]
        for part in parts:
            if part.shape[:-1] != common:
                raise RuleError(
                    f"Merge needs streams alike but for their outermost dimension,"
                    f" got {parts[0]} and {part}",
                    rule="Merge: common shape and dtype",
                )
            require_input(self.fn, part.dtype, "stream")
        return (Stream(self.fn.output, common + index.shape),)
