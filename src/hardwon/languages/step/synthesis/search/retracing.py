"""Repeats what the program does that a repair starts from, at next to no cost."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product

import torch

from hardwon.languages.step.synthesis.calls import Call
from hardwon.languages.step.synthesis.search.forms import Form, Forms, Group
from hardwon.languages.step.synthesis.search.queue import Batch
from hardwon.languages.step.synthesis.search.starting import Use
from hardwon.languages.step.synthesis.search.store import NONE, Store

_REALISED = 4
"""Values that one use may stand for."""
_SAME, _OTHER_PRIMITIVE = 1, 2
"""What a statement costs that does as the program does."""


@dataclass
class Retracer:
    """Follows the uses of functions in a program, as far as they can be followed."""

    forms: Forms
    store: Store
    uses: tuple[Use, ...]
    _realised: dict[Use | int, list[int]] = field(default_factory=dict)
    """The values that uses, and inputs, stand for."""
    _offered: set[tuple[Use, tuple[int, ...]]] = field(default_factory=set)

    def follow(self, values: torch.Tensor) -> Iterator[tuple[int, int, Batch]]:
        """Yield the statements that new values make possible: level, form, and the statement."""
        if not self.uses:
            return
        for value in values.tolist():
            self._realise(value)
        for use in self.uses:
            options = [self._realised.get(argument, [])[:_REALISED] for argument in use.arguments]
            for arguments in product(*options):
                if (use, arguments) in self._offered or not arguments:
                    continue
                self._offered.add((use, arguments))
                yield from self._statements(use, torch.tensor([arguments], dtype=torch.int32))

    def _statements(self, use: Use, row: torch.Tensor) -> Iterator[tuple[int, int, Batch]]:
        kinds = tuple(self.store.kind[row[0]].tolist())
        below = int(self.store.total(self.store.union(row)))
        for group in self.forms.groups:
            if tuple(slot.kind for slot in group.slots) != kinds:
                continue
            for number, form in self._fitting(use, group):
                step = _SAME if _primitive(form) == use.primitive else _OTHER_PRIMITIVE
                extra = torch.tensor([step - form.cost], dtype=torch.int32)
                yield below + step, number, Batch(row, extra)

    def _fitting(self, use: Use, group: Group) -> Iterator[tuple[int, Form]]:
        for number in group.forms:
            form = self.forms.forms[number]
            if self._names(form) == use.functions:
                yield number, form

    def _realise(self, value: int) -> None:
        """Note which uses a new value stands for."""
        form = int(self.store.form.data[value])
        if form == NONE:
            self._realised.setdefault(value, []).append(value)
            return
        names = self._names(self.forms.forms[form])
        taken = [a for a in self.store.arguments.data[value].tolist() if a != NONE]
        for use in self.uses:
            if use.functions == names and len(use.arguments) == len(taken):
                known = [self._realised.get(argument, []) for argument in use.arguments]
                if all(a in options for a, options in zip(taken, known, strict=True)):
                    self._realised.setdefault(use, []).append(value)

    def _names(self, form: Form) -> frozenset[str]:
        functions = self.forms.space.signature.functions
        return frozenset(functions[fn].name for fn in form.functions)


def _primitive(form: Form) -> str:
    return form.statement.primitive if isinstance(form.statement, Call) else "Route"
