"""The values that a search has reached, as columns."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.synthesis.search.lessons import Maker

MAX_STEPS = 24
"""Statements that one value may take."""
NONE = -1
_MOST_BITS = 62


@dataclass
class Column:
    """A tensor that grows."""

    data: torch.Tensor
    size: int = 0

    @classmethod
    def of(cls, *shape: int, dtype: torch.dtype = torch.int32) -> "Column":
        """Return an empty column whose rows have this shape."""
        return cls(torch.empty((16, *shape), dtype=dtype))

    def extend(self, rows: torch.Tensor) -> None:
        """Append rows."""
        needed = self.size + rows.shape[0]
        if needed > self.data.shape[0]:
            room = max(needed, self.data.shape[0] + self.data.shape[0] // 2)
            grown = torch.empty((room, *self.data.shape[1:]), dtype=self.data.dtype)
            grown[: self.size] = self.data[: self.size]
            self.data = grown
        self.data[self.size : needed] = rows
        self.size = needed

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self.data.numel() * self.data.element_size()

    def __getitem__(self, rows: torch.Tensor) -> torch.Tensor:
        return self.data.index_select(0, rows.reshape(-1)).reshape(
            *rows.shape, *self.data.shape[1:]
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Where values of one kind and form come from; tensors are rows of the columns of `Store`."""

    kind: int
    form: int
    producer: str
    """The key under which consumers know them."""
    functions: tuple[int, ...]
    """Which functions their own statement calls."""
    arguments: torch.Tensor
    step: torch.Tensor
    ancestors: torch.Tensor
    """Those of the arguments."""


