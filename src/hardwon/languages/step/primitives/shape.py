"""Primitives that move dimensions: between stream and buffer, in and out, together and apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from hardwon.languages.step.dims import ONE, Dim, integer_text, product
from hardwon.languages.step.primitives.base import (
    ArgumentKind,
    Inputs,
    Parameter,
    Primitive,
    RuleError,
    require_rank,
)
from hardwon.languages.step.types import Buffer, Multihot, Scalar, Stream, shape_text


@dataclass(frozen=True, slots=True)
class Promote(Primitive):
    """Insert a new dimension of size 1 at position b."""

    parameters: ClassVar = (Parameter("b", ArgumentKind.POSITION),)
    reshapes: ClassVar = True

    b: int

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """S -> s[:b] + [1] + s[b:], 0 <= b <= rank + 1."""
        (stream,) = streams
        require_rank("Promote(b", self.b, 0, stream.rank + 1, stream)
        shape = (*stream.shape[: self.b], ONE, *stream.shape[self.b :])
        return (Stream(stream.dtype, shape),)


@dataclass(frozen=True, slots=True)
class Flatten(Primitive):
    """Collapse each dimension in L into its inner neighbour."""

    parameters: ClassVar = (Parameter("L", ArgumentKind.POSITIONS),)
    reshapes: ClassVar = True

    L: tuple[int, ...]

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """S -> s[:L0-1] + [product of s[L0-1 .. Llast]] + s[Llast+1:]."""
        (stream,) = streams
        first = self.L[0] if self.L else 0
        if not self.L or tuple(range(first, first + len(self.L))) != self.L or first < 1:
            raise RuleError(
                f"Flatten needs consecutive positive integers, got L={list(self.L)}",
                rule="Flatten: L is consecutive and positive",
            )
        last = self.L[-1]
        require_rank("Flatten(L[-1]", last, 1, stream.rank, stream)
        merged = product(stream.shape[first - 1 : last + 1])
        shape = (*stream.shape[: first - 1], merged, *stream.shape[last + 1 :])
        return (Stream(stream.dtype, shape),)


@dataclass(frozen=True, slots=True)
class Reshape(Primitive):
    """Split each dimension in L into chunks of S."""

    parameters: ClassVar = (
        Parameter("L", ArgumentKind.POSITIONS),
        Parameter("S", ArgumentKind.SIZE),
    )

    L: tuple[int, ...]
    S: Dim

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """S -> each s[i] with i in L becomes S, s[i]//S; S divides each of them."""
        (stream,) = streams
        if not self.L or len(set(self.L)) != len(self.L):
            raise RuleError(
                f"Reshape needs distinct positions, got L={list(self.L)}",
                rule="Reshape: L holds distinct positions",
            )
        shape: list[Dim] = []
        for position in self.L:
            require_rank("Reshape(L", position, 0, stream.rank, stream)
        for position, dim in enumerate(stream.shape):
            if position in self.L:
                shape += (self.S, self._quotient(dim, sizes))
            else:
                shape.append(dim)
        return (Stream(stream.dtype, tuple(shape)),)

    def _quotient(self, dim: Dim, sizes: Mapping[str, int]) -> Dim:
        quotient = dim / self.S
        if quotient.is_product:
            return quotient
        known = quotient.symbols <= sizes.keys()
        if not known or quotient.value(sizes) is None:
            numbers = (dim.value(sizes), self.S.value(sizes)) if known else ()
            texts = [integer_text(number) for number in numbers if number is not None]
            at = f" ({' by '.join(texts)})" if texts else ""
            raise RuleError(
                f"Reshape(S={self.S}) needs a dimension that {self.S} divides, got {dim}{at}",
                rule="Reshape: S divides every dimension in L",
            )
        return quotient


@dataclass(frozen=True, slots=True)
class Bufferize(Primitive):
    """Move the innermost a dimensions of the stream into an on-chip buffer."""

    parameters: ClassVar = (Parameter("a", ArgumentKind.POSITION),)

    a: int

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Stream(t, s) -> Stream(Buffer(elem, old dims + s[:a]), s[a:]), 1 <= a <= rank."""
        (stream,) = streams
        match stream.dtype:
            case Scalar() | Multihot():
                elem, dims = stream.dtype, ()
            case Buffer(elem=elem, dims=dims):
                pass
            case _:
                raise RuleError(
                    f"Bufferize needs a stream of fp32, Multihot or Buffer, got {stream}",
                    rule="Bufferize: the element of a Buffer is fp32 or Multihot",
                )
        require_rank("Bufferize(a", self.a, 1, stream.rank, stream, outermost_stays=True)
        return (Stream(Buffer(elem, dims + stream.shape[: self.a]), stream.shape[self.a :]),)


@dataclass(frozen=True, slots=True)
class Streamify(Primitive):
    """Stream out the contents of a buffer: the inverse of Bufferize."""

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """Stream(Buffer(elem, dims), s) -> Stream(elem, dims + s)."""
        (stream,) = streams
        if not isinstance(stream.dtype, Buffer):
            raise RuleError(
                f"Streamify needs a stream of Buffer, got {stream}",
                rule="Streamify: the dtype is a Buffer",
            )
        return (Stream(stream.dtype.elem, stream.dtype.dims + stream.shape),)


@dataclass(frozen=True, slots=True)
class Repeat(Primitive):
    """Emit each element n times."""

    parameters: ClassVar = (Parameter("n", ArgumentKind.SIZE),)
    reshapes: ClassVar = True

    n: Dim

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """S -> [n] + s."""
        (stream,) = streams
        return (Stream(stream.dtype, (self.n, *stream.shape)),)


@dataclass(frozen=True, slots=True)
class RepeatRef(Primitive):
    """Repeat each element of x to match the shape of a reference stream."""

    inputs: ClassVar = Inputs.PAIR
    reshapes: ClassVar = True

    def infer(self, streams: tuple[Stream, ...], sizes: Mapping[str, int]) -> tuple[Stream, ...]:
        """x: s, ref: r with r[1:] = s -> r, with the dtype of x."""
        stream, ref = streams
        if ref.shape[1:] != stream.shape:
            raise RuleError(
                f"RepeatRef needs a reference with one more inner dimension than"
                f" {shape_text(stream.shape)}, got {shape_text(ref.shape)}",
                rule="RepeatRef: ref.shape[1:] = shape",
            )
        return (Stream(stream.dtype, ref.shape),)
