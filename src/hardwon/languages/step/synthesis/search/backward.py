"""Working backwards: what would have to be there for a wanted result, and whether it is.

From a wanted result and a known value, the other argument of an elementwise function follows. So
the last statements of a program need not be reached from below: where what follows is a value that
the search has, they are called. At most one value of a chain is any that there is; the others are
inputs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import torch

from hardwon.languages.step.synthesis.calls import Call
from hardwon.languages.step.synthesis.search.forms import Form, Forms
from hardwon.languages.step.synthesis.search.inverses import Inverse, inverse_of
from hardwon.languages.step.synthesis.search.kinds import Kind
from hardwon.languages.step.synthesis.search.novelty import Novelty
from hardwon.languages.step.synthesis.search.store import NONE, Store
from hardwon.languages.step.synthesis.search.targets import Targets
from hardwon.languages.step.synthesis.search.worlds import World
from hardwon.languages.step.synthesis.values import Dims, base, buffer_dims, without_ones
from hardwon.languages.step.types import Component, Scalar, components

_STEPS = 4
"""Statements that a chain may have."""
_ARGUMENTS = 2
"""Of a statement in a chain, at most."""
_CHUNK = 1024
"""Values that are tried together."""
_WORK = 24
"""Rows of goals per value."""
_OVERHEAD = 64
"""Rows that take as long as what every statement takes besides."""
_LONGER = 4
"""By how many times fewer rows make up for one statement more."""
_SMALLEST, _LARGEST = 1e-9, 1e9
"""Goals beyond come from multiplying or dividing by what is zero but for rounding."""
_CONSTANT = 1e-9
"""How far, relatively, numbers may differ that should be the same."""


_CHOSEN = -2
"""Stands for the value that a chain is free to choose."""

Link = tuple[int, int, int]
"""A statement that leads from one goal to the next: its form, which of its arguments the goal is,
and the other argument, if any: an input, `_CHOSEN` or NONE."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A value that the search has, and the statements that make it a wanted result."""

    value: int
    chosen: int
    links: tuple[Link, ...]
    """The first statement first."""

    def arguments(self, link: Link, value: int) -> list[int]:
        """Return the arguments of a statement whose goal is this value."""
        _, at, other = link
        if other == NONE:
            return [value]
        beside = self.chosen if other == _CHOSEN else other
        return [value, beside] if at == 0 else [beside, value]


@dataclass(frozen=True, slots=True)
class _Goals:
    """What would have to be there, for many chosen values at a time."""

    kind: int
    data: tuple[torch.Tensor, ...]
    """Per world."""
    chosen: torch.Tensor
    """The value chosen on the way; NONE while none is."""
    links: tuple[Link, ...] = ()
    """The last statement first."""
    codes: tuple[int, ...] = ()
    """Per row, the projections by which values are known."""

    def __len__(self) -> int:
        return self.chosen.shape[0]


