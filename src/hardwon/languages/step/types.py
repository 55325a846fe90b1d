"""The types of STeP: what one element of a stream is, and how the stream is shaped.

Shapes are written innermost first, as in the language: `[K, N, M]` is data of PyTorch shape
(M, N, K).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hardwon.languages.step.dims import Dim, parse_dim

PRECISIONS = ("fp32",)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number."""

    precision: str = "fp32"

    def __str__(self) -> str:
        return self.precision


@dataclass(frozen=True, slots=True)
class Multihot:
    """A vector of zeros and ones; its length is the innermost axis of the data."""

    length: Dim
    precision: str = "fp32"

    def __str__(self) -> str:
        return f"Multihot({self.precision}, {self.length})"


@dataclass(frozen=True, slots=True)
class Tile:
    """A dense block that is moved as a whole. Reserved: no primitive looks inside."""

    dims: tuple[Dim, ...]
    precision: str = "fp32"

    def __str__(self) -> str:
        return f"Tile({self.precision}, {shape_text(self.dims)})"


@dataclass(frozen=True, slots=True)
class Buffer:
    """A dense block held in on-chip memory."""

    elem: Scalar | Multihot
    dims: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"Buffer({self.elem}, {shape_text(self.dims)})"


type_names = "fp32, Multihot(fp32, E), Buffer(fp32, [D]) or Tile(fp32, [D])"

Component = Scalar | Multihot | Buffer | Tile


@dataclass(frozen=True, slots=True)
class Tuple:
    """Two or more components that travel together; never nested."""

    items: tuple[Component, ...]

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.items))}]"


Dtype = Scalar | Multihot | Buffer | Tile | Tuple


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream of elements of one dtype; rank = len(shape) - 1."""

    dtype: Dtype
    shape: tuple[Dim, ...]

    @property
    def rank(self) -> int:
        """The number of dimensions that have another one around them."""
        return len(self.shape) - 1

    def __str__(self) -> str:
        return f"Stream({self.dtype}, {shape_text(self.shape)})"


@lru_cache(maxsize=1 << 14)
def interned(stream: Stream) -> Stream:
    """Return the one object that stands for all equal streams, for `memo.IdentityMemo`."""
    return stream


def shape_text(dims: tuple[Dim, ...]) -> str:
    """Return dimensions as they are written, innermost first."""
    return f"[{', '.join(map(str, dims))}]"


def components(dtype: Dtype) -> tuple[Component, ...]:
    """Return the components of a tuple, or the one component that any other dtype is."""
    return dtype.items if isinstance(dtype, Tuple) else (dtype,)


def from_components(items: tuple[Component, ...]) -> Dtype:
    """Return the dtype with these components; the inverse of `components`."""
    return items[0] if len(items) == 1 else Tuple(items)


def element_dims(component: Component) -> tuple[Dim, ...]:
    """Return the dimensions of the data of one element, innermost first."""
    match component:
        case Scalar():
            return ()
        case Multihot(length=length):
            return (length,)
        case Buffer(elem=elem, dims=dims):
            return element_dims(elem) + dims
        case Tile(dims=dims):
            return dims


def data_shape(dims: tuple[Dim, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the PyTorch shape (outermost first) of dimensions given innermost first.

    Raises:
        UnboundSymbolError: if a symbol has no size.
        ValueError: if a quotient does not come out even.
    """
    shape: list[int] = []
    for dim in reversed(dims):
        value = dim.value(sizes)
        if value is None:
            raise ValueError(f"dimension {dim} is not a whole number at these sizes")
        shape.append(value)
    return tuple(shape)


_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|\d+|[()\[\],*])")


class _Reader:
    """A recursive-descent reader of one component type."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        place = 0
        stripped = text.rstrip()
        while place < len(stripped):
            match = _TOKEN.match(stripped, place)
            if match is None:
                raise ValueError(f"expected a type ({type_names}), got {text!r}")
            self.tokens.append(match.group(1))
            place = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else "the end"

    def take(self, expected: str | None = None) -> str:
        token = self.peek()
        if expected is not None and token != expected:
            raise ValueError(f"expected {expected!r} but found {token!r} in {self.text!r}")
        self.at += 1
        return token

    def component(self) -> Component:
        word = self.take()
        if word in PRECISIONS:
            return Scalar(word)
        if word == "Multihot":
            self.take("(")
            precision = self.precision()
            self.take(",")
            length = self.dim()
            self.close(")")
            return Multihot(length, precision)
        if word == "Buffer":
            self.take("(")
            elem = self.component()
            if not isinstance(elem, Scalar | Multihot):
                raise ValueError(
                    f"expected the element of a Buffer to be fp32 or Multihot, got {elem}"
                )
            self.take(",")
            dims = self.dims()
            self.close(")")
            return Buffer(elem, dims)
        if word == "Tile":
            self.take("(")
            precision = self.precision()
            self.take(",")
            dims = self.dims()
            self.close(")")
            return Tile(dims, precision)
        raise ValueError(f"expected a type ({type_names}), got {self.text!r}")

    def precision(self) -> str:
        word = self.take()
        if word not in PRECISIONS:
            raise ValueError(f"expected {' or '.join(PRECISIONS)}, got {word!r} in {self.text!r}")
        return word

    def close(self, bracket: str) -> None:
        if self.peek() == ",":
            self.take()
        self.take(bracket)

    def dims(self) -> tuple[Dim, ...]:
        self.take("[")
        dims = [self.dim()]
        while self.peek() == ",":
            self.take()
            if self.peek() == "]":
                break
            dims.append(self.dim())
        self.take("]")
        return tuple(dims)

    def dim(self) -> Dim:
        text = self.take()
        while self.peek() == "*":
            text += self.take() + self.take()
        return parse_dim(text)


def parse_component(text: str) -> Component:
    """Read one type, e.g. `Buffer(fp32, [D])`.

    Raises:
        ValueError: with a message that says what was expected and what came.
    """
    if len(text) > 1000:
        raise ValueError(f"expected a type ({type_names}), got {len(text)} characters")
    reader = _Reader(text)
    result = reader.component()
    if reader.peek() != "the end":
        raise ValueError(f"expected the type to end after {result}, got {text!r}")
    return result
