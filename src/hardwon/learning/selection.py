"""The paper's stratification and selection, beta of Algorithm 1: hard-won demonstrations first."""

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import TypeVar

from hardwon.records import Experience

Item = TypeVar("Item")


def stratify(
    memory: Sequence[Experience], granularity: int, rng: random.Random | None = None
) -> list[list[Experience]]:
    """Return `granularity` strata of experiences, the hardest (rarest success) first.

    The experiences are sorted by success rate and split as evenly as possible; the highest rate of
    each part is a boundary, and experiences are sorted into strata by these boundaries, so that
    equal rates always share a stratum. Strata can therefore be empty: selecting them repeats the
    step before, which the paper keeps on purpose, since hard tasks get more samples that way.

    Nothing is left to chance; the generator is there for other stratifications.

    Raises:
        ValueError: if granularity is less than 1.
    """
    del rng
    ordered = sorted(memory, key=lambda experience: experience.success_rate)
    parts = split_evenly(ordered, granularity)
    # The last part needs no boundary, nor do empty ones: they come after all that are not.
    boundaries = [part[-1].success_rate for part in parts if part][: granularity - 1]
    strata: list[list[Experience]] = [[] for _ in range(granularity)]
    for experience in ordered:
        strata[bisect_left(boundaries, experience.success_rate)].append(experience)
    return strata


def split_evenly(items: Sequence[Item], parts: int) -> list[list[Item]]:
    """Return consecutive parts whose lengths differ by at most one, the longer ones first.

    Raises:
        ValueError: if fewer than one part is wanted.
    """
    if parts < 1:
        raise ValueError(f"expected a granularity of at least 1, got {parts}")
    size, larger = divmod(len(items), parts)
    ends = [(part + 1) * size + min(part + 1, larger) for part in range(parts)]
    return [list(items[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def select(strata: Sequence[Sequence[Experience]]) -> Iterator[tuple[Experience, ...]]:
    """Yield d_0, d_1, ...: the first (hardest) stratum, then joined by the next and the next."""
    selected: tuple[Experience, ...] = ()
    for stratum in strata:
        selected = (*selected, *stratum)
        yield selected
