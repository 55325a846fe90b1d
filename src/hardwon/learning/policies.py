"""Policies: what a run remembers of its successes, and which of it is shown when.

A policy fills the three free places of Algorithm 1: the filter sigma, and, for the selection beta,
how memory is split into strata and how strata are joined. All of them are plain functions behind
small protocols; `POLICIES` lists those that a run can name.

Whatever the policy, a cycle has at most m steps and the last one shows all that the policy ever
shows. So the algorithm's ending rule holds for each of them: a cycle without a new success has
tried everything, and each success takes one task off a finite list.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hardwon.learning.filtering import Filter, filter_named, keep_best
from hardwon.learning.registry import named
from hardwon.learning.selection import select, split_evenly, stratify
from hardwon.learning.similarity import similarity
from hardwon.records import Experience, Task


class Stratification(Protocol):
    """Splits memory into strata."""

    def __call__(
        self, memory: Sequence[Experience], granularity: int, rng: random.Random
    ) -> Sequence[Sequence[Experience]]:
        """Return the strata, the one that is shown first first; some may be empty.

        Raises:
            ValueError: if granularity is less than 1.
        """
        ...


class Selection(Protocol):
    """Joins strata into demonstrations."""

    def __call__(self, strata: Sequence[Sequence[Experience]]) -> Iterator[tuple[Experience, ...]]:
        """Yield the demonstrations of one cycle, step by step: at least one step, at most m."""
        ...


class View(Protocol):
    """What a task sees of the demonstrations of a step."""

    def __call__(
        self, task: Task, demonstrations: tuple[Experience, ...], step: int
    ) -> tuple[Experience, ...]:
        """Return some or all of them, in the order of the prompt.

        It depends on nothing but its arguments, so that a journal that holds them tells what each
        task was shown.
        """
        ...


def whole(task: Task, demonstrations: tuple[Experience, ...], step: int) -> tuple[Experience, ...]:
    """Show every demonstration to every task."""
    del task, step
    return demonstrations


@dataclass(frozen=True, slots=True)
class Policy:
    """How a run learns."""

    name: str
    granularity: int = 3
    """m, the most steps of a cycle."""
    keep: Filter = keep_best
    stratify: Stratification = stratify
    select: Selection = select
    view: View = whole

    def steps(
        self, memory: Sequence[Experience], rng: random.Random
    ) -> Iterator[tuple[Experience, ...]]:
        """Yield the demonstrations of one cycle, step by step."""
        return self.select(self.stratify(memory, self.granularity, rng))


# Stratifications.


def at_once(
    memory: Sequence[Experience], granularity: int, rng: random.Random
) -> list[list[Experience]]:
    """Put everything into a single stratum, hardest first; its cycles have one step."""
    del granularity
    return stratify(memory, 1, rng)


def shuffled(
    memory: Sequence[Experience], granularity: int, rng: random.Random
) -> list[list[Experience]]:
    """Split memory evenly at random."""
    return split_evenly(rng.sample(list(memory), len(memory)), granularity)


def easiest_first(
    memory: Sequence[Experience], granularity: int, rng: random.Random
) -> list[list[Experience]]:
    """Split as the paper does, but begin with the easiest stratum."""
    strata = stratify(memory, granularity, rng)
    return [stratum[::-1] for stratum in strata[::-1]]


def by_nearness(
    memory: Sequence[Experience], granularity: int, rng: random.Random
) -> list[list[Experience]]:
    """Keep memory together, hardest first; `Nearest` decides what a task sees of it in each step.

    The first stratum holds everything and the others nothing, so that every step selects all.
    """
    (whole_memory,) = stratify(memory, 1, rng)
    return [whole_memory, *([] for _ in range(granularity - 1))]


# Selections.


def nothing(strata: Sequence[Sequence[Experience]]) -> Iterator[tuple[Experience, ...]]:
    """Never show anything, as often as there are strata: the control without memory."""
    for _ in strata:
        yield ()


# Views.


@dataclass(frozen=True, slots=True)
class Nearest:
    """Shows each task the solved tasks that are most like it, and more of them in each step."""

    granularity: int

    def __call__(
        self, task: Task, demonstrations: tuple[Experience, ...], step: int
    ) -> tuple[Experience, ...]:
        """See `View`: nearest first, ceil((step + 1) / m * all) of them, so in the end all."""
        shown = -(-len(demonstrations) * (step + 1) // self.granularity)
        nearest = sorted(demonstrations, key=lambda shown: -similarity(task, shown.task))
        return tuple(nearest[:shown])


def _paper(granularity: int, keep: Filter) -> Policy:
    return Policy("paper", granularity, keep)


def _all(granularity: int, keep: Filter) -> Policy:
    return Policy("all", granularity, keep, at_once)


def _random(granularity: int, keep: Filter) -> Policy:
    return Policy("random", granularity, keep, shuffled)


def _easiest(granularity: int, keep: Filter) -> Policy:
    return Policy("easiest", granularity, keep, easiest_first)


def _nearest(granularity: int, keep: Filter) -> Policy:
    return Policy("nearest", granularity, keep, by_nearness, select, Nearest(granularity))


def _none(granularity: int, keep: Filter) -> Policy:
    return Policy("none", granularity, keep, select=nothing)


POLICIES: Mapping[str, Callable[[int, Filter], Policy]] = {
    "paper": _paper,
    "all": _all,
    "random": _random,
    "easiest": _easiest,
    "nearest": _nearest,
    "none": _none,
}
"""Every policy by name, made from m and a filter."""


def make_policy(name: str = "paper", *, granularity: int = 3, keep: str = "shortest") -> Policy:
    """Return a policy.

    Args:
        name: one of `POLICIES`.
        granularity: m, at least 1.
        keep: the filter, one of `FILTERS`.

    Raises:
        UnknownNameError: if there is no such policy or filter; the message lists those that exist.
        ValueError: if granularity is less than 1.
    """
    if granularity < 1:
        raise ValueError(f"expected a granularity of at least 1, got {granularity}")
    return named("policy", POLICIES, name)(granularity, filter_named(keep))