@dataclass
class Backward:
    """Looks for chains from values to wanted results."""

    forms: Forms
    worlds: tuple[World, ...]
    store: Store
    targets: Targets
    novelty: Novelty
    _inverses: dict[tuple[str, int], Inverse | None] = field(default_factory=dict)

    def chains(self) -> Iterator[Chain]:
        """Yield all chains to results that are wanted and not reached yet."""
        makers = self._makers()
        fixed = _Frontier(_WORK * _CHUNK)
        for root in self._roots():
            fixed.add(root)
        free: list[_Goals] = []
        for goals in self._followed(fixed):
            yield from self._reached(goals)
            free.append(goals)
            if len(goals.links) < _STEPS:
                for maker in makers.get(goals.kind, ()):
                    fixed.extend(self._without_choice(goals, maker))
        for values in self._chunks():
            size = sum(map(len, values.values()))
            frontier = _Frontier(_WORK * size + _OVERHEAD * len(free))
            for goals in free:
                frontier.add(goals, size)
            for goals in self._followed(frontier):
                is_free = int(goals.chosen[0]) == NONE
                if not is_free:
                    yield from self._reached(goals)
                if len(goals.links) < _STEPS:
                    for maker in makers.get(goals.kind, ()):
                        frontier.extend(
                            self._with_choice(goals, maker, values)
                            if is_free
                            else self._without_choice(goals, maker)
                        )

    def _followed(self, frontier: "_Frontier") -> Iterator[_Goals]:
        """Take goals off a frontier, without those that come up again.

        That happens with the same statements in another order, or undone again.
        """
        known = set[tuple[int, ...]]()
        for goals in frontier:
            codes = self.novelty.projections(goals.kind, [(tensor,) for tensor in goals.data])
            if tuple(codes) not in known:
                known.add(tuple(codes))
                yield replace(goals, codes=tuple(codes))

    def _makers(self) -> dict[int, list["_Maker"]]:
        """Return the forms that can be undone, by the kind that they make."""
        found: dict[int, list[_Maker]] = {}
        for number, form in enumerate(self.forms.forms):
            for argument in range(len(form.slots)):
                inverse = self._inverse(form, argument)
                if inverse is not None:
                    found.setdefault(form.result, []).append(_Maker(number, argument, inverse))
        return found

    def _inverse(self, form: Form, argument: int) -> Inverse | None:
        call = form.statement
        if not isinstance(call, Call) or call.primitive != "Map" or len(form.slots) > _ARGUMENTS:
            return None
        if not all(fit.width == 1 and not fit.spread for fit in call.arguments.fits):
            return None
        name = call.function.name
        if (name, argument) not in self._inverses:
            body = next(
                fn.apply for fn in self.worlds[0].units.space.task.fns if fn.func_name == name
            )
            inverse = inverse_of(body, argument) if _is_elementwise(call) else None
            self._inverses[name, argument] = inverse
        return self._inverses[name, argument]

    def _roots(self) -> Iterator[_Goals]:
        for number, kind in enumerate(self.forms.kinds):
            for target, expected in self.targets.expected(kind):
                if self.targets.targets[target].width == 1 and target not in self.targets.matched:
                    data = tuple(tensors[0].unsqueeze(0) for tensors in expected)
                    yield _Goals(number, data, torch.tensor([NONE], dtype=torch.int32))

    def _chunks(self) -> Iterator[Mapping[int, torch.Tensor]]:
        """Yield values by kind, a bounded number at a time, inputs left out."""
        first = len(self.forms.space.signature.inputs)
        kinds = self.store.kind.data[: len(self.store)]
        for start in range(first, len(self.store), _CHUNK):
            part = kinds[start : start + _CHUNK]
            yield {
                kind: ((part == kind).nonzero().squeeze(1) + start).to(torch.int32)
                for kind in set(part.tolist())
            }

    def _without_choice(self, goals: _Goals, maker: "_Maker") -> Iterator[_Goals]:
        """Yield what an argument has to be, with inputs for the other one."""
        form = self.forms.forms[maker.form]
        if self._calls(goals, maker.form):
            return
        if len(form.slots) == 1:
            yield from self._undone(goals, maker, NONE, None)
            return
        kind = form.slots[1 - maker.argument].kind
        for port in range(len(self.forms.space.signature.inputs)):
            if int(self.store.kind.data[port]) == kind:
                yield from self._undone(goals, maker, port, torch.tensor([port]))

    def _with_choice(
        self, goals: _Goals, maker: "_Maker", values: Mapping[int, torch.Tensor]
    ) -> Iterator[_Goals]:
        """Yield what an argument has to be, with any of these values for the other one."""
        form = self.forms.forms[maker.form]
        if len(form.slots) == 2 and not self._calls(goals, maker.form):
            others = values.get(form.slots[1 - maker.argument].kind)
            if others is not None:
                yield from self._undone(goals, maker, _CHOSEN, others)

    def _undone(
        self, goals: _Goals, maker: "_Maker", other: int, others: torch.Tensor | None
    ) -> Iterator[_Goals]:
        """Yield the goals before a statement, given the values of its other argument."""
        form, argument = self.forms.forms[maker.form], maker.argument
        call = form.statement
        assert isinstance(call, Call)
        kind = form.slots[argument].kind
        rows = len(others) if others is not None and other == _CHOSEN else len(goals)
        good = torch.ones(rows, dtype=torch.bool)
        found: list[torch.Tensor] = []
        for at, world in enumerate(self.worlds):
            known: list[torch.Tensor | None] = [None] * len(form.slots)
            if others is not None:
                (data,) = self.store.gather(at, form.slots[1 - argument].kind, others)
                known[1 - argument] = _laid_out(world, call, 1 - argument, data)
            result = goals.data[at].reshape(len(goals), *world.lengths(_target(call)))
            solved = maker.inverse(result, known, world.units.space.globals)
            narrowed = None
            if solved is not None:
                solved = solved.expand(rows, *solved.shape[1:])
                narrowed = _narrowed(world, call, argument, self.forms.kinds[kind], solved)
            if narrowed is None:
                return
            good &= narrowed[1]
            found.append(narrowed[0])
        if bool(good.any()):
            chosen = others if others is not None and other == _CHOSEN else goals.chosen
            held = tuple(tensor[good] for tensor in found)
            link = (maker.form, argument, other)
            yield _Goals(kind, held, chosen[good], (*goals.links, link))

    def _calls(self, goals: _Goals, number: int) -> bool:
        """Whether a chain calls the function of a form already."""
        function = self.forms.forms[number].functions
        return any(self.forms.forms[form].functions == function for form, _, _ in goals.links)

    def _reached(self, goals: _Goals) -> Iterator[Chain]:
        """Yield the chains of goals that are values."""
        if goals.links:
            for code, chosen in zip(goals.codes, goals.chosen.tolist(), strict=True):
                value = self.novelty.known(code)
                if value is not None:
                    yield Chain(value, chosen, goals.links[::-1])


