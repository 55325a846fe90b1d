"""A program being drawn: what can come next, how likely that is, and what it leads to."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import TypeVar

from hardwon.languages.step.dims import product
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.builder import Builder, CannotAdaptError
from hardwon.languages.step.synthesis.calls import (
    Arguments,
    Call,
    Family,
    Route,
    branch_families,
    choices,
    fold_modes,
    multihot_of,
    routed_dims,
)
from hardwon.languages.step.synthesis.features import (
    argument_features,
    beside_features,
    call_features,
    fold_features,
)
from hardwon.languages.step.synthesis.policy import ROUTE, Policy, input_key
from hardwon.languages.step.synthesis.space import Space
from hardwon.languages.step.synthesis.values import Dims, Fit, Value, alignments, full_dims
from hardwon.languages.step.types import Component, Stream, components

MAX_BRANCHES = 64
"""Vectors longer than this are not used to route tokens."""
MAX_DIMS = 6
"""Statements over more stream dimensions than this are not drawn."""

_T = TypeVar("_T")
Scored = Sequence[tuple[_T, float]]
"""Options with their log-odds."""
Rows = list[list[tuple[Fit, float]]]
"""What can provide each component of the results, in order."""


@dataclass
class Drawing:
    """A program being drawn."""

    sampler: Space
    rng: random.Random
    temperature: float
    builder: Builder = field(init=False)
    values: list[Value] = field(init=False)
    consumed: Counter[Ref] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    ancestors: dict[Ref, frozenset[Ref]] = field(default_factory=dict)
    """The streams that it took to make a stream."""
    births: int = 0

    def __post_init__(self) -> None:
        signature = self.sampler.signature
        self.builder = Builder(signature, self.sampler.sizes)
        self.values = [
            Value(Ref(INPUT, port), stream, input_key(components(stream.dtype)[0]), 0)
            for port, (_, stream) in enumerate(signature.inputs)
        ]

    def fork(self) -> "Drawing":
        """Return a copy that goes its own way."""
        other = copy(self)
        other.builder = self.builder.fork()
        other.values = list(self.values)
        other.consumed = self.consumed.copy()
        other.called = self.called.copy()
        other.ancestors = dict(self.ancestors)
        return other

    @property
    def policy(self) -> Policy:
        """How likely each choice is."""
        return self.sampler.learned

    def step(self) -> Graph | None:
        """Add a statement, or finish; a choice that turns out illegal costs a step as well."""
        indices, outputs = self.indices(), self.output_choices()
        options = self.options(indices, outputs)
        if not options:
            return None
        chosen = self.pick(options)
        try:
            if isinstance(chosen, Function):
                self.call(chosen)
            elif chosen is ROUTE:
                self.route(indices)
            elif outputs is not None:
                return self.finish(outputs)
        except CannotAdaptError:
            pass
        return None

    def options(self, indices: Scored[Value], outputs: Rows | None) -> Scored[object]:
        """Return what can be done next: a function, ROUTE, or `outputs`, to end with them."""
        options: list[tuple[object, float]] = []
        for function in self.sampler.signature.functions:
            score = self.function_score(function)
            if score is not None:
                options.append((function, score))
        if indices and (score := self.route_score(indices)) is not None:
            options.append((ROUTE, score))
        if outputs is not None:
            options.append((outputs, self.finish_score(outputs)))
        return options

    def pick(self, options: Scored[_T]) -> _T:
        """Draw one option by its score at the temperature."""
        top = max(score for _, score in options)
        weights = [math.exp((score - top) / self.temperature) for _, score in options]
        return self.rng.choices([option for option, _ in options], weights)[0]

    # Scores

    def usage_score(self, function: Function) -> float:
        """Return how much a function is still to be used."""
        policy, count = self.policy, self.called[function.name]
        return policy.unused_function if count == 0 else policy.repeated_function * count

    def indices(self) -> Scored[Value]:
        """Return the streams that can route tokens, scored."""
        return [
            (
                value,
                self.value_score(value)
                + self.policy.total(argument_features(value.producer, ROUTE, 0)),
            )
            for value in self.values
            if multihot_of(value) is not None
        ]

    def route_score(self, indices: Scored[Value]) -> float | None:
        """Return the score of routing tokens, with the best index and branches."""
        scores = [
            index_score + family_score
            for index, index_score in indices
            for _, family_score in self.families(index)
        ]
        return max(scores, default=None)

    def families(self, index: Value) -> Scored[Family]:
        """Return the ways of filling the branches that an index asks for, scored."""
        multihot = multihot_of(index)
        assert multihot is not None
        functions = self.sampler.signature.functions
        count = multihot.length.value(self.sampler.sizes) or 0
        if not 1 <= count <= MAX_BRANCHES:
            return []
        return [
            (family, self.family_score(family))
            for merge in functions
            if merge.is_fold
            for family in branch_families(functions, merge, count)
        ]

    def family_score(self, family: Family) -> float:
        """Return how much of a family is still to be used, per function."""
        skip = self.policy.idle_branch
        used = [self.usage_score(fn) if fn else skip for fn in family.branches]
        return (sum(used) + self.usage_score(family.merge)) / (len(used) + 1)

    def value_score(self, value: Value) -> float:
        """Return how much a stream is still to be used."""
        policy = self.policy
        score = policy.used_value if self.consumed[value.ref] else policy.unused_value
        if value.birth == self.births:
            score += policy.newest_value
        return score

    def fit_score(self, fit: Fit, key: str, slot: int, total: int) -> float:
        """Return how well a value does for a function's input, from `slot` on of `total`."""
        policy = self.policy
        beside = fit.width < total and fit.value.birth == 0
        return (
            self.value_score(fit.value)
            + (policy.input_beside if beside else 0.0)
            + policy.wide_fit * (fit.width - 1)
            + (policy.spread_value if fit.spread else 0.0)
            + policy.total(argument_features(fit.value.producer, key, slot))
        )

    def function_score(self, function: Function) -> float | None:
        """Return a function's score with the best arguments, None if nothing fits."""
        key = self.sampler.keys[function.name]
        wanted = components(function.input)
        score = self.usage_score(function)
        if function.name in self.sampler.branches:
            score += self.policy.branch_alone
        score += self.policy.total(call_features(function.name, self.called, self.sampler.places))
        picked: list[Fit] = []
        slot = 0
        while slot < len(wanted):
            found = [
                (self.fit_score(fit, key, slot, len(wanted)) + self.again(fit, picked), fit)
                for fit in choices(tuple(self.values), wanted[slot:])
            ]
            if not found:
                return None
            best, fit = max(found, key=lambda entry: entry[0])
            picked.append(fit)
            score += best / len(wanted)
            slot += fit.width
        return score

    def fold_score(self, key: str, dims: Dims, primitive: str, b: int) -> float:
        """Return how likely a fold is applied like this; dimensions of the result are kept."""
        policy = self.policy
        kept = self.sampler.output_dims
        score = policy.total(fold_features(key, dims, kept, primitive, b))
        if primitive == "Scan":
            score += policy.scan
        if b > 1:
            score += policy.deeper_fold
        if primitive == "Accum":
            score += sum(policy.lost_dim if dim in kept else policy.spent_dim for dim in dims[:b])
        return score

    # Statements

    def arguments(self, wanted: tuple[Component, ...], key: str) -> Arguments:
        """Draw streams that make up a function's input."""
        picked: list[Fit] = []
        while sum(fit.width for fit in picked) < len(wanted):
            options = self.argument_options(wanted, key, picked)
            if not options:
                raise CannotAdaptError("nothing fits")
            picked.append(self.pick(options))
        return Arguments(self.elders_first(tuple(picked), wanted))

    def argument_options(
        self, wanted: tuple[Component, ...], key: str, picked: Sequence[Fit]
    ) -> Scored[Fit]:
        """Return what can follow the streams that are picked already."""
        slot = sum(fit.width for fit in picked)
        return [
            (fit, self.fit_score(fit, key, slot, len(wanted)) + self.again(fit, picked))
            for fit in choices(tuple(self.values), wanted[slot:])
        ]

    def fold_options(self, key: str, dims: Dims) -> Scored[tuple[str, int]]:
        """Return the ways of folding over these dimensions."""
        return [(mode, self.fold_score(key, dims, *mode)) for mode in fold_modes(dims)]

    def elders_first(
        self, picked: tuple[Fit, ...], wanted: tuple[Component, ...]
    ) -> tuple[Fit, ...]:
        """Put the older of two interchangeable arguments first, most of the time.

        What is subtracted, divided or weighted is usually older than what was computed from it.
        """
        if not exchangeable(picked, wanted) or self.rng.random() > self.policy.elders_first:
            return picked
        first, second = picked
        return picked if first.value.birth <= second.value.birth else (second, first)

    def again(self, fit: Fit, picked: Sequence[Fit]) -> float:
        """Return what the streams that are picked already say of a further one."""
        if not picked:
            return 0.0
        taken = any(other.value.ref == fit.value.ref for other in picked)
        score = self.policy.same_value_again if taken else 0.0
        return score + self.policy.total(beside_features(fit, picked, self.ancestors))

    def call(self, function: Function) -> None:
        """Draw how a function is applied, and apply it."""
        key = self.sampler.keys[function.name]
        arguments = self.arguments(components(function.input), key)
        dims = self.rng.choice(arguments.alignments())
        self.require_sane(components(function.output), dims)
        if function.is_fold:
            modes = self.fold_options(key, dims)
            if not modes:
                raise CannotAdaptError("nothing to fold over")
            primitive, b = self.pick(modes)
            statement = Call(function, arguments, dims, primitive, b)
        else:
            statement = Call(function, arguments, dims)
        self.born(statement.build(self.builder), key, arguments, [function])

    def route(self, indices: Scored[Value]) -> None:
        """Draw how tokens are routed, and route them."""
        keys = self.sampler.keys
        index = self.pick(indices)
        families = self.families(index)
        if not families:
            raise CannotAdaptError("no branches that a fold can merge")
        family = self.pick(families)
        wanted, branches, merge = family.wanted, family.branches, family.merge
        key = keys[branches[0].name] if branches[0] else keys[merge.name]
        arguments = self.arguments(wanted, key)
        inner = routed_dims(index)
        tails = (*(fit.tail for fit in arguments.fits), inner)
        fitting = [d for d in alignments(tails) if d[len(d) - len(inner) :] == inner]
        if not fitting:
            raise CannotAdaptError("the routed stream does not end in the index's dimensions")
        dims = self.rng.choice(fitting)
        self.require_sane(components(merge.output), dims)
        result = Route(index, family, arguments, dims).build(self.builder)
        self.consumed[index.ref] += 1
        functions = [merge, *(fn for fn in branches if fn)]
        self.born(result, keys[merge.name], arguments, functions, [index])

    def require_sane(self, produced: tuple[Component, ...], dims: Dims) -> None:
        """Turn down results that no task asks for: too many dimensions, or one of them twice."""
        if len(dims) > MAX_DIMS:
            raise CannotAdaptError(f"more than {MAX_DIMS} dimensions")
        for item in produced:
            counts = Counter(full_dims(item, dims))
            if any(count > self.sampler.multiplicity[dim] for dim, count in counts.items()):
                raise CannotAdaptError("a dimension occurs more often than anywhere in the task")

    def born(
        self,
        ref: Ref,
        producer: str,
        arguments: Arguments,
        functions: Sequence[Function],
        others: Sequence[Value] = (),
    ) -> None:
        """Take note of a new stream and of what it was made from."""
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

    # Results

    def output_choices(self) -> Rows | None:
        """Return the fits of every component of every output, None if one has none."""
        rows: Rows = []
        for declared in self.sampler.signature.outputs:
            wanted = components(declared.dtype)
            slot = 0
            while slot < len(wanted):
                row = [
                    (fit, self.result_score(fit.value))
                    for fit in choices(tuple(self.values), wanted[slot:])
                    if not fit.spread and _same_elements(fit.tail, declared)
                ]
                if not row:
                    return None
                rows.append(row)
                slot += row[0][0].width
        return rows

    def result_score(self, value: Value) -> float:
        """Return how good a result a value is: made with as many functions as possible."""
        policy = self.policy
        if value.birth == 0:
            return policy.input_as_result
        newest = policy.newest_value if value.birth == self.births else 0.0
        return policy.function_in_result * len(value.functions) + newest

    def finish_score(self, rows: Rows) -> float:
        """Return how good it is to end here: no function of the task should be left out."""
        policy = self.policy
        best = [max(row, key=lambda entry: entry[1])[0].value for row in rows]
        used = frozenset[str]().union(*(value.functions for value in best))
        left_out = len(self.sampler.signature.functions) - len(used)
        return policy.complete if left_out == 0 else policy.function_left_out * left_out

    def finish(self, rows: Rows) -> Graph:
        """Draw a value for every output and return the program.

        Raises:
            CannotAdaptError: if a value cannot take the declared shape.
        """
        taken: list[Fit] = []
        for row in rows:
            taken.append(self.pick([(fit, score + self.again(fit, taken)) for fit, score in row]))
        return self.builder.finish(self.results(taken))

    def results(self, taken: Sequence[Fit]) -> tuple[Ref, ...]:
        """Return streams of the declared types, given what provides their components, in order.

        Raises:
            CannotAdaptError: if a value cannot take the declared shape.
        """
        picked = iter(taken)
        refs: list[Ref] = []
        for declared in self.sampler.signature.outputs:
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


def exchangeable(picked: Sequence[Fit], wanted: tuple[Component, ...]) -> bool:
    """Return whether these are two arguments either of which could come first, by their types."""
    return len(picked) == len(wanted) == 2 and wanted[0] == wanted[1]


def _same_elements(tail: Dims, declared: Stream) -> bool:
    """Whether a tail holds as many elements as the declared shape, in symbols."""
    return product(tail) == product(declared.shape)
