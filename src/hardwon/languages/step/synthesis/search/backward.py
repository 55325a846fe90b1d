"""Working backwards: what would have to be there for a wanted result, and whether it is.

From a wanted result and a known value, the other argument of an elementwise function follows. So
the last statements of a program need not be reached from below: where what follows is a value that
the search has, they are called. At most one value of a chain is any that there is; the others are
inputs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import torch

from hardwon.languages.step.synthesis.calls import Call
from hardwon.languages.step.synthesis.search.chains import (
    CHOSEN,
    OVERHEAD,
    Chain,
    Frontier,
    Goals,
)
from hardwon.languages.step.synthesis.search.forms import Form, Forms
from hardwon.languages.step.synthesis.search.inverses import Inverse, inverse_of
from hardwon.languages.step.synthesis.search.novelty import Novelty
from hardwon.languages.step.synthesis.search.store import NONE, Store
from hardwon.languages.step.synthesis.search.targets import Targets
from hardwon.languages.step.synthesis.search.undoing import (
    is_elementwise,
    laid_out,
    target_dims,
    without_repeats,
)
from hardwon.languages.step.synthesis.search.worlds import World

_STEPS = 4
"""Statements that a chain may have."""
_ARGUMENTS = 2
"""Of a statement in a chain, at most."""
_CHUNK = 1024
"""Values that are tried together."""
_WORK = 24
"""Rows of goals per value."""


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
        fixed = Frontier(_WORK * _CHUNK)
        for root in self._roots():
            fixed.add(root)
        free: list[Goals] = []
        for goals in self._followed(fixed):
            yield from self._reached(goals)
            free.append(goals)
            if len(goals.links) < _STEPS:
                for maker in makers.get(goals.kind, ()):
                    fixed.extend(self._without_choice(goals, maker))
        for values in self._chunks():
            size = sum(map(len, values.values()))
            frontier = Frontier(_WORK * size + OVERHEAD * len(free))
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

    def _followed(self, frontier: Frontier) -> Iterator[Goals]:
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
            inverse = inverse_of(body, argument) if is_elementwise(call) else None
            self._inverses[name, argument] = inverse
        return self._inverses[name, argument]

    def _roots(self) -> Iterator[Goals]:
        for number, kind in enumerate(self.forms.kinds):
            for target, expected in self.targets.expected(kind):
                if self.targets.targets[target].width == 1 and target not in self.targets.matched:
                    data = tuple(tensors[0].unsqueeze(0) for tensors in expected)
                    yield Goals(number, data, torch.tensor([NONE], dtype=torch.int32))

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

    def _without_choice(self, goals: Goals, maker: "_Maker") -> Iterator[Goals]:
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
        self, goals: Goals, maker: "_Maker", values: Mapping[int, torch.Tensor]
    ) -> Iterator[Goals]:
        """Yield what an argument has to be, with any of these values for the other one."""
        form = self.forms.forms[maker.form]
        if len(form.slots) == 2 and not self._calls(goals, maker.form):
            others = values.get(form.slots[1 - maker.argument].kind)
            if others is not None:
                yield from self._undone(goals, maker, CHOSEN, others)

    def _undone(
        self, goals: Goals, maker: "_Maker", other: int, others: torch.Tensor | None
    ) -> Iterator[Goals]:
        """Yield the goals before a statement, given the values of its other argument."""
        form, argument = self.forms.forms[maker.form], maker.argument
        call = form.statement
        assert isinstance(call, Call)
        kind = form.slots[argument].kind
        rows = len(others) if others is not None and other == CHOSEN else len(goals)
        good = torch.ones(rows, dtype=torch.bool)
        found: list[torch.Tensor] = []
        for at, world in enumerate(self.worlds):
            known: list[torch.Tensor | None] = [None] * len(form.slots)
            if others is not None:
                (data,) = self.store.gather(at, form.slots[1 - argument].kind, others)
                known[1 - argument] = laid_out(world, call, 1 - argument, data)
            result = goals.data[at].reshape(len(goals), *world.lengths(target_dims(call)))
            solved = maker.inverse(result, known, world.units.space.globals)
            narrowed = None
            if solved is not None:
                solved = solved.expand(rows, *solved.shape[1:])
                narrowed = without_repeats(world, call, argument, self.forms.kinds[kind], solved)
            if narrowed is None:
                return
            good &= narrowed[1]
            found.append(narrowed[0])
        if bool(good.any()):
            chosen = others if others is not None and other == CHOSEN else goals.chosen
            held = tuple(tensor[good] for tensor in found)
            link = (maker.form, argument, other)
            yield Goals(kind, held, chosen[good], (*goals.links, link))

    def _calls(self, goals: Goals, number: int) -> bool:
        """Whether a chain calls the function of a form already."""
        function = self.forms.forms[number].functions
        return any(self.forms.forms[form].functions == function for form, _, _ in goals.links)

    def _reached(self, goals: Goals) -> Iterator[Chain]:
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
