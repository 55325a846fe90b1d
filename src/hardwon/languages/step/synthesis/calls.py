"""The statements that are legal in a state: functions on streams that fit and align.

Whatever is offered here type-checks; the affine law is kept by Copies added at the end.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from hardwon.languages.step.dims import ONE
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.primitives import Accum, Map, Merge, Partition, Primitive, Scan
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.builder import Builder
from hardwon.languages.step.synthesis.values import (
    Dims,
    Fit,
    Value,
    alignments,
    buffer_dims,
    fits,
)
from hardwon.languages.step.types import Component, Dtype, Multihot, components

MOST_FAMILIES = 64
"""More ways than this of filling branches are not tried one by one."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """Streams that together make up a function's input."""

    fits: tuple[Fit, ...]

    def alignments(self) -> tuple[Dims, ...]:
        """Return the stream dimensions over which they can be zipped; none if they cannot be."""
        return alignments(tuple(fit.tail for fit in self.fits))

    def build(self, builder: Builder, wanted: tuple[Component, ...], shape: Dims) -> Ref:
        """Return the stream of the zipped arguments over exactly this shape.

        Raises:
            CannotAdaptError: if a tuple would have to be opened for it.
        """
        refs: list[Ref] = []
        at = 0
        for fit in self.fits:
            component = wanted[at] if fit.width == 1 else None
            refs.append(builder.adapt(fit.value.ref, component, shape))
            at += fit.width
        return builder.zipped(tuple(refs))


def choices(values: tuple[Value, ...], wanted: tuple[Component, ...]) -> tuple[Fit, ...]:
    """Return every way of providing the first of the wanted components."""
    return tuple(fit for value in values for fit in fits(value, wanted))


@dataclass(frozen=True, slots=True)
class Call:
    """A function applied to arguments: Map, or a fold over the innermost b dimensions."""

    function: Function
    arguments: Arguments
    dims: Dims
    """The common stream dimensions, without 1s."""
    primitive: str = "Map"
    b: int = 0

    def build(self, builder: Builder) -> Ref:
        """Append the call and return its result."""
        wanted = components(self.function.input)
        # A fold leaves at least the outermost dimension: a placeholder where all is folded.
        shape = self.dims if self.b < len(self.dims) else (*self.dims, ONE)
        operator: Primitive
        match self.primitive:
            case "Accum":
                operator = Accum(self.function, self.b)
            case "Scan":
                operator = Scan(self.function, self.b)
            case _:
                operator = Map(self.function)
        ref = self.arguments.build(builder, wanted, shape)
        return builder.add(operator, (ref,))[0]


def fold_modes(dims: Dims) -> Iterator[tuple[str, int]]:
    """Yield the ways in which a fold can run over these dimensions."""
    for b in range(1, len(dims) + 1):
        yield "Accum", b
        yield "Scan", b


@dataclass(frozen=True, slots=True)
class Family:
    """What to do with routed tokens: one branch per stream, and the fold that merges them."""

    wanted: tuple[Component, ...]
    """The dtype that the branches take."""
    branches: tuple[Function | None, ...]
    """One function per branch; None passes tokens on."""
    merge: Function

    def key(self, keys: Mapping[str, str]) -> str:
        """Return the key of what consumes the tokens, given those of functions."""
        first = self.branches[0]
        return keys[first.name if first else self.merge.name]


@dataclass(frozen=True, slots=True)
class Route:
    """Tokens sent through one branch per entry of a multi-hot vector, and merged again."""

    index: Value
    """A stream whose elements, streamed out, are multi-hot vectors."""
    family: Family
    arguments: Arguments
    dims: Dims
    """The dimensions of the routed stream; they end in those of the index."""

    def build(self, builder: Builder) -> Ref:
        """Append Partition, the branches and Merge, and return the result."""
        index_dims = routed_dims(self.index)
        multihot = multihot_of(self.index)
        assert multihot is not None
        index = builder.adapt(self.index.ref, multihot, index_dims or (ONE,))
        shape = self.dims if index_dims else (*self.dims, ONE)
        stream = self.arguments.build(builder, self.family.wanted, shape)
        parts = builder.add(Partition(multihot.length), (stream, index))
        results = tuple(
            part if branch is None else builder.add(Map(branch), (part,))[0]
            for part, branch in zip(parts, self.family.branches, strict=True)
        )
        return builder.add(Merge(self.family.merge), (*results, index))[0]


def multihot_of(value: Value) -> Multihot | None:
    """Return the multi-hot element that a stream has when it is streamed out, if any."""
    if len(value.items) != 1:
        return None
    (item,) = value.items
    inner = getattr(item, "elem", item)
    return inner if isinstance(inner, Multihot) else None


def routed_dims(index: Value) -> Dims:
    """Return the stream dimensions of an index that is streamed out, without 1s."""
    (item,) = index.items
    return tuple(dim for dim in buffer_dims(item) + index.stream.shape if not dim.is_one)


def route_layouts(index: Value, arguments: Arguments) -> list[Dims]:
    """Return the stream dimensions over which an index can route the zipped arguments."""
    inner = routed_dims(index)
    tails = (*(fit.tail for fit in arguments.fits), inner)
    return [dims for dims in alignments(tails) if dims[len(dims) - len(inner) :] == inner]


def branch_families(
    functions: tuple[Function, ...], merge: Function, count: int
) -> Iterator[Family]:
    """Yield the ways of filling `count` branches between one dtype and what `merge` takes.

    As many functions as branches are taken in the order of their declaration; a single one serves
    all branches; where there are too few, the last branches pass their tokens on.
    """
    for dtype, family in _by_input(functions, merge).items():
        wanted = components(dtype)
        for start in range(len(family) - count + 1):
            yield Family(wanted, tuple(family[start : start + count]), merge)
        if len(family) == 1 and count > 1:
            yield Family(wanted, (family[0],) * count, merge)
        if dtype == merge.input and len(family) < count:
            yield Family(wanted, (*family, *(None,) * (count - len(family))), merge)
    yield Family(components(merge.input), (None,) * count, merge)


def further_families(
    functions: tuple[Function, ...], merge: Function, count: int
) -> Iterator[Family]:
    """Yield all other ways of filling the branches, where there are not too many of them."""
    usual = set(branch_families(functions, merge, count))
    for dtype, family in _by_input(functions, merge).items():
        choices = (*family, None) if dtype == merge.input else tuple(family)
        if len(choices) ** count > MOST_FAMILIES:
            continue
        for branches in product(choices, repeat=count):
            found = Family(components(dtype), branches, merge)
            if found not in usual and any(branches):
                yield found


def _by_input(functions: tuple[Function, ...], merge: Function) -> dict[Dtype, list[Function]]:
    """Return the functions that can be branches before a merge, by what they take."""
    found: dict[Dtype, list[Function]] = {}
    for function in functions:
        if not function.is_fold and function.output == merge.input:
            found.setdefault(function.input, []).append(function)
    return found
