"""Stratification and selection, beta of Algorithm 1: hard-won demonstrations first."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from hardwon.records import Experience


def stratify(memory: Sequence[Experience], granularity: int) -> list[list[Experience]]:
    """Return `granularity` strata of experiences, the hardest (rarest success) first.

    The experiences are sorted by success rate and split as evenly as possible; the highest rate of
    each part is a boundary, and experiences are sorted into strata by these boundaries, so that
    equal rates always share a stratum. Strata can therefore be empty: selecting them repeats the
    step before, which the paper keeps on purpose, since hard tasks get more samples that way.

    Raises:
        ValueError: if granularity is less than 1.
    """
    if granularity < 1:
        raise ValueError(f"expected a granularity of at least 1, got {granularity}")
    ordered = sorted(memory, key=lambda experience: experience.success_rate)
    strata: list[list[Experience]] = [[] for _ in range(granularity)]
    boundaries = _boundaries([experience.success_rate for experience in ordered], granularity)
    for experience in ordered:
        strata[bisect_left(boundaries, experience.success_rate)].append(experience)
    return strata


def _boundaries(rates: Sequence[float], parts: int) -> list[float]:
    """Return the highest rate of every part but the last; none for parts that are empty."""
    size, larger = divmod(len(rates), parts)
    ends = [(part + 1) * size + min(part + 1, larger) for part in range(parts - 1)]
    return [rates[end - 1] for end in ends if 0 < end < len(rates)]


def select(strata: Sequence[Sequence[Experience]]) -> Iterator[tuple[Experience, ...]]:
    """Yield d_0, d_1, ...: the hardest stratum, then joined by easier and easier ones."""
    selected: tuple[Experience, ...] = ()
    for stratum in strata:
        selected = (*selected, *stratum)
        yield selected
