"""Fits the weights of a log-linear policy to choices that were made."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hardwon.languages.step.synthesis.linear import Feature

_ITERATIONS = 40
_TOLERANCE = 1e-5
"""An iteration that lowers the loss by less than this share of it is the last one."""
_HISTORY = 6
_DECREASE = 1e-4
"""Armijo's condition: the share of the promised decrease that a step has to bring."""
_SHORTEST = 1e-6

_Vector = list[float]
_Sparse = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One choice among several options."""

    options: tuple[tuple[float, Mapping[Feature, float]], ...]
    """Of every option, its log-odds before anything is learned and what it is made of."""
    chosen: int


def log_likelihood(choices: Sequence[Choice]) -> float:
    """Return the log-probability of these choices, before anything is learned."""
    return sum(
        scores[choice.chosen] - _log_sum(scores)
        for choice in choices
        for scores in [[score for score, _ in choice.options]]
    )


def fit(
    choices: Sequence[tuple[Choice, float]], width: Callable[[Feature], float]
) -> dict[Feature, float]:
    """Return how far each weight moves: the maximum a posteriori.

    Args:
        choices: what was chosen, and how much that counts.
        width: how far a weight may move: the standard deviation of its prior, a normal distribution
            around no change. Where it is 0 the weight stays, and is left out of the result.
    """
    problem = _Problem(choices, width)
    moves = _minimised(problem.loss, len(problem.widths))
    return {
        feature: move * wide
        for (feature, wide), move in zip(problem.widths.items(), moves, strict=True)
    }


class _Problem:
    """The negative log-posterior, as a function of weights in units of their prior's width."""

    def __init__(
        self, choices: Sequence[tuple[Choice, float]], width: Callable[[Feature], float]
    ) -> None:
        self.widths: dict[Feature, float] = {}
        self.rows: list[tuple[float, int, list[tuple[float, _Sparse]]]] = []
        places: dict[Feature, int] = {}
        for choice, weight in choices:
            (_, shared), *others = choice.options
            shared = {
                feature: count
                for feature, count in shared.items()
                if all(parts.get(feature) == count for _, parts in others)
            }
            options: list[tuple[float, _Sparse]] = []
            for score, parts in choice.options:
                row: list[tuple[int, float]] = []
                for feature, count in parts.items():
                    # What all options have in common decides nothing.
                    if feature not in shared and (wide := width(feature)) > 0:
                        self.widths[feature] = wide
                        row.append((places.setdefault(feature, len(places)), count * wide))
                options.append((score, tuple(row)))
            self.rows.append((weight, choice.chosen, options))

    def loss(self, point: _Vector) -> tuple[float, _Vector]:
        """Return the value and the gradient."""
        value, gradient = 0.5 * _dot(point, point), list(point)
        for weight, chosen, options in self.rows:
            scores = [start + sum([point[at] * n for at, n in row]) for start, row in options]
            total = _log_sum(scores)
            value -= weight * (scores[chosen] - total)
            for option, (_, row) in enumerate(options):
                push = weight * (math.exp(scores[option] - total) - (option == chosen))
                for at, n in row:
                    gradient[at] += push * n
        return value, gradient


def _log_sum(scores: Sequence[float]) -> float:
    """Return the logarithm of the sum of exponentials."""
    top = max(scores)
    return top + math.log(sum([math.exp(score - top) for score in scores]))


def _dot(left: _Vector, right: _Vector) -> float:
    return sum([x * y for x, y in zip(left, right, strict=True)])


def _minimised(loss: Callable[[_Vector], tuple[float, _Vector]], size: int) -> _Vector:
    """Minimise a smooth convex function from 0 on, by L-BFGS with backtracking."""
    point = [0.0] * size
    value, gradient = loss(point)
    history: list[tuple[_Vector, _Vector]] = []
    for _ in range(_ITERATIONS):
        step = _downhill(gradient, history)
        slope = _dot(step, gradient)
        if slope >= 0:
            break
        length = 1.0 if history else min(1.0, 1 / math.sqrt(-slope))
        while True:
            there = [x + length * d for x, d in zip(point, step, strict=True)]
            lower, uphill = loss(there)
            if lower <= value + _DECREASE * length * slope:
                break
            length /= 2
            if length < _SHORTEST:
                return point
        moved = [length * d for d in step]
        turned = [new - old for new, old in zip(uphill, gradient, strict=True)]
        if _dot(moved, turned) > 0:
            history = [*history[1 - _HISTORY :], (moved, turned)]
        gained = value - lower
        point, value, gradient = there, lower, uphill
        if gained < _TOLERANCE * abs(value):
            break
    return point


def _downhill(gradient: _Vector, history: Sequence[tuple[_Vector, _Vector]]) -> _Vector:
    """Return the quasi-Newton direction (Nocedal and Wright, Numerical Optimization, 7.4)."""
    step = [-g for g in gradient]
    shares: list[float] = []
    for moved, turned in reversed(history):
        shares.append(_dot(moved, step) / _dot(moved, turned))
        step = [d - shares[-1] * y for d, y in zip(step, turned, strict=True)]
    if history:
        moved, turned = history[-1]
        scale = _dot(moved, turned) / _dot(turned, turned)
        step = [d * scale for d in step]
    for (moved, turned), share in zip(history, reversed(shares), strict=True):
        back = share - _dot(turned, step) / _dot(moved, turned)
        step = [d + back * s for d, s in zip(step, moved, strict=True)]
    return step
