"""Chains of statements that lead from a value to a wanted result, and goals on the way.

A goal is what would have to be there: data from which the statements of a chain make the result.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

import torch

from hardwon.languages.step.synthesis.search.store import NONE

OVERHEAD = 64
"""Rows that take as long as what every statement takes besides."""
_LONGER = 4
"""By how many times fewer rows make up for one statement more."""
CHOSEN = -2
"""Stands for the value that a chain is free to choose."""

Link = tuple[int, int, int]
"""A statement that leads from one goal to the next: its form, which of its arguments the goal is,
and the other argument, if any: an input, `CHOSEN` or NONE."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A value that the search has, and the statements that make it a wanted result."""

    value: int
    """Its number in the store, as all values here."""
    chosen: int
    """The value for `CHOSEN`; NONE without one."""
    links: tuple[Link, ...]
    """The first statement first."""

    def arguments(self, link: Link, value: int) -> list[int]:
        """Return the arguments of a statement whose goal is this value."""
        _, at, other = link
        if other == NONE:
            return [value]
        beside = self.chosen if other == CHOSEN else other
        return [value, beside] if at == 0 else [beside, value]


@dataclass(frozen=True, slots=True)
class Goals:
    """What would have to be there, for many chosen values at a time."""

    kind: int
    data: tuple[torch.Tensor, ...]
    """Per world, one row per goal; ."""
    chosen: torch.Tensor
    """Per row, the value chosen on the way; NONE while none is."""
    links: tuple[Link, ...] = ()
    """The last statement first."""
    codes: tuple[int, ...] = ()
    """Per row, the projections by which values are known."""

    def __len__(self) -> int:
        return self.chosen.shape[0]


@dataclass
class Frontier:
    """Goals to follow, the shortest and narrowest first, as long as there is work left.

    Few rows are left where most choices turned out to be impossible, which says most.
    """

    work: int
    """Rows that may still be worked out."""
    _heap: list[tuple[int, int, Goals]] = field(default_factory=list)
    _count: int = 0

    def add(self, goals: Goals, choices: int = 1) -> None:
        """Add goals, with so many values to choose from."""
        self._count += 1
        rows = len(goals) * choices
        heappush(self._heap, (rows * _LONGER ** len(goals.links), self._count, goals))

    def extend(self, several: Iterator[Goals]) -> None:
        """Work out goals and add them, if there is work left."""
        if self.work > 0:
            for goals in several:
                self.work -= len(goals) + OVERHEAD
                self.add(goals)

    def __iter__(self) -> Iterator[Goals]:
        while self._heap:
            yield heappop(self._heap)[2]
