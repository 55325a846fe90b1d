"""The features of choices: what experience tells them apart by, beyond the plain preferences.

A feature is a kind and what it depends on. Those of the kinds "pair" and "mode" name functions, by
key; all others carry over to tasks of which no function was ever seen.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.synthesis.linear import Feature
from hardwon.languages.step.synthesis.values import Dims, Fit, is_subsequence

_PASSED_OVER = 2
"""More functions passed over than this count as so many."""


def call_features(name: str, called: Counter[str], places: Mapping[str, int]) -> Iterator[Feature]:
    """Yield what there is to say of calling a function.

    People declare functions in the order in which they think of them, often that of their first
    use. Experience shows whether that holds.
    """
    if not called[name]:
        over = sum(place < places[name] and not called[other] for other, place in places.items())
        yield ("declared", f"{min(over, _PASSED_OVER)} passed over")


def argument_features(producer: str, consumer: str, slot: int) -> Iterator[Feature]:
    """Yield what there is to say of a stream for an input, from component `slot` on."""
    yield ("pair", producer, consumer, str(slot))


def beside_features(
    fit: Fit, picked: Sequence[Fit], ancestors: Mapping[Ref, frozenset[Ref]]
) -> Iterator[Feature]:
    """Yield what there is to say of a stream next to those that were picked before it."""
    yield ("beside", _kinship(fit, picked[0], ancestors))
    yield ("tails", _overlap(fit.tail, picked[-1].tail))


def _kinship(fit: Fit, first: Fit, ancestors: Mapping[Ref, frozenset[Ref]]) -> str:
    """Return how a stream is related to the first argument."""
    value, other = fit.value, first.value
    mine = ancestors.get(value.ref, frozenset())
    its = ancestors.get(other.ref, frozenset())
    if value.ref == other.ref:
        return "itself"
    if value.birth == other.birth == 0:
        return "later input" if value.ref > other.ref else "earlier input"
    if other.ref in mine:
        return "descendant"
    if value.ref in its:
        return "ancestor"
    age = "older" if value.birth < other.birth else "younger"
    return f"{age} relative" if mine & its else f"{age} stranger"


def _overlap(dims: Dims, other: Dims) -> str:
    """Return how the dimensions of two arguments are related."""
    if dims == other:
        return "equal"
    if is_subsequence(dims, other):
        return "part"
    if is_subsequence(other, dims):
        return "whole"
    return "overlapping" if set(dims) & set(other) else "apart"


def fold_features(
    key: str, dims: Dims, kept: Collection[Dim], primitive: str, b: int
) -> Iterator[Feature]:
    """Yield what there is to say of folding the innermost `b` of the dimensions.

    `kept` are the dimensions of the results.
    """
    spent = next((at for at, dim in enumerate(dims) if dim in kept), len(dims))
    reach = "short" if b < spent else "exact" if b == spent else "beyond"
    yield ("mode", key, f"{primitive} {b}")
    yield ("fold", primitive, reach if spent else "nothing spent")
