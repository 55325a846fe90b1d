"""The values that a search has reached, as columns."""

from dataclasses import dataclass, field

import torch

from hardwon.languages.step.semantics.base import Tensors

MAX_STEPS = 24
"""Statements that one value may take."""
NONE = -1


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
    data: dict[tuple[int, int], list[Column]] = field(default_factory=dict)
    """By world and kind, per component."""

    def __post_init__(self) -> None:
        self.cost, self.step, self.kind = Column.of(), Column.of(), Column.of()
        self.form, self.place, self.maker = Column.of(), Column.of(), Column.of()
        self.arguments = Column.of(self.slots)
        self.used = Column.of(dtype=torch.int64)
        self.ancestors = Column.of(MAX_STEPS)
        self.calls = Column.of(self.functions, dtype=torch.int16)

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

    def gather(self, world: int, kind: int, values: torch.Tensor) -> Tensors:
        """Return the data of values of one kind, one after the other along the first axis."""
        rows = self.place[values]
        return tuple(column[rows] for column in self.data[world, kind])

    def add_data(self, kind: int, worlds: list[Tensors]) -> torch.Tensor:
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
