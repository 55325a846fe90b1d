"""Statements that wait to be evaluated, and the shelves from which they are put together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

_MERGED = 64
"""How many small pieces are kept before they are made one."""


@dataclass
class Batch:
    """Statements of one form: per row the arguments, and what they add to the form's cost."""

    arguments: torch.Tensor
    extra: torch.Tensor

    def __len__(self) -> int:
        return self.extra.shape[0]

    def __getitem__(self, rows: slice) -> "Batch":
        return Batch(self.arguments[rows], self.extra[rows])


@dataclass
class Pending:
    """Statements by level and form."""

    most: int
    """How many are kept; the dearest go first."""
    rows: int = 0
    dropped: bool = False
    """Whether any had to go."""
    _levels: dict[int, dict[int, list[Batch]]] = field(default_factory=dict)
    _ceiling: int | None = None

    def put(self, level: int, form: int, batch: Batch) -> None:
        """Add statements of one form at one level."""
        if self._ceiling is not None and level >= self._ceiling:
            self.dropped = True
            return
        pieces = self._levels.setdefault(level, {}).setdefault(form, [])
        pieces.append(batch)
        if len(pieces) > _MERGED:
            pieces[:] = [_merged(pieces)]
        self.rows += len(batch)
        while self.rows > self.most and len(self._levels) > 1:
            self._drop_highest()

    def _drop_highest(self) -> None:
        highest = max(self._levels)
        gone = self._levels.pop(highest)
        self.rows -= sum(len(piece) for pieces in gone.values() for piece in pieces)
        self._ceiling = highest
        self.dropped = True

    def lowest(self) -> int | None:
        """Return the lowest level that is not empty."""
        return min(self._levels, default=None)

    def pop(self, level: int) -> dict[int, Batch]:
        """Take all statements of a level."""
        forms = self._levels.pop(level, {})
        found = {form: _merged(pieces) for form, pieces in forms.items()}
        self.rows -= sum(map(len, found.values()))
        return found


def _merged(pieces: Sequence[Batch]) -> Batch:
    if len(pieces) == 1:
        return pieces[0]
    return Batch(
        torch.cat([piece.arguments for piece in pieces]),
        torch.cat([piece.extra for piece in pieces]),
    )


@dataclass
class Shelf:
    """Values of one kind, by what they cost as one argument of one function."""

    levels: dict[int, list[tuple[int, torch.Tensor]]] = field(default_factory=dict)
    """Per level, pieces with the round in which they came."""
    bits: int = 0
    """The functions that any of them takes."""

    def put(self, level: int, turn: int, values: torch.Tensor) -> None:
        """Add values."""
        self.levels.setdefault(level, []).append((turn, values))

    def ids(self, level: int, before: int | None) -> torch.Tensor | None:
        """Return the values of a level, or only those of earlier rounds; None if there are none.

        What was put in earlier is merged for the next time.
        """
        pieces = self.levels.get(level, [])
        late = pieces[-1:] if before is not None and pieces and pieces[-1][0] >= before else []
        settled = pieces[: len(pieces) - len(late)]
        if len(settled) > 1:
            settled = [(settled[-1][0], torch.cat([values for _, values in settled]))]
            pieces[:] = [*settled, *late]
        return settled[0][1] if settled else None


def combinations(
    shelves: Sequence[tuple[Shelf, int | None]], above: int, most: int
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield one column of values per shelf such that their levels add up to above < sum <= most.

    Each shelf comes with the round before which values have to have come, or None.
    """
    lowest = [min(shelf.levels, default=None) for shelf, _ in shelves]
    if any(level is None for level in lowest):
        return
    highest = [max(shelf.levels) for shelf, _ in shelves]
    low_rest = [sum(level or 0 for level in lowest[at + 1 :]) for at in range(len(shelves))]
    high_rest = [sum(highest[at + 1 :]) for at in range(len(shelves))]

    def extend(
        at: int, total: int, columns: tuple[torch.Tensor, ...]
    ) -> Iterator[tuple[torch.Tensor, ...]]:
        if at == len(shelves):
            yield columns
            return
        shelf, before = shelves[at]
        for level in list(shelf.levels):
            below = total + level
            if below + low_rest[at] > most or below + high_rest[at] <= above:
                continue
            values = shelf.ids(level, before)
            if values is not None:
                yield from extend(at + 1, below, (*columns, values))

    yield from extend(0, 0, ())
