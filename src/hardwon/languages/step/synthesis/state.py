"""A program being written: the streams that there are so far, and what was done to them."""

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

from hardwon.languages.step.graph import INPUT, Ref
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.builder import Builder, CannotAdaptError
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route
from hardwon.languages.step.synthesis.keys import input_key
from hardwon.languages.step.synthesis.space import Space
from hardwon.languages.step.synthesis.values import Dims, Fit, Value, full_dims
from hardwon.languages.step.types import Component, components

MAX_DIMS = 6
"""Statements over more stream dimensions than this are not written."""


@dataclass
class State:
    """A program being written."""

    space: Space
    builder: Builder = field(init=False)
    values: list[Value] = field(init=False)
    consumed: Counter[Ref] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    ancestors: dict[Ref, frozenset[Ref]] = field(default_factory=dict)
    """The streams that it took to make a stream."""
    births: int = 0

    def __post_init__(self) -> None:
        signature = self.space.signature
        self.builder = Builder(signature, self.space.sizes)
        self.values = [
            Value(Ref(INPUT, port), stream, input_key(components(stream.dtype)[0]), 0)
            for port, (_, stream) in enumerate(signature.inputs)
        ]

    @property
    def loose_ends(self) -> int:
        """How many streams were computed and not used yet."""
        return sum(value.birth > 0 and not self.consumed[value.ref] for value in self.values)

    def fork(self) -> "State":
        """Return a copy that goes its own way."""
        other = copy(self)
        other.builder = self.builder.fork()
        other.values = list(self.values)
        other.consumed = self.consumed.copy()
        other.called = self.called.copy()
        other.ancestors = dict(self.ancestors)
        return other

    def require_sane(self, produced: tuple[Component, ...], dims: Dims) -> None:
        """Turn down results that no task asks for: too many dimensions, or one of them twice.

        Raises:
            CannotAdaptError: if they are such.
        """
        if len(dims) > MAX_DIMS:
            raise CannotAdaptError(f"more than {MAX_DIMS} dimensions")
        for item in produced:
            counts = Counter(full_dims(item, dims))
            if any(count > self.space.multiplicity[dim] for dim, count in counts.items()):
                raise CannotAdaptError("a dimension occurs more often than anywhere in the task")

    def call(self, call: Call) -> Ref:
        """Apply a function, and return its result.

        Raises:
            CannotAdaptError: if the arguments cannot take the shape that it asks for.
        """
        key = self.space.keys[call.function.name]
        return self.born(call.build(self.builder), key, call.arguments, [call.function])

    def route(self, route: Route) -> Ref:
        """Route tokens through branches, and return what is merged; otherwise see `call`."""
        family, index = route.family, route.index
        result = route.build(self.builder)
        self.consumed[index.ref] += 1
        functions = [family.merge, *(fn for fn in family.branches if fn)]
        key = self.space.keys[family.merge.name]
        return self.born(result, key, route.arguments, functions, [index])

    def born(
        self,
        ref: Ref,
        producer: str,
        arguments: Arguments,
        functions: Sequence[Function],
        others: Sequence[Value] = (),
    ) -> Ref:
        """Take note of a new stream and of what it was made from, and return it."""
        self.births += 1
        for fit in arguments.fits:
            self.consumed[fit.value.ref] += 1
        for function in dict.fromkeys(functions):
            self.called[function.name] += 1
        made_by = frozenset(function.name for function in functions).union(
            *(fit.value.functions for fit in arguments.fits), *(v.functions for v in others)
        )
        stream = self.builder.types[ref]
        parents = [*(fit.value.ref for fit in arguments.fits), *(value.ref for value in others)]
        elders = (self.ancestors.get(parent, frozenset()) for parent in parents)
        self.ancestors[ref] = frozenset(parents).union(*elders)
        self.values.append(Value(ref, stream, producer, self.births, made_by))
        return ref

    def results(self, taken: Sequence[Fit]) -> tuple[Ref, ...]:
        """Return streams of the declared types, given what provides their components, in order.

        Raises:
            CannotAdaptError: if a value cannot take the declared shape.
        """
        picked = iter(taken)
        refs: list[Ref] = []
        for declared in self.space.signature.outputs:
            wanted = components(declared.dtype)
            parts: list[Fit] = []
            while sum(fit.width for fit in parts) < len(wanted):
                fit = next(picked, None)
                if fit is None:
                    raise CannotAdaptError("a component of a result is missing")
                parts.append(fit)
            refs.append(Arguments(tuple(parts)).build(self.builder, wanted, declared.shape))
            if self.builder.types[refs[-1]] != declared:
                raise CannotAdaptError("another type than the declared one")
        return tuple(refs)
