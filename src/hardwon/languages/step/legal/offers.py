"""All moves of a state with the log-probability that the policy gives them.

The policy decides in stages, as the sampler does: what to do, on which streams, aligned how. The
probability of a move is the product over its stages.
"""

import heapq
import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from hardwon.languages.step.legal.moves import End, Move, Send, Split, Use
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route, route_layouts
from hardwon.languages.step.synthesis.keys import ROUTE
from hardwon.languages.step.synthesis.options import Options, Rows, exchangeable
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.synthesis.values import Fit, Value, full_dims
from hardwon.languages.step.types import Component, components

MAX_ARGUMENTS = 32
"""How many lists of arguments are considered for one function."""
SPLIT_SCORE = -3.0
"""Splitting a dimension, in the units of the policy: rarely what is wanted."""

_T = TypeVar("_T")
Scored = list[tuple[_T, float]]


def moves(options: Options, *, last: bool) -> Scored[Move]:
    """Return the moves of a state, the likeliest first; not all of them turn out legal.

    Args:
        options: what the state leaves; the state stays as it is.
        last: whether the program has to end here.
    """
    indices, outputs = options.indices(), options.outputs()
    kinds: Scored[object] = []
    if last:
        if outputs is not None:
            kinds.append((outputs, 0.0))
    else:
        kinds += options.statements(indices, outputs)
        kinds += [(split, SPLIT_SCORE) for split in _splits(options.state)]
    found: Scored[Move] = []
    for kind, share in log_shares(kinds):
        ways: Iterator[tuple[Move, float]]
        if isinstance(kind, Function):
            ways = _uses(options, kind)
        elif isinstance(kind, Split):
            ways = iter([(kind, 0.0)])
        elif kind is ROUTE:
            ways = _sends(options, indices)
        else:
            assert outputs is not None
            ways = _ends(options, outputs)
        found += [(move, share + score) for move, score in ways]
    return sorted(found, key=lambda entry: -entry[1])


def log_shares(options: Sequence[tuple[_T, float]]) -> Scored[_T]:
    """Return the options with the logarithms of their shares, given their log-odds."""
    if not options:
        return []
    top = max(score for _, score in options)
    total = top + math.log(sum(math.exp(score - top) for _, score in options))
    return [(option, score - total) for option, score in options]


def _best(options: Scored[_T]) -> Scored[_T]:
    return heapq.nlargest(MAX_ARGUMENTS, options, key=lambda entry: entry[1])


def _arguments(
    options: Options, wanted: tuple[Component, ...], key: str
) -> Scored[tuple[Fit, ...]]:
    """Return the likeliest lists of streams that make up an input."""
    open_lists: Scored[tuple[Fit, ...]] = [((), 0.0)]
    complete: Scored[tuple[Fit, ...]] = []
    while open_lists:
        longer: Scored[tuple[Fit, ...]] = []
        for picked, score in open_lists:
            further = log_shares(options.arguments(wanted, key, picked))
            longer += [((*picked, fit), score + share) for fit, share in further]
        complete += [entry for entry in longer if _width(entry[0]) == len(wanted)]
        open_lists = _best([entry for entry in longer if _width(entry[0]) < len(wanted)])
    return _best(_elders_first(complete, wanted, options.policy.elders_first))


def _width(fits: tuple[Fit, ...]) -> int:
    return sum(fit.width for fit in fits)


def _elders_first(
    lists: Scored[tuple[Fit, ...]], wanted: tuple[Component, ...], chance: float
) -> Scored[tuple[Fit, ...]]:
    """Move probability from pairs with the younger first to the same pair turned around."""
    shares: dict[tuple[Fit, ...], float] = {}
    for fits, score in lists:
        share = math.exp(score)
        if exchangeable(fits, wanted) and fits[0].value.birth > fits[1].value.birth:
            turned = (fits[1], fits[0])
            shares[turned] = shares.get(turned, 0.0) + share * chance
            share *= 1 - chance
        shares[fits] = shares.get(fits, 0.0) + share
    return [(fits, math.log(share)) for fits, share in shares.items() if share > 0]


def _uses(options: Options, function: Function) -> Iterator[tuple[Move, float]]:
    key = options.state.space.keys[function.name]
    for fits, score in _arguments(options, components(function.input), key):
        arguments = Arguments(fits)
        layouts = arguments.alignments()
        for dims in layouts:
            chance = score - math.log(len(layouts))
            if not function.is_fold:
                yield Use(Call(function, arguments, dims)), chance
                continue
            for (primitive, b), share in log_shares(options.folds(key, dims)):
                yield Use(Call(function, arguments, dims, primitive, b)), chance + share


def _sends(
    options: Options, indices: Sequence[tuple[Value, float]]
) -> Iterator[tuple[Move, float]]:
    for index, index_share in log_shares(indices):
        for family, family_share in log_shares(options.families(index)):
            key = family.key(options.state.space.keys)
            for fits, score in _arguments(options, family.wanted, key):
                arguments = Arguments(fits)
                layouts = route_layouts(index, arguments)
                for dims in layouts:
                    chance = index_share + family_share + score - math.log(len(layouts))
                    yield Send(Route(index, family, arguments, dims)), chance


def _splits(state: State) -> Iterator[Split]:
    """Yield the ways of splitting a dimension into two that the task speaks of."""
    known = state.space.multiplicity
    for value in state.values:
        if len(value.items) != 1:
            continue
        present = full_dims(value.items[0], value.stream.shape)
        for at, dim in enumerate(present):
            for size in known:
                if not size.is_one and size != dim and (dim / size) in known:
                    yield Split(value, at, size)


def _ends(options: Options, rows: Rows) -> Iterator[tuple[Move, float]]:
    lists: Scored[tuple[Fit, ...]] = [((), 0.0)]
    for _ in rows:
        longer: Scored[tuple[Fit, ...]] = []
        for taken, score in lists:
            further = log_shares(options.results(rows, taken))
            longer += [((*taken, fit), score + share) for fit, share in further]
        lists = _best(longer)
    for taken, score in lists:
        yield End(taken), score
