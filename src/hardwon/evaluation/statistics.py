"""How sure one can be: confidence intervals by bootstrap, and a paired permutation test.

Everything is decided by a seed. Values come as a table with one row per seed (or run) and one
column per task, because a result varies with both.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

DRAWS = 2000
"""Resamples; an end of a 95% interval then rests on 50 of them."""
_EXACT = 12
"""Up to so many pairs, all sign changes are tried instead of a random choice of them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"


Grid = Sequence[Sequence[float]]
"""One row per seed, one column per task."""


def mean_of(grid: Grid) -> float:
    """Return the mean over all cells.

    Raises:
        ValueError: if there are none.
    """
    cells = [value for row in grid for value in row]
    if not cells:
        raise ValueError("a mean needs at least one value")
    return sum(cells) / len(cells)


def bootstrap(
    grid: Grid,
    statistic: Callable[[Grid], float] = mean_of,
    *,
    level: float = 0.95,
    draws: int = DRAWS,
    seed: int = 0,
) -> Estimate:
    """Return a statistic with its percentile bootstrap interval (Efron, 1979).

    Rows and columns are resampled independently, with replacement: the interval speaks of other
    seeds and of other tasks like these. With one row it speaks of tasks alone.

    Raises:
        ValueError: if the grid is empty or ragged.
    """
    _require_rectangle(grid)
    rng = random.Random(seed)
    rows, columns = len(grid), len(grid[0])
    found = []
    for _ in range(draws):
        picked = rng.choices(range(columns), k=columns)
        found.append(
            statistic(
                [[grid[row][at] for at in picked] for row in rng.choices(range(rows), k=rows)]
            )
        )
    found.sort()
    tail = (1 - level) / 2
    return Estimate(statistic(grid), _quantile(found, tail), _quantile(found, 1 - tail))


def paired_difference(
    grid: Grid, other: Grid, *, draws: int = DRAWS, seed: int = 0
) -> tuple[Estimate, float]:
    """Return the mean difference between two tables with its interval, and a p-value.

    The tables have the same seeds and tasks. The p-value is that of a two-sided permutation test
    that changes the sign of each task's mean difference (Fisher's): under the null hypothesis,
    which of the two did better on a task is a matter of chance. Tasks are the unit, because seeds
    of one task are alike.

    Raises:
        ValueError: if the tables do not fit each other.
    """
    _require_rectangle(grid)
    _require_rectangle(other)
    if (len(grid), len(grid[0])) != (len(other), len(other[0])):
        raise ValueError("a paired test needs the same seeds and tasks on both sides")
    differences = [
        [one - two for one, two in zip(row, others, strict=True)]
        for row, others in zip(grid, other, strict=True)
    ]
    per_task = [sum(column) / len(differences) for column in zip(*differences, strict=True)]
    return bootstrap(differences, draws=draws, seed=seed), sign_flip_p(
        per_task, draws=draws, seed=seed
    )


def sign_flip_p(differences: Sequence[float], *, draws: int = DRAWS, seed: int = 0) -> float:
    """Return the two-sided p-value of a mean difference of pairs.

    It is exact for few differences that are not zero (zeros change nothing), otherwise estimated so
    that it is never too small: (hits + 1) / (draws + 1).
    """
    moving = [difference for difference in differences if difference]
    reached = abs(sum(moving))
    slack = 1e-12 * sum(map(abs, moving))

    def as_large(signs: Sequence[int]) -> bool:
        total = sum(sign * value for sign, value in zip(signs, moving, strict=True))
        return abs(total) >= reached - slack

    if len(moving) <= _EXACT:
        every = list(product((1, -1), repeat=len(moving)))
        return sum(map(as_large, every)) / len(every)
    rng = random.Random(seed)
    hits = sum(as_large(rng.choices((1, -1), k=len(moving))) for _ in range(draws))
    return (hits + 1) / (draws + 1)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Interpolate between the neighbours of a share's place in ordered values."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def _require_rectangle(grid: Grid) -> None:
    if not grid or not grid[0] or any(len(row) != len(grid[0]) for row in grid):
        raise ValueError("expected a table with at least one row and column, without gaps")
