"""What statements cost, for very many at a time, and with that where they wait for their turn."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from hardwon.languages.step.synthesis.search.costs import STATEMENT
from hardwon.languages.step.synthesis.search.forms import Forms, Group, Slot
from hardwon.languages.step.synthesis.search.queue import Batch, Pending
from hardwon.languages.step.synthesis.search.store import MAX_STEPS, NONE, Column, Store
from hardwon.languages.step.synthesis.search.targets import Targets

BLOCK = 1 << 16
"""Rows that are priced together."""

RELATED, NEAR, FAR = 0, 1, 2
"""How arguments were brought together: one with its ancestors and inputs; or any with any, up to
the horizon, or beyond it because all functions are used."""

_Place = tuple[str, int, int, int]
"""Consumer, slot, width and total: what the cost of an argument depends on besides its maker."""


@dataclass(frozen=True, slots=True)
class _Offer:
    """Arguments for the forms of one group."""

    group: Group
    arguments: torch.Tensor
    reach: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """Statements of one offer that cost the same before their forms are known."""

    offer: int
    level: int
    complete: bool
    batch: Batch


@dataclass
class Pricer:
    """Queues statements at the levels of their costs.

    Offers are collected and priced together, since most hold a few rows only and the overhead of
    tensor operations would dominate.
    """

    forms: Forms
    store: Store
    targets: Targets
    pending: Pending
    level: int = 0
    """The lowest level at which statements may still wait."""
    _offers: list[_Offer] = field(default_factory=list)
    _rows: int = 0
    _wanted: list[tuple[tuple[int, int, bool], ...]] = field(default_factory=list)
    """Per group, its forms with what they cost and whether they may be a result."""
    _places: dict[_Place, int] = field(default_factory=dict)
    _table: torch.Tensor = field(default_factory=lambda: torch.empty((0, 0, 2), dtype=torch.int32))
    """By place and maker, what an argument adds, and what it adds per repeated function."""
    _group_places: Column = field(init=False)
    _group_functions: Column = field(init=False)

    def __post_init__(self) -> None:
        self._group_places = Column.of(self.store.slots, dtype=torch.int64)
        self._group_functions = Column.of(self.store.functions, dtype=torch.int32)

    @property
    def inputs(self) -> int:
        """How many inputs the task has; they are the first values."""
        return len(self.forms.space.signature.inputs)

    def register(self, group: Group) -> None:
        """Take note of a group; groups come in the order of their numbers."""
        costs = [
            (number, self.forms.forms[number].cost, self._is_wanted(number))
            for number in group.forms
        ]
        self._wanted.append(tuple(costs))
        places = torch.zeros((1, self.store.slots), dtype=torch.int64)
        for at, slot in enumerate(group.slots):
            places[0, at] = self._place(slot)
        self._group_places.extend(places)
        functions = torch.zeros((1, self.store.functions), dtype=torch.int32)
        functions[0, list(group.functions)] = 1
        self._group_functions.extend(functions)

    def may_be_result(self, group: Group) -> bool:
        """Whether results of a group can be what the task asks for."""
        return any(wanted for _, _, wanted in self._wanted[group.number])

    def _is_wanted(self, number: int) -> bool:
        return self.targets.wants(self.forms.kinds[self.forms.forms[number].result])

    def _place(self, slot: Slot) -> int:
        place = (slot.consumer, slot.at, slot.width, slot.total)
        return self._places.setdefault(place, len(self._places))

    def pair(self, slot: Slot, values: torch.Tensor) -> torch.Tensor:
        """Return what values add as this argument."""
        place = self._place(slot)
        return self._known_table()[place, self.store.maker[values].to(torch.int64), 0]

    def _known_table(self) -> torch.Tensor:
        """Return the table of pairs, with all places and makers of now."""
        places, makers = len(self._places), list(self.store.makers)
        rows, columns, _ = self._table.shape
        if (rows, columns) != (places, len(makers)):
            table = torch.empty((places, len(makers), 2), dtype=torch.int32)
            table[:rows, :columns] = self._table
            for number, (consumer, at, width, total) in enumerate(self._places):
                known = columns if number < rows else 0
                fresh = [
                    (
                        self.forms.costs.pair(maker[0], consumer, at, width, total),
                        self.forms.costs.again(maker, consumer, at, width),
                    )
                    for maker in makers[known:]
                ]
                if fresh:
                    table[number, known:] = torch.tensor(fresh, dtype=torch.int32)
            self._table = table
        return self._table

    def offer(self, group: Group, arguments: torch.Tensor, reach: int) -> None:
        """Queue statements of the forms of one group, with the next `flush` at the latest."""
        if len(arguments):
            self._offers.append(_Offer(group, arguments, reach))
            self._rows += len(arguments)
            if self._rows >= BLOCK:
                self.flush()

    def flush(self) -> None:
        """Queue everything that was offered."""
        offers, self._offers, self._rows = self._offers, [], 0
        pieces: list[_Piece] = []
        for arity in sorted({offer.arguments.shape[1] for offer in offers}):
            numbers = [at for at, o in enumerate(offers) if o.arguments.shape[1] == arity]
            pieces += self._priced(offers, numbers)
        pieces.sort(key=lambda piece: piece.offer)  # stable: by level within an offer
        bonus = self.forms.costs.complete
        for piece in pieces:
            offer = offers[piece.offer]
            for number, cost, wanted in self._wanted[offer.group.number]:
                result = piece.complete and wanted
                if offer.reach != RELATED and result != (offer.reach == FAR):
                    continue
                place = piece.level + cost - bonus * result
                self.pending.put(max(place, self.level), number, piece.batch)

    def _priced(self, offers: list[_Offer], numbers: list[int]) -> Iterator[_Piece]:
        """Yield the statements of offers with equally many arguments, by offer and level."""
        sizes = torch.tensor([len(offers[at].arguments) for at in numbers])
        offer = torch.tensor(numbers).repeat_interleave(sizes)
        group = torch.tensor([offers[at].group.number for at in numbers]).repeat_interleave(sizes)
        reach = torch.tensor([offers[at].reach for at in numbers]).repeat_interleave(sizes)
        arguments = torch.cat([offers[at].arguments for at in numbers])

        complete = self._are_complete(group, arguments)
        kept = complete | (reach != FAR)
        if arguments.shape[1] > 1 and bool((reach != RELATED).any()):
            kept &= (reach == RELATED) | self._are_unrelated(arguments)
        if not bool(kept.all()):
            offer, group, reach = offer[kept], group[kept], reach[kept]
            arguments, complete = arguments[kept], complete[kept]

        below, full = self._below(arguments)
        extra = self._extra(group, arguments, reach)
        levels = below + extra
        if bool(full.any()):
            offer, levels, complete = offer[~full], levels[~full], complete[~full]
            arguments, extra = arguments[~full], extra[~full]
        yield from _pieces(offer, levels, complete, Batch(arguments, extra))

    def _are_complete(self, group: torch.Tensor, arguments: torch.Tensor) -> torch.Tensor:
        """Whether all functions are used."""
        together = (self._group_functions[group] * self.store.bits).sum(dim=1)
        for at in range(arguments.shape[1]):
            together |= self.store.used[arguments[:, at]]
        return together == self.store.all_used

    def _are_unrelated(self, arguments: torch.Tensor) -> torch.Tensor:
        """Whether no argument has all others among its ancestors and the inputs, one ancestor at
        least: those are put together elsewhere."""
        plain = arguments < self.inputs
        slots = arguments.shape[1]
        related = torch.zeros(arguments.shape[0], dtype=torch.bool)
        for at in range(slots):
            elders = self.store.ancestors[arguments[:, at]]
            known, some = ~plain[:, at], torch.zeros_like(related)
            for other in range(slots):
                if other != at:
                    elder = (elders == arguments[:, other : other + 1]).any(dim=1)
                    known = known & (elder | plain[:, other])
                    some |= elder
            related |= known & some
        return ~related

    def _below(self, arguments: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what arguments cost together, and where that is as much as a value may take."""
        if arguments.shape[1] == 1:
            values = arguments[:, 0]
            return self.store.cost[values], self.store.ancestors[values][:, -1] != NONE
        ancestors = self.store.union(arguments)
        return self.store.total(ancestors), (ancestors != NONE).sum(dim=1) >= MAX_STEPS

    def _extra(
        self, group: torch.Tensor, arguments: torch.Tensor, reach: torch.Tensor
    ) -> torch.Tensor:
        """Return what statements cost beyond their arguments and forms."""
        costs, table = self.forms.costs, self._known_table()
        places = self._group_places[group]
        rows = len(arguments)
        extra = torch.zeros(rows, dtype=torch.int32)
        again = torch.zeros(rows, dtype=torch.int32)
        for at in range(arguments.shape[1]):
            values = arguments[:, at]
            pair = table[places[:, at], self.store.maker[values].to(torch.int64)]
            extra += pair[:, 0]
            again = torch.maximum(again, pair[:, 1])
            for other in range(at):
                extra += costs.same_again * (values == arguments[:, other])
        calls = self.store.calls[arguments].amax(dim=1)
        extra += again * (calls * self._group_functions[group]).sum(dim=1, dtype=torch.int32)
        several = (arguments >= self.inputs).sum(dim=1) > 1
        extra += costs.unrelated * (several & (reach != RELATED))
        return extra.clamp_min(1 - STATEMENT)


def _pieces(
    offer: torch.Tensor, levels: torch.Tensor, complete: torch.Tensor, batch: Batch
) -> Iterator[_Piece]:
    """Split statements by offer, level and completeness."""
    if not len(batch):
        return
    lowest = int(levels.min())
    span = int(levels.max()) - lowest + 1
    code = (offer * span + (levels - lowest)) * 2 + complete
    order = code.argsort(stable=True)
    batch = Batch(batch.arguments[order], batch.extra[order])
    found, counts = torch.unique_consecutive(code[order], return_counts=True)
    start = 0
    for number, count in zip(found.tolist(), counts.tolist(), strict=True):
        piece = batch[start : start + count]
        yield _Piece(number // 2 // span, number // 2 % span + lowest, bool(number % 2), piece)
        start += count
