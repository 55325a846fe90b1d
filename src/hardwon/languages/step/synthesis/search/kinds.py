"""Kinds of values: what streams that can stand for each other have in common.

A value is a stream up to what primitives move for free: the border between buffer and stream, and
dimensions of size 1. A tuple's components stay closed, since no primitive opens a tuple.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hardwon.languages.step.dims import ONE
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.synthesis.values import (
    Dims,
    Fit,
    Value,
    base,
    buffer_dims,
    fits,
    full_dims,
    without_ones,
)
from hardwon.languages.step.types import (
    Component,
    Stream,
    components,
    data_shape,
    element_dims,
    from_components,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """Elements and dimensions of a value, without 1s, innermost first."""

    items: tuple[Component, ...]
    """The only component, streamed out, or the components of a tuple as they are."""
    dims: Dims
    """The dimensions of the stream."""

    @property
    def stream(self) -> Stream:
        """The stream that stands for all of this kind."""
        return Stream(from_components(self.items), self.dims or (ONE,))

    def shapes(self, sizes: Mapping[str, int]) -> tuple[tuple[int, ...], ...]:
        """Return the shape of each component's data, outermost first."""
        return tuple(
            data_shape(compact_dims(item) + self.dims, sizes)
            if len(self.items) > 1
            else data_shape(element_dims(item) + self.dims, sizes)
            for item in self.items
        )

    def fits(self, wanted: tuple[Component, ...]) -> tuple[Fit, ...]:
        """Return the ways in which a value can provide the first of the wanted components."""
        return _fits(self, wanted)

    def __str__(self) -> str:
        return str(self.stream)


@lru_cache(maxsize=65536)
def _fits(kind: Kind, wanted: tuple[Component, ...]) -> tuple[Fit, ...]:
    return tuple(fits(Value(Ref(0, 0), kind.stream, "", 0), wanted))


def kind_of(stream: Stream) -> Kind:
    """Return the kind of a stream."""
    items = components(stream.dtype)
    if len(items) == 1:
        return Kind((base(items[0]),), full_dims(items[0], stream.shape))
    return Kind(items, without_ones(stream.shape))


def compact_dims(component: Component) -> Dims:
    """Return the dimensions of one element's data without those that are 1 by definition."""
    return element_dims(base(component)) + without_ones(buffer_dims(component))
