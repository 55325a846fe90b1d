"""The wanted results: which values match them, and the programs that follow."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch

from hardwon.languages.step.primitives import Repeat
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.signature import Signature
from hardwon.languages.step.synthesis.builder import CannotAdaptError, adaptation
from hardwon.languages.step.synthesis.search.kinds import Kind
from hardwon.languages.step.synthesis.search.store import Store
from hardwon.languages.step.synthesis.search.worlds import World
from hardwon.languages.step.synthesis.values import full_dims
from hardwon.languages.step.types import Component, components

_RELATIVE, _OF_LARGEST, _ABSOLUTE = 1e-6, 1e-8, 1e-10
_CONSIDERED = 8
"""Values of an output that are tried beside a new one of another output."""


@dataclass(frozen=True, slots=True)
class Target:
    """Components of one output that one value can provide."""

    output: int
    at: int
    width: int


@dataclass(frozen=True, slots=True)
class Solution:
    """Values that together are what is wanted: per output, those that are zipped."""

    outputs: tuple[tuple[int, ...], ...]
    evaluations: int = 0


@dataclass
class Targets:
    """The wanted results, and the values that match them."""

    signature: Signature
    worlds: tuple[World, ...]
    targets: list[Target] = field(init=False)
    solutions: list[Solution] = field(default_factory=list)
    matched: dict[int, list[int]] = field(default_factory=dict)
    """Values by target."""
    _expected: dict[Kind, list[tuple[int, list[Tensors]]]] = field(default_factory=dict)
    _fresh: list[tuple[int, int]] = field(default_factory=list)
    _known: set[tuple[tuple[int, ...], ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.targets = [
            Target(output, at, width)
            for output, stream in enumerate(self.signature.outputs)
            for at in range(len(components(stream.dtype)))
            for width in range(1, len(components(stream.dtype)) - at + 1)
        ]

    def wants(self, kind: Kind) -> bool:
        """Whether values of a kind can be results."""
        return bool(self.expected(kind))

    def expected(self, kind: Kind) -> list[tuple[int, list[Tensors]]]:
        """Return the targets that a kind can match, with their data per world."""
        if kind not in self._expected:
            self._expected[kind] = list(self._expect(kind))
        return self._expected[kind]

    def _expect(self, kind: Kind) -> Iterator[tuple[int, list[Tensors]]]:
        for number, target in enumerate(self.targets):
            if target.width != len(kind.items):
                continue
            declared = self.signature.outputs[target.output]
            wanted = components(declared.dtype)[target.at : target.at + target.width]
            if target.width > 1 and wanted != kind.items:
                continue
            component = wanted[0] if target.width == 1 else None
            try:
                plan = adaptation(kind.stream, component, declared.shape)
            except CannotAdaptError:
                continue
            spreads = any(isinstance(primitive, Repeat) for primitive in plan)
            found: list[Tensors] = []
            for world in self.worlds:
                row = world.wanted[target.output][target.at : target.at + target.width]
                data = self._spread(kind, wanted, row, number, world) if spreads else row
                if data is None:
                    break
                shapes = kind.shapes(world.sizes)
                found.append(tuple(t.reshape(s) for t, s in zip(data, shapes, strict=True)))
            if len(found) == len(self.worlds):
                yield number, found

    def _spread(
        self,
        kind: Kind,
        wanted: tuple[Component, ...],
        row: Tensors,
        number: int,
        world: World,
    ) -> Tensors | None:
        """Return what has to be repeated to give the wanted data, if it is constant there."""
        if len(kind.items) > 1:
            return None
        declared = self.signature.outputs[self.targets[number].output]
        full = full_dims(wanted[0], declared.shape)
        lengths = world.lengths(full)
        tail = row[0].shape[len(lengths) :]  # of a multi-hot vector
        if row[0].numel() != torch.Size(lengths).numel() * torch.Size(tail).numel():
            return None
        present, source = [], 0
        for dim in full:
            here = source < len(kind.dims) and kind.dims[source] == dim
            source += here
            present.append(here)
        if source < len(kind.dims):
            return None
        tensor = row[0].reshape(*lengths, *tail)
        kept = tensor
        for axis, here in enumerate(reversed(present)):
            if not here:
                kept = kept.narrow(axis, 0, 1)
        return (kept,) if torch.equal(kept.expand_as(tensor), tensor) else None

    def matching(self, kind: Kind, data: list[Tensors]) -> list[tuple[int, torch.Tensor]]:
        """Return targets with a mask of the values that match them."""
        found: list[tuple[int, torch.Tensor]] = []
        for number, worlds in self.expected(kind):
            mask: torch.Tensor | None = None
            for tensors, wanted in zip(data, worlds, strict=True):
                for tensor, want in zip(tensors, wanted, strict=True):
                    close = _close(tensor, want)
                    mask = close if mask is None else mask & close
            if mask is not None and bool(mask.any()):
                found.append((number, mask))
        return found

    def match(self, values: list[int], matches: list[tuple[int, torch.Tensor]]) -> None:
        """Remember which values match what."""
        for number, mask in matches:
            for value, here in zip(values, mask.tolist(), strict=True):
                if here:
                    self.matched.setdefault(number, []).append(value)
                    self._fresh.append((number, value))

    def complete(self, store: Store, evaluations: int) -> None:
        """Turn new matches into solutions, where every output has one."""
        fresh, self._fresh = self._fresh, []
        for number, value in fresh:
            solution = self._solution(store, number, value)
            if solution is not None and solution not in self._known:
                self._known.add(solution)
                self.solutions.append(Solution(solution, evaluations))

    def _solution(
        self, store: Store, number: int, value: int
    ) -> tuple[tuple[int, ...], ...] | None:
        """Return the cheapest values for every output, with this one among them."""
        chosen: list[tuple[int, ...]] = []
        taken = [value]
        for output, stream in enumerate(self.signature.outputs):
            fixed = (number, value) if self.targets[number].output == output else None
            total = len(components(stream.dtype))
            covers = list(self._covers(output, 0, total, fixed))
            if not covers:
                return None

            def cost(cover: tuple[int, ...]) -> int:
                together = torch.tensor([[*cover, *taken]], dtype=torch.int32)  # noqa: B023
                return int(store.total(store.union(together)))

            best = min(covers, key=cost)
            chosen.append(best)
            taken += best
        return tuple(chosen)

    def _covers(
        self, output: int, at: int, total: int, fixed: tuple[int, int] | None
    ) -> Iterator[tuple[int, ...]]:
        if at == total:
            if fixed is None:
                yield ()
            return
        for number, target in enumerate(self.targets):
            if target.output != output or target.at != at:
                continue
            values = self.matched.get(number, [])[:_CONSIDERED]
            if fixed is not None and fixed[0] == number:
                values = [fixed[1]]
            for value in values:
                left = None if fixed == (number, value) else fixed
                for rest in self._covers(output, at + target.width, total, left):
                    yield (value, *rest)


def _close(tensors: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """Return which rows agree with what is wanted; infinities have to be equal."""
    finite = want.abs()[want.isfinite()]
    scale = float(finite.max()) if finite.numel() else 0.0
    allowed = _RELATIVE * want.abs() + _OF_LARGEST * scale + _ABSOLUTE
    good = ((tensors - want).abs() <= allowed.nan_to_num(posinf=0.0)) | (tensors == want)
    return good.reshape(len(tensors), -1).all(dim=1)
