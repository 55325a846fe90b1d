"""What a sampler learns from demonstrations: a log-linear policy, fitted to their choices.

Weights start at the plain preferences (those of features at 0) and move as far as demonstrations
pull them against a normal prior. Nothing is carried over from an earlier fit, so what is learned
depends on the demonstrations alone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from hardwon.languages.step.synthesis.fitting import Choice, fit
from hardwon.languages.step.synthesis.linear import Feature
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.replay import PLAIN, replay
from hardwon.languages.step.synthesis.space import Sizes, Space
from hardwon.records import Experience, Task

_Sizes = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Prior:
    """How far weights may move: standard deviations in log-odds, by the kind of their features.

    The values were chosen on the second task set, by the likelihood of programs that were held out.
    """

    plain: float = 0.3
    """The plain preferences."""
    declared: float = 2.0
    """Functions in the order of their declaration."""
    pair: float = 1.0
    """A function fed by another one, or by an input."""
    beside: float = 1.0
    """Arguments that are related in some way."""
    tails: float = 1.0
    """Arguments whose dimensions are related in some way."""
    mode: float = 1.5
    """A fold over so many dimensions."""
    fold: float = 0.5
    """A fold over just those dimensions that the results lack, or others."""

    def width(self, feature: Feature) -> float:
        """Return the standard deviation of a weight."""
        return float(getattr(self, feature[0]))


PRIOR = Prior()


def learned(
    demonstrations: Sequence[Experience], sizes: Mapping[str, Sizes], prior: Prior = PRIOR
) -> Policy:
    """Return the policy that demonstrations teach; without any, the plain one.

    Args:
        demonstrations: solved tasks. Each counts as one, but hard-won ones count for more.
        sizes: the sizes of their tasks, by digest.
        prior: how much may be learned of what.
    """
    lessons = tuple(
        (
            shown.task,
            shown.impl,
            tuple(sorted(sizes[shown.task.digest].items())),
            shown.success_rate,
        )
        for shown in demonstrations
    )
    return _learned(lessons, prior)


@lru_cache(maxsize=32)
def _learned(lessons: tuple[tuple[Task, str, _Sizes, float], ...], prior: Prior) -> Policy:
    """Fit a policy; all tasks of an iteration ask for the same one."""
    hardness = [1.0 - math.log10(max(rate, 1e-3)) for *_, rate in lessons]
    mean = sum(hardness) / len(hardness) if hardness else 1.0
    choices = [
        (choice, weight / mean)
        for (task, impl, sizes, _), weight in zip(lessons, hardness, strict=True)
        for choice in _choices(task, impl, sizes)
    ]
    start = Policy()
    plain: dict[str, float] = {}
    weights: dict[Feature, float] = {}
    for feature, move in fit(choices, prior.width).items():
        if feature[0] == PLAIN:
            plain[feature[1]] = getattr(start, feature[1]) + move
        else:
            weights[feature] = move
    return replace(start, weights=weights, **plain)


@lru_cache(maxsize=512)
def _choices(task: Task, impl: str, sizes: _Sizes) -> tuple[Choice, ...]:
    """Return the choices behind a program; none if it cannot be read."""
    space = Space.of(task, dict(sizes))
    graph = space.read(impl)
    return () if graph is None else replay(graph, space)