@dataclass
class Store:
    """All values: where they come from, what they cost, and their data by kind."""

    slots: int
    """The most arguments of any form."""
    functions: int
    cost: Column = field(init=False)
    """The sum of the costs of the statements that a value takes, in quarters."""
    step: Column = field(init=False)
    """The cost of its own statement."""
    kind: Column = field(init=False)
    form: Column = field(init=False)
    """The form of its statement; NONE for inputs."""
    arguments: Column = field(init=False)
    ancestors: Column = field(init=False)
    """The values that it takes, itself included, inputs left out; padded with NONE."""
    calls: Column = field(init=False)
    """How often each function is called among them."""
    maker: Column = field(init=False)
    """The number of what consumers know about where it comes from."""
    used: Column = field(init=False)
    """Which functions are called among them, as bits."""
    place: Column = field(init=False)
    """Its row in the data of its kind."""
    makers: dict[Maker, int] = field(default_factory=dict)
    """The makers that there are, by number."""
    bits: torch.Tensor = field(init=False)
    """The bit of each function; of very many functions, only the first have one."""
    data: dict[tuple[int, int], list[Column]] = field(default_factory=dict)
    """By world and kind, per component."""

    def __post_init__(self) -> None:
        self.cost, self.step, self.kind = Column.of(), Column.of(), Column.of()
        self.form, self.place, self.maker = Column.of(), Column.of(), Column.of()
        self.arguments = Column.of(self.slots)
        self.used = Column.of(dtype=torch.int64)
        self.ancestors = Column.of(MAX_STEPS)
        self.calls = Column.of(self.functions, dtype=torch.int16)
        numbers = torch.arange(self.functions)
        self.bits = (1 << numbers.clamp_max(_MOST_BITS)) * (numbers < _MOST_BITS)

    def __len__(self) -> int:
        return self.cost.size

    @property
    def bytes(self) -> int:
        """The memory that all columns take."""
        plain = (
            self.cost,
            self.step,
            self.kind,
            self.form,
            self.place,
            self.maker,
            self.arguments,
            self.ancestors,
            self.calls,
            self.used,
        )
        kept = [column for columns in self.data.values() for column in columns]
        return sum(column.bytes for column in (*plain, *kept))

    @property
    def all_used(self) -> int:
        """The bits of all functions."""
        return int(self.bits.sum())

    def bits_of(self, functions: Iterable[int]) -> int:
        """Return the bits of some functions, each named once."""
        return int(self.bits[list(functions)].sum())

    def gather(self, world: int, kind: int, values: torch.Tensor) -> Tensors:
        """Return the data of values of one kind, one after the other along the first axis."""
        rows = self.place[values]
        return tuple(column[rows] for column in self.data[world, kind])

    def add(self, origin: Origin, data: list[Tensors]) -> torch.Tensor:
        """Append values of one form, with their data per world, and return their numbers."""
        arguments, step, ancestors = origin.arguments, origin.step, origin.ancestors
        count = step.shape[0]
        numbers = torch.arange(len(self), len(self) + count, dtype=torch.int32)
        calls = self.calls[arguments.clamp_min(0)]
        calls[arguments == NONE] = 0
        calls = calls.amax(dim=1)
        calls[:, list(origin.functions)] += 1
        own = ancestors
        if origin.form != NONE:
            own = torch.cat([numbers.unsqueeze(1), ancestors], dim=1)
        padded = torch.full((count, MAX_STEPS), NONE, dtype=torch.int32)
        width = min(MAX_STEPS, own.shape[1])
        padded[:, :width] = own[:, :width]
        self.ancestors.extend(padded)
        self.step.extend(step)
        self.cost.extend(self.total(ancestors) + step)
        self.kind.extend(torch.full((count,), origin.kind, dtype=torch.int32))
        self.form.extend(torch.full((count,), origin.form, dtype=torch.int32))
        self.maker.extend(self._made(origin.producer, arguments))
        self.arguments.extend(arguments)
        self.calls.extend(calls)
        self.used.extend(((calls > 0) * self.bits).sum(dim=1))
        self.place.extend(self._add_data(origin.kind, data))
        return numbers

    def _made(self, producer: str, arguments: torch.Tensor) -> torch.Tensor:
        """Return the numbers of the makers of values with these arguments."""
        fed = self.maker[arguments.clamp_min(0)]
        fed[arguments == NONE] = NONE
        ways = [tuple(row) for row in fed.tolist()]
        names = [maker[0] for maker in self.makers]
        known: dict[tuple[int, ...], int] = {}
        for way in dict.fromkeys(ways):
            maker = (producer, frozenset(names[number] for number in way if number != NONE))
            known[way] = self.makers.setdefault(maker, len(self.makers))
        return torch.tensor([known[way] for way in ways], dtype=torch.int32)

    def _add_data(self, kind: int, worlds: list[Tensors]) -> torch.Tensor:
        """Append the data of values of one kind at every world, and return their rows."""
        first = 0
        for world, tensors in enumerate(worlds):
            columns = self.data.setdefault(
                (world, kind), [Column.of(*t.shape[1:], dtype=t.dtype) for t in tensors]
            )
            first = columns[0].size
            for column, tensor in zip(columns, tensors, strict=True):
                column.extend(tensor)
        return torch.arange(first, first + worlds[0][0].shape[0], dtype=torch.int32)

    def union(self, values: torch.Tensor) -> torch.Tensor:
        """Return the ancestors of several values together.

        Args:
            values: (rows, values); NONE stands for no value.

        Returns:
            (rows, ancestors), each once, in falling order and padded with NONE.
        """
        known = self.ancestors[values.clamp_min(0)]
        known[values == NONE] = NONE
        width = int((known != NONE).sum(dim=2).max()) if known.numel() else 0
        known = known[:, :, : max(width, 1)]
        merged = known.flatten(1).sort(dim=1, descending=True).values
        merged[:, 1:][merged[:, 1:] == merged[:, :-1]] = NONE
        if values.shape[1] > 1:
            merged = merged.sort(dim=1, descending=True).values
        return merged

    def total(self, ancestors: torch.Tensor) -> torch.Tensor:
        """Return the cost of all these statements together."""
        costs = self.step[ancestors.clamp_min(0)]
        costs[ancestors == NONE] = 0
        return costs.sum(dim=1, dtype=torch.int32)