@dataclass(frozen=True, slots=True)
class _Maker:
    """A form, and how to undo it for one of its arguments."""

    form: int
    argument: int
    inverse: Inverse


@dataclass
class _Frontier:
    """Goals to follow, the shortest and narrowest first, as long as there is work left.

    Few rows are left where most choices turned out to be impossible, which says most.
    """

    work: int
    _heap: list[tuple[int, int, _Goals]] = field(default_factory=list)
    _count: int = 0

    def add(self, goals: _Goals, choices: int = 1) -> None:
        """Add goals, with so many values to choose from."""
        self._count += 1
        rows = len(goals) * choices
        heappush(self._heap, (rows * _LONGER ** len(goals.links), self._count, goals))

    def extend(self, several: Iterator[_Goals]) -> None:
        """Work out goals and add them, if there is work left."""
        if self.work > 0:
            for goals in several:
                self.work -= len(goals) + _OVERHEAD
                self.add(goals)

    def __iter__(self) -> Iterator[_Goals]:
        while self._heap:
            yield heappop(self._heap)[2]


def _is_elementwise(call: Call) -> bool:
    """Whether arguments have the elements of the result, or are scalars beside them."""
    outputs = components(call.function.output)
    items = (*outputs, *components(call.function.input))
    if len(outputs) > 1 or not all(isinstance(base(item), Scalar) for item in items):
        return False
    inner = _inner(outputs[0])
    return all(_inner(item) in {inner, ()} for item in items)


def _inner(component: Component) -> Dims:
    return without_ones(buffer_dims(component))


def _target(call: Call) -> Dims:
    """Return the full dimensions of a statement's results."""
    return _inner(components(call.function.output)[0]) + call.dims


def _laid_out(world: World, call: Call, at: int, data: torch.Tensor) -> torch.Tensor:
    """Return an argument with the dimensions of the results."""
    wanted = components(call.function.input)[at]
    aligned = world.aligned(call.arguments.fits[at], data, wanted, call.dims)
    missing = len(_target(call)) + 1 - aligned.dim()
    return aligned.reshape(*aligned.shape, *(1 for _ in range(missing)))


def _narrowed(
    world: World, call: Call, at: int, kind: Kind, data: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return what has to be repeated to give this data, and for which rows that is so."""
    target = _target(call)
    wanted = components(call.function.input)[at]
    source, axes = 0, []
    for place, dim in enumerate(target):
        of_element = place < len(target) - len(call.dims)
        possible = not of_element or bool(_inner(wanted))
        if possible and source < len(kind.dims) and kind.dims[source] == dim:
            source += 1
        else:
            axes.append(len(target) - place)
    if source < len(kind.dims):
        return None
    kept = data
    for axis in axes:
        kept = kept.narrow(axis, 0, 1)
    flat = data.reshape(len(data), -1)
    largest = flat.abs().amax(dim=1)
    good = flat.isfinite().all(dim=1) & (largest > _SMALLEST) & (largest < _LARGEST)
    if axes:
        same = (data - kept).abs() <= _CONSTANT * kept.abs()
        good &= same.reshape(len(data), -1).all(dim=1)
    (shape,) = kind.shapes(world.sizes)
    return kept.reshape(len(data), *shape), good
