"""Which results are worth keeping: new values, second ways of making them, wanted ones."""

from dataclasses import dataclass, field

import torch

from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.synthesis.search.queue import Batch
from hardwon.languages.step.synthesis.search.store import NONE, Store

DERIVATIONS = 2
"""Kept per value. With one, whichever came first would hide the one that shares more."""
SOLUTIONS = 16
"""Derivations kept of a wanted result."""
_DIGITS = 1 << 30
"""Steps into which a projection's mantissa is rounded: values that differ by less are the same."""
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407
"""Knuth's constants for congruences modulo 2^64, by which projections are mixed."""
_TINY = -40
"""The exponent below which a projection is taken to be zero but for rounding."""


@dataclass
class Novelty:
    """Remembers all values by their projections."""

    store: Store
    _seen: dict[int, int] = field(default_factory=dict)
    """The first value with these projections."""
    _again: dict[int, int] = field(default_factory=dict)
    """How many there are, where there is more than one."""
    _vectors: dict[int, torch.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._seen)

    def note(self, value: int, kind: int, data: list[Tensors]) -> None:
        """Remember a value that is kept in any case: an input."""
        self._seen.setdefault(self.projections(kind, data)[0], value)

    def known(self, projections: int) -> int | None:
        """Return the first value with these projections."""
        return self._seen.get(projections)

    def sift(
        self,
        kind: int,
        batch: Batch,
        ancestors: torch.Tensor,
        data: list[Tensors],
        wanted: torch.Tensor,
    ) -> list[int]:
        """Return which of these results to keep, in order; they are to be added at once.

        Args:
            kind: of all results.
            batch: the statements.
            ancestors: those of their arguments.
            data: the results per world.
            wanted: which of them are what the task asks for, of which more are kept.
        """
        hashes = self.projections(kind, data)
        sound: list[bool] = _sound(data).tolist()
        rows: list[list[int]] = batch.arguments.tolist()
        limits = (DERIVATIONS, SOLUTIONS)
        limit = [limits[here] for here in wanted.tolist()]
        kept: list[int] = []
        for row, code in enumerate(hashes):
            if not sound[row]:
                continue
            first = self._seen.get(code)
            if first is None:
                self._seen[code] = len(self.store) + len(kept)
                kept.append(row)
                continue
            known = self._again.get(code, 1)
            if known >= limit[row]:
                continue
            if first >= len(self.store):  # of this very batch
                another = sorted(rows[kept[first - len(self.store)]]) != sorted(rows[row])
            else:
                another = self._is_another(first, rows[row], ancestors[row])
            if another:
                self._again[code] = known + 1
                kept.append(row)
        return kept

    def _is_another(self, first: int, arguments: list[int], ancestors: torch.Tensor) -> bool:
        """Whether a derivation of a known value is worth keeping beside the first."""
        if bool((ancestors == first).any()):
            return False  # it leads back to where it comes from
        if int(self.store.form.data[first]) == NONE:
            return False
        known = self.store.arguments.data[first].tolist()
        return sorted(known) != sorted(arguments + [NONE] * (len(known) - len(arguments)))

    def projections(self, kind: int, data: list[Tensors]) -> list[int]:
        """Return per value a number that depends on its kind and all of its data."""
        rows = data[0][0].shape[0]
        found = torch.full((rows,), kind, dtype=torch.int64)
        for tensors in data:
            for tensor in tensors:
                flat = tensor.reshape(rows, -1).nan_to_num(posinf=3.7e19, neginf=-2.9e19)
                mantissa, exponent = torch.frexp(flat @ self._vector(flat.shape[1]))
                digits = (mantissa * _DIGITS).round().to(torch.int64)
                digits[exponent < _TINY] = 0
                exponent = exponent.clamp_min(_TINY - 1).to(torch.int64)
                found = found * _MULTIPLIER + digits * _INCREMENT + exponent
                found = found ^ (found >> 29)
        numbers: list[int] = found.tolist()
        return numbers

    def _vector(self, width: int) -> torch.Tensor:
        """Return what data of this width is projected on."""
        if width not in self._vectors:
            generator = torch.Generator().manual_seed(width)
            self._vectors[width] = torch.rand(width, generator=generator) + 0.5
        return self._vectors[width]


def _sound(data: list[Tensors]) -> torch.Tensor:
    """Return which results hold no NaN."""
    rows = data[0][0].shape[0]
    sound = torch.ones(rows, dtype=torch.bool)
    for tensors in data:
        for tensor in tensors:
            sound &= ~tensor.reshape(rows, -1).isnan().any(dim=1)
    return sound
