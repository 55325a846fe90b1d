"""Puts values together to statements: with their ancestors at once, with all others by cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from math import prod
from operator import or_

import torch

from hardwon.languages.step.synthesis.search.costs import STATEMENT
from hardwon.languages.step.synthesis.search.forms import Forms, Group, Slot
from hardwon.languages.step.synthesis.search.pricing import BLOCK, FAR, NEAR, RELATED, Pricer
from hardwon.languages.step.synthesis.search.queue import Shelf, combinations
from hardwon.languages.step.synthesis.search.store import NONE, Store

_LOWEST = -(1 << 30)


@dataclass(frozen=True, slots=True)
class _Arrivals:
    """Values of one kind that came in one round."""

    turn: int
    values: torch.Tensor
    bits: int
    """The functions that any of them takes."""


@dataclass
class Joiner:
    """Offers all statements that values make possible."""

    forms: Forms
    store: Store
    pricer: Pricer
    horizon: int = _LOWEST
    """The cost up to which pairs of unrelated values have been put together."""
    far: int = _LOWEST
    """The same for pairs that use all functions and may be a result."""
    _shelves: dict[Slot, Shelf] = field(default_factory=dict)
    _own: dict[Slot, Shelf] = field(default_factory=dict)
    """What was put on shelves in this round."""
    _by_kind: dict[int, list[Group]] = field(default_factory=dict)
    """The groups of forms that take a kind."""
    _members: dict[int, list["_Arrivals"]] = field(default_factory=dict)
    """The values of a kind that have been put on shelves."""
    _turn: int = 0

    def widen(self, *, far: bool) -> None:
        """Put pairs together whose cost, if they share nothing, is the horizon's, and move it."""
        low = self.far if far else self.horizon
        high = max(low + 1, self.pricer.level)
        for group in self.forms.groups:
            if len(group.slots) > 1 and (not far or self.pricer.may_be_result(group)):
                shelves = [(self._shelves[slot], None) for slot in group.slots]
                self._put_products(group, shelves, low, high, far=far)
        self.pricer.flush()
        if far:
            self.far = high
        else:
            self.horizon = high

    @property
    def is_exhausted(self) -> bool:
        """Whether no pairs are left to be put together."""
        tops = [
            STATEMENT + sum(max(self._shelves[slot].levels, default=0) for slot in group.slots)
            for group in self.forms.groups
            if len(group.slots) > 1
        ]
        return self.horizon >= max(tops, default=self.horizon)

    def welcome(self, values: torch.Tensor) -> None:
        """Put together all statements that new values make possible up to the horizon."""
        kinds = self.store.kind[values]
        for kind in distinct(kinds):
            members = values[kinds == kind]
            self._turn += 1
            if kind not in self._by_kind:
                self._by_kind[kind] = []
                for group in self.forms.with_kind(kind):
                    self._register(group)
            self._shelve(kind, members)
            related = _Related(self.store, self.pricer.inputs, members, kind)
            for group in self._by_kind[kind]:
                if len(group.slots) == 1:
                    self.pricer.offer(group, members.unsqueeze(1), RELATED)
                    continue
                pattern = tuple(slot.kind for slot in group.slots)
                for arguments in related.to(pattern):
                    self.pricer.offer(group, arguments, RELATED)
                self._put_unrelated(group, kind)
        self.pricer.flush()

    # Shelves

    def _register(self, group: Group) -> None:
        self.pricer.register(group)
        for kind in {slot.kind for slot in group.slots}:
            self._by_kind[kind].append(group)
        for slot in group.slots:
            if slot not in self._shelves:
                self._shelves[slot] = Shelf()
                for arrived in self._members.get(slot.kind, ()):
                    self._fill(slot, arrived)

    def _shelve(self, kind: int, values: torch.Tensor) -> None:
        arrived = _Arrivals(self._turn, values, any_bits(self.store.used[values]))
        self._members.setdefault(kind, []).append(arrived)
        self._own = {slot: self._fill(slot, arrived) for slot in self._shelves if slot.kind == kind}

    def _fill(self, slot: Slot, arrived: "_Arrivals") -> Shelf:
        """Add values to a shelf, and return a shelf with nothing else."""
        turn, values = arrived.turn, arrived.values
        levels = self.store.cost[values] + self.pricer.pair(slot, values)
        shelf, own = self._shelves[slot], Shelf(bits=arrived.bits)
        shelf.bits |= arrived.bits
        for level in distinct(levels):
            piece = values[levels == level]
            shelf.put(level, turn, piece)
            own.put(level, turn, piece)
        return own

    # Products

    def _put_unrelated(self, group: Group, kind: int) -> None:
        """Put the values of this round together with all others, as far as the horizon."""
        for at, slot in enumerate(group.slots):
            if slot.kind != kind:
                continue
            shelves = [
                (self._own[slot], None)
                if position == at
                else (self._shelves[other], self._turn if position < at else None)
                for position, other in enumerate(group.slots)
            ]
            self._put_products(group, shelves, _LOWEST, self.horizon, far=False)
            if self.pricer.may_be_result(group):
                self._put_products(group, shelves, _LOWEST, self.far, far=True)

    def _put_products(
        self,
        group: Group,
        shelves: Sequence[tuple[Shelf, int | None]],
        low: int,
        high: int,
        *,
        far: bool,
    ) -> None:
        """Put values of one shelf together with those of the others whose cost is in between.

        Far ones only where all functions are used; these are left out otherwise.
        """
        own = self.store.bits_of(group.functions)
        if far and reduce(or_, (shelf.bits for shelf, _ in shelves), own) != self.store.all_used:
            return
        waiting: list[torch.Tensor] = []
        rows = 0
        for columns in combinations(shelves, low - STATEMENT, high - STATEMENT):
            for arguments in _products(self._completing(own, columns) if far else columns):
                waiting.append(arguments)
                rows += len(arguments)
                if rows >= BLOCK:
                    self.pricer.offer(group, torch.cat(waiting), FAR if far else NEAR)
                    waiting, rows = [], 0
        if rows:
            self.pricer.offer(group, torch.cat(waiting), FAR if far else NEAR)

    def _completing(self, own: int, columns: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Leave out values that cannot bring the missing functions, whatever is beside them."""
        used = [self.store.used[column] for column in columns]
        anything = [any_bits(bits) for bits in used]
        kept: list[torch.Tensor] = []
        for at, (column, bits) in enumerate(zip(columns, used, strict=True)):
            beside = own
            for other, more in enumerate(anything):
                beside |= more if other != at else 0
            kept.append(column[(bits | beside) == self.store.all_used])
        return tuple(kept)


class _Related:
    """New values of one kind with their ancestors, and with inputs besides."""

    def __init__(self, store: Store, inputs: int, values: torch.Tensor, kind: int) -> None:
        table = store.ancestors[values]
        width = int((table != NONE).sum(dim=1).max())
        common = torch.arange(inputs, dtype=torch.int32).expand(len(values), inputs)
        self._table = torch.cat([table[:, :width], common], dim=1)
        self._kinds = store.kind[self._table.clamp_min(0)]
        self._kinds[self._table == NONE] = NONE
        self._present = frozenset(distinct(self._kinds))
        self._inputs, self._values, self._kind = inputs, values, kind
        self._known: dict[tuple[int, ...], list[torch.Tensor]] = {}

    def to(self, pattern: tuple[int, ...]) -> list[torch.Tensor]:
        """Return all arguments of these kinds, one of them new and an ancestor among the others."""
        if pattern not in self._known:
            self._known[pattern] = list(self._arguments(pattern))
        return self._known[pattern]

    def _arguments(self, pattern: tuple[int, ...]) -> Iterator[torch.Tensor]:
        values = self._values
        for at, kind in enumerate(pattern):
            others = [p for p in range(len(pattern)) if p != at]
            if kind != self._kind or any(pattern[p] not in self._present for p in others):
                continue
            rows = torch.arange(len(values))
            columns: list[torch.Tensor] = []
            for position, other in enumerate(pattern):
                if position == at:
                    columns.append(values[rows])
                    continue
                usable = self._kinds[rows] == other
                if position < at:  # the same statement came with the value in that place
                    usable &= self._table[rows] != values[rows].unsqueeze(1)
                where, entry = usable.nonzero(as_tuple=True)
                columns = [column[where] for column in columns]
                rows = rows[where]
                columns.append(self._table[rows, entry])
            arguments = torch.stack(columns, dim=1)
            yield arguments[(arguments[:, others] >= self._inputs).any(dim=1)]


def _products(columns: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield every value of one column with every value of the others, in bounded pieces."""
    widest = max(range(len(columns)), key=lambda at: columns[at].shape[0])
    others = prod(column.shape[0] for at, column in enumerate(columns) if at != widest)
    if not others:
        return
    step = max(1, BLOCK // others)
    for start in range(0, columns[widest].shape[0], step):
        part = [
            column[start : start + step] if at == widest else column
            for at, column in enumerate(columns)
        ]
        grid = torch.meshgrid(*part, indexing="ij")
        yield torch.stack([axis.reshape(-1) for axis in grid], dim=1)


def any_bits(bits: torch.Tensor) -> int:
    """Return the bits that are set anywhere."""
    return reduce(or_, set(bits.tolist()), 0)


def distinct(numbers: torch.Tensor) -> list[int]:
    """Return the numbers that occur, in rising order."""
    return sorted(set(numbers.flatten().tolist()))
