"""What can come next in a program that is being written, and how likely that is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from hardwon.languages.step.dims import product
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.calls import (
    Family,
    branch_families,
    choices,
    fold_modes,
    multihot_of,
)
from hardwon.languages.step.synthesis.features import (
    argument_features,
    beside_features,
    call_features,
    fold_features,
)
from hardwon.languages.step.synthesis.keys import ROUTE
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.synthesis.values import Dims, Fit, Value
from hardwon.languages.step.types import Component, Stream, components

MAX_BRANCHES = 64
"""Vectors longer than this are not used to route tokens."""

_T = TypeVar("_T")
Scored = Sequence[tuple[_T, float]]
"""Options with their log-odds."""
Rows = Sequence[Sequence[Fit]]
"""What can provide each component of the results, in order."""


@dataclass(frozen=True, slots=True)
class Options:
    """The choices that a state leaves, scored by a policy."""

    state: State
    policy: Policy

    def statements(self, indices: Scored[Value], outputs: Rows | None) -> Scored[object]:
        """Return what can be done next: a function, ROUTE, or `outputs`, to end with them."""
        options: list[tuple[object, float]] = []
        for function in self.state.space.signature.functions:
            score = self.function_score(function)
            if score is not None:
                options.append((function, score))
        if indices and (score := self.route_score(indices)) is not None:
            options.append((ROUTE, score))
        if outputs is not None:
            options.append((outputs, self.finish_score(outputs)))
        return options

    # Functions

    def usage_score(self, function: Function) -> float:
        """Return how much a function is still to be used."""
        policy, count = self.policy, self.state.called[function.name]
        return policy.unused_function if count == 0 else policy.repeated_function * count

    def function_score(self, function: Function) -> float | None:
        """Return a function's score with the best arguments, None if nothing fits."""
        state, space = self.state, self.state.space
        key = space.keys[function.name]
        wanted = components(function.input)
        score = self.usage_score(function)
        if function.name in space.branches:
            score += self.policy.branch_alone
        score += self.policy.total(call_features(function.name, state.called, space.places))
        picked: list[Fit] = []
        slot = 0
        while slot < len(wanted):
            found = self.arguments(wanted, key, picked)
            if not found:
                return None
            fit, best = max(found, key=lambda entry: entry[1])
            picked.append(fit)
            score += best / len(wanted)
            slot += fit.width
        return score

    def folds(self, key: str, dims: Dims) -> Scored[tuple[str, int]]:
        """Return the ways of folding over these dimensions."""
        return [(mode, self.fold_score(key, dims, *mode)) for mode in fold_modes(dims)]

    def fold_score(self, key: str, dims: Dims, primitive: str, b: int) -> float:
        """Return how likely a fold is applied like this; dimensions of the result are kept."""
        policy = self.policy
        kept = self.state.space.output_dims
        score = policy.total(fold_features(key, dims, kept, primitive, b))
        if primitive == "Scan":
            score += policy.scan
        if b > 1:
            score += policy.deeper_fold
        if primitive == "Accum":
            score += sum(policy.lost_dim if dim in kept else policy.spent_dim for dim in dims[:b])
        return score

    # Arguments

    def arguments(
        self, wanted: tuple[Component, ...], key: str, picked: Sequence[Fit]
    ) -> Scored[Fit]:
        """Return what can follow the streams that are picked already for a function's input."""
        slot = sum(fit.width for fit in picked)
        return [
            (fit, self.fit_score(fit, key, slot, len(wanted)) + self.again(fit, picked))
            for fit in choices(tuple(self.state.values), wanted[slot:])
        ]

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

    def value_score(self, value: Value) -> float:
        """Return how much a stream is still to be used.

        Where all that was computed can become results and more is wanted, a stream that was used
        already does as well as any: continuing the others leads to no further result.
        """
        policy, state = self.policy, self.state
        used = state.consumed[value.ref] and not 0 < state.loose_ends < state.space.results
        score = policy.used_value if used else policy.unused_value
        if value.birth == state.births:
            score += policy.newest_value
        return score

    def again(self, fit: Fit, picked: Sequence[Fit]) -> float:
        """Return what the streams that are picked already say of a further one."""
        if not picked:
            return 0.0
        taken = any(other.value.ref == fit.value.ref for other in picked)
        score = self.policy.same_value_again if taken else 0.0
        return score + self.policy.total(beside_features(fit, picked, self.state.ancestors))

    # Routes

    def indices(self) -> Scored[Value]:
        """Return the streams that can route tokens, scored."""
        return [
            (
                value,
                self.value_score(value)
                + self.policy.total(argument_features(value.producer, ROUTE, 0)),
            )
            for value in self.state.values
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
        functions = self.state.space.signature.functions
        count = multihot.length.value(self.state.space.sizes) or 0
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

    # Results

    def outputs(self) -> Rows | None:
        """Return the fits of every component of every output, None if one has none."""
        rows: list[list[Fit]] = []
        for declared in self.state.space.signature.outputs:
            wanted = components(declared.dtype)
            slot = 0
            while slot < len(wanted):
                row = [
                    fit
                    for fit in choices(tuple(self.state.values), wanted[slot:])
                    if not fit.spread and _same_elements(fit.tail, declared)
                ]
                if not row:
                    return None
                rows.append(row)
                slot += row[0].width
        return rows

    def results(self, rows: Rows, taken: Sequence[Fit]) -> Scored[Fit]:
        """Return what can be the next result, given those that are taken for the first rows.

        Results are good together that took as many functions as possible: what the later ones can
        add counts for each of these.
        """
        policy = self.policy
        row, later = rows[len(taken)], rows[len(taken) + 1 :]
        known = frozenset[str]().union(*(fit.value.functions for fit in taken))
        scored: list[tuple[Fit, float]] = []
        for fit in row:
            value = fit.value
            covered = _covered(known | value.functions, later)
            score = policy.function_in_result * len(covered) + self.again(fit, taken)
            if value.birth == 0:
                score += policy.input_as_result
            elif value.birth == self.state.births:
                score += policy.newest_value
            scored.append((fit, score))
        return scored

    def finish_score(self, rows: Rows) -> float:
        """Return how good it is to end here: no function of the task should be left out."""
        policy = self.policy
        left_out = len(self.state.space.signature.functions) - len(_covered(frozenset(), rows))
        return policy.complete if left_out == 0 else policy.function_left_out * left_out


def _covered(known: frozenset[str], rows: Rows) -> frozenset[str]:
    """Return the functions that it takes to make results of these rows: many, in short order."""
    for row in rows:
        known |= max((fit.value.functions for fit in row), key=lambda made_by: len(made_by - known))
    return known


def exchangeable(picked: Sequence[Fit], wanted: tuple[Component, ...]) -> bool:
    """Return whether these are two arguments either of which could come first, by their types."""
    return len(picked) == len(wanted) == 2 and wanted[0] == wanted[1]


def _same_elements(tail: Dims, declared: Stream) -> bool:
    """Whether a tail holds as many elements as the declared shape, in symbols."""
    return product(tail) == product(declared.shape)
