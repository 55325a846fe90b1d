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
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route, choices, fold_modes
from hardwon.languages.step.synthesis.calls import routed_dims as dims_of_index
from hardwon.languages.step.synthesis.drawing import Drawing
from hardwon.languages.step.synthesis.policy import ROUTE
from hardwon.languages.step.synthesis.values import Fit, alignments, full_dims
from hardwon.languages.step.types import Component, components

MAX_ARGUMENTS = 32
"""How many lists of arguments are considered for one function."""
SPLIT_SCORE = -3.0
"""Splitting a dimension, in the units of the policy: rarely what is wanted."""

_T = TypeVar("_T")
Scored = list[tuple[_T, float]]


def moves(drawing: Drawing, *, last: bool) -> Scored[Move]:
    """Return the moves of a state, the likeliest first; not all of them turn out legal.

    Args:
        drawing: the state; it is left as it is.
        last: whether the program has to end here.
    """
    kinds: Scored[object] = []
    indices = drawing.indices()
    if not last:
        for function in drawing.sampler.signature.functions:
            if (score := drawing.function_score(function)) is not None:
                kinds.append((function, score))
        if indices and (score := drawing.route_score(indices)) is not None:
            kinds.append((ROUTE, score))
        kinds += [(split, SPLIT_SCORE) for split in _splits(drawing)]
    outputs = drawing.output_choices()
    if outputs is not None:
        kinds.append((outputs, drawing.finish_score(outputs)))
    found: Scored[Move] = []
    for kind, share in log_shares(kinds):
        options: Iterator[tuple[Move, float]]
        if isinstance(kind, Function):
            options = _uses(drawing, kind)
        elif isinstance(kind, Split):
            options = iter([(kind, 0.0)])
        elif kind is ROUTE:
            options = _sends(drawing, indices)
        else:
            assert outputs is not None
            options = _ends(drawing, outputs)
        found += [(move, share + score) for move, score in options]
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
    drawing: Drawing, wanted: tuple[Component, ...], key: str
) -> Scored[tuple[Fit, ...]]:
    """Return the likeliest lists of streams that make up an input."""
    values = tuple(drawing.values)
    open_lists: Scored[tuple[Fit, ...]] = [((), 0.0)]
    complete: Scored[tuple[Fit, ...]] = []
    while open_lists:
        longer: Scored[tuple[Fit, ...]] = []
        for picked, score in open_lists:
            slot = sum(fit.width for fit in picked)
            options = [
                (
                    (*picked, fit),
                    drawing.fit_score(fit, key, slot, len(wanted))
                    + drawing.again(fit, list(picked)),
                )
                for fit in choices(values, wanted[slot:])
            ]
            longer += [(fits, score + share) for fits, share in log_shares(options)]
        complete += [entry for entry in longer if _width(entry[0]) == len(wanted)]
        open_lists = _best([entry for entry in longer if _width(entry[0]) < len(wanted)])
    if len(wanted) == 2 and wanted[0] == wanted[1]:
        complete = _elders_first(complete, drawing.sampler.policy.elders_first)
    return _best(complete)


def _width(fits: tuple[Fit, ...]) -> int:
    return sum(fit.width for fit in fits)


def _elders_first(lists: Scored[tuple[Fit, ...]], chance: float) -> Scored[tuple[Fit, ...]]:
    """Move probability from pairs with the younger first to the same pair turned around."""
    shares: dict[tuple[Fit, ...], float] = {}
    for fits, score in lists:
        share = math.exp(score)
        if len(fits) == 2 and fits[0].value.birth > fits[1].value.birth:
            turned = (fits[1], fits[0])
            shares[turned] = shares.get(turned, 0.0) + share * chance
            share *= 1 - chance
        shares[fits] = shares.get(fits, 0.0) + share
    return [(fits, math.log(share)) for fits, share in shares.items() if share > 0]


def _uses(drawing: Drawing, function: Function) -> Iterator[tuple[Move, float]]:
    key = drawing.sampler.keys[function.name]
    for fits, score in _arguments(drawing, components(function.input), key):
        arguments = Arguments(fits)
        layouts = arguments.alignments()
        for dims in layouts:
            chance = score - math.log(len(layouts))
            if not function.is_fold:
                yield Use(Call(function, arguments, dims)), chance
                continue
            modes = [(mode, drawing.fold_score(key, dims, *mode)) for mode in fold_modes(dims)]
            for (primitive, b), share in log_shares(modes):
                yield Use(Call(function, arguments, dims, primitive, b)), chance + share


def _sends(
    drawing: Drawing, indices: Sequence[tuple[object, float]]
) -> Iterator[tuple[Move, float]]:
    keys = drawing.sampler.keys
    for index, index_share in log_shares(drawing.indices()):
        inner = dims_of_index(index)
        for family, family_share in log_shares(drawing.families(index)):
            first = family.branches[0]
            key = keys[first.name] if first else keys[family.merge.name]
            for fits, score in _arguments(drawing, family.wanted, key):
                tails = (*(fit.tail for fit in fits), inner)
                layouts = [d for d in alignments(tails) if d[len(d) - len(inner) :] == inner]
                for dims in layouts:
                    route = Route(index, family, Arguments(fits), dims)
                    chance = index_share + family_share + score - math.log(len(layouts))
                    yield Send(route), chance


def _splits(drawing: Drawing) -> Iterator[Split]:
    """Yield the ways of splitting a dimension into two that the task speaks of."""
    known = drawing.sampler.multiplicity
    for value in drawing.values:
        if len(value.items) != 1:
            continue
        present = full_dims(value.items[0], value.stream.shape)
        for at, dim in enumerate(present):
            for size in known:
                if not size.is_one and size != dim and (dim / size) in known:
                    yield Split(value, at, size)


def _ends(drawing: Drawing, outputs: list[Scored[Fit]]) -> Iterator[tuple[Move, float]]:
    lists: Scored[tuple[Fit, ...]] = [((), 0.0)]
    for row in outputs:
        longer: Scored[tuple[Fit, ...]] = []
        for taken, score in lists:
            options = [((*taken, fit), own + drawing.again(fit, list(taken))) for fit, own in row]
            longer += [(fits, score + share) for fits, share in log_shares(options)]
        lists = _best(longer)
    for taken, score in lists:
        yield End(taken), score
