"""Evaluates statements of one form, and gives up on forms and functions that do not work."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from hardwon.languages.step.semantics import RunError
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.simulator.evaluators import loop
from hardwon.languages.step.synthesis.search.forms import Form, Forms
from hardwon.languages.step.synthesis.search.queue import Batch
from hardwon.languages.step.synthesis.search.store import Store
from hardwon.languages.step.synthesis.search.watching import HangError
from hardwon.languages.step.synthesis.search.worlds import World

_BATCH_ROWS = 1024
_BATCH_NUMBERS = 1 << 20
_BATCH_CALLS = 1 << 14
"""Single calls per batch of a function that has to be called element by element."""
_HANGS = 2
"""How often a function may hang."""
_FAILURES = 32
"""Failed statements, none having worked, after which a form is given up."""
_WORKS = -1


@dataclass
class Trials:
    """Evaluates statements at every world."""

    forms: Forms
    worlds: tuple[World, ...]
    store: Store
    _hangs: dict[int, int] = field(default_factory=dict)
    """Per function."""
    _failures: dict[int, int] = field(default_factory=dict)
    """Per form; `_WORKS` once a statement has worked."""

    def parts(self, number: int, batch: Batch) -> Iterator[Batch]:
        """Split statements such that evaluating them takes bounded time and memory."""
        form, world = self.forms.forms[number], self.worlds[0]
        elements = prod(world.lengths(form.statement.dims))
        numbers = elements * self._element_size(form)
        rows = max(1, min(_BATCH_ROWS, _BATCH_NUMBERS // max(1, numbers)))
        functions = self.forms.space.signature.functions
        if any(world.units.chosen[functions[fn].name][1] is loop for fn in form.functions):
            rows = max(1, min(rows, _BATCH_CALLS // max(1, elements)))
        for start in range(0, len(batch), rows):
            yield batch[start : start + rows]

    def _element_size(self, form: Form) -> int:
        functions = self.forms.space.signature.functions
        units = [self.worlds[0].units.chosen[functions[fn].name][0] for fn in form.functions]
        return sum(
            prod(shape) for unit in units for shape in (*unit.input_shapes, *unit.output_shapes)
        )

    def results(self, number: int, batch: Batch) -> Iterator[tuple[Batch, list[Tensors]]]:
        """Yield statements of one form with their results per world; those that fail are left out.

        Where one fails, halves are tried, since the batch does not tell which.
        """
        form = self.forms.forms[number]
        if self._is_given_up(number, form):
            return
        try:
            data = [
                world.evaluate(
                    form.statement,
                    [
                        self.store.gather(at, slot.kind, batch.arguments[:, position])
                        for position, slot in enumerate(form.slots)
                    ],
                )
                for at, world in enumerate(self.worlds)
            ]
        except HangError:
            for fn in form.functions:
                self._hangs[fn] = self._hangs.get(fn, 0) + 1
        except (RunError, RuntimeError, TypeError, ValueError, IndexError):
            if self._failures.get(number, 0) != _WORKS:
                self._failures[number] = self._failures.get(number, 0) + 1
            if len(batch) > 1:
                half = len(batch) // 2
                yield from self.results(number, batch[:half])
                yield from self.results(number, batch[half:])
        else:
            self._failures[number] = _WORKS
            yield batch, data

    def _is_given_up(self, number: int, form: Form) -> bool:
        return self._failures.get(number, 0) >= _FAILURES or any(
            self._hangs.get(fn, 0) >= _HANGS for fn in form.functions
        )
