"""Streams as arguments: what a stream can stand for once its dimensions are moved.

The *full dimensions* of a stream are its buffer's and its own, innermost first, without those of
size 1. Moving the border between buffer and stream, or adding and removing dimensions of size 1,
never changes them; repeating elements inserts some.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.types import (
    Buffer,
    Component,
    Multihot,
    Scalar,
    Stream,
    Tile,
    components,
)

Dims = tuple[Dim, ...]

MAX_ALIGNMENTS = 6
"""How many ways of laying out disjoint dimensions are considered."""
MAX_INTERLEAVINGS = 256
"""How many interleavings are looked at to find the shortest."""


@dataclass(frozen=True, slots=True)
class Value:
    """A stream that exists, with what the policy wants to know of it."""

    ref: Ref
    stream: Stream
    producer: str
    """The key of the function that made it; see `policy`."""
    birth: int
    """The step at which it came to be; inputs are born at 0."""
    functions: frozenset[str] = frozenset()
    """The functions that it took to make it."""

    @property
    def items(self) -> tuple[Component, ...]:
        """The components of its dtype."""
        return components(self.stream.dtype)


@lru_cache(maxsize=65536)
def without_ones(dims: Dims) -> Dims:
    """Return the dimensions that are not the literal 1."""
    return tuple(dim for dim in dims if not dim.is_one)


def base(component: Component) -> Scalar | Multihot | Tile:
    """Return what a component is when its buffer is streamed out."""
    return component.elem if isinstance(component, Buffer) else component


def buffer_dims(component: Component) -> Dims:
    """Return a component's buffer dimensions, innermost first."""
    return component.dims if isinstance(component, Buffer) else ()


def full_dims(component: Component, shape: Dims) -> Dims:
    """Return the full dimensions of a stream of one component."""
    return without_ones(buffer_dims(component) + shape)


@dataclass(frozen=True, slots=True)
class Fit:
    """A way of using a value for one or more consecutive components of an input."""

    value: Value
    width: int
    """How many components it provides."""
    tail: Dims
    """The stream dimensions that it brings, without 1s."""
    spread: bool
    """Whether its elements have to be repeated to fill a buffer."""


def fits(value: Value, wanted: tuple[Component, ...]) -> Iterator[Fit]:
    """Yield the ways in which a value can provide the first of the wanted components."""
    for width, tail, spread in _ways(value.stream, wanted):
        yield Fit(value, width, tail, spread)


@lru_cache(maxsize=65536)
def _ways(stream: Stream, wanted: tuple[Component, ...]) -> tuple[tuple[int, Dims, bool], ...]:
    """Return width, tail and spread of every fit of a stream."""
    items = components(stream.dtype)
    if len(items) > 1:
        whole = wanted[: len(items)] == items
        return ((len(items), without_ones(stream.shape), False),) if whole else ()
    (item,), target = items, wanted[0]
    if base(item) != base(target):
        return ()
    full = full_dims(item, stream.shape)
    inner = without_ones(buffer_dims(target))
    ways: list[tuple[int, Dims, bool]] = []
    if full[: len(inner)] == inner:
        ways.append((1, full[len(inner) :], False))
    if inner and full != inner and not set(full) & set(inner):
        ways.append((1, full, True))
    return tuple(ways)


def is_subsequence(part: Dims, whole: Dims) -> bool:
    """Return whether `part` is `whole` with some dimensions left out."""
    remaining = iter(whole)
    return all(dim in remaining for dim in part)


@lru_cache(maxsize=65536)
def supersequences(left: Dims, right: Dims) -> tuple[Dims, ...]:
    """Return the shortest sequences that hold both, in their orders (a bounded number of them)."""
    if is_subsequence(right, left):
        return (left,)
    if is_subsequence(left, right):
        return (right,)
    merged = tuple(dict.fromkeys(islice(_merge(left, right), MAX_INTERLEAVINGS)))
    shortest = min(map(len, merged))
    return tuple(dims for dims in merged if len(dims) == shortest)[:MAX_ALIGNMENTS]


def _merge(left: Dims, right: Dims) -> Iterator[Dims]:
    """Yield interleavings that share what they can at every step."""
    if not left or not right:
        yield left + right
    elif left[0] == right[0]:
        for rest in _merge(left[1:], right[1:]):
            yield (left[0], *rest)
    else:
        for rest in _merge(left[1:], right):
            yield (left[0], *rest)
        for rest in _merge(left, right[1:]):
            yield (right[0], *rest)


def alignments(tails: tuple[Dims, ...]) -> tuple[Dims, ...]:
    """Return the stream dimensions over which arguments with these tails can be zipped."""
    common: tuple[Dims, ...] = ((),) if not tails else (tails[0],)
    for tail in tails[1:]:
        merged = [result for dims in common for result in supersequences(dims, tail)]
        common = tuple(dict.fromkeys(merged))[:MAX_ALIGNMENTS]
    return common
