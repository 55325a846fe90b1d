"""Tries laws of functions on random elements of many kinds; see `mutations` for what they excuse.

A law that is accepted wrongly hides a hole in a task's check, so that elements are drawn of all the
kinds on which programs are judged, and of some more. Folds are compared by what Accum, Scan and
Merge make of them: the states that they go through from their init.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from hardwon.languages.inspection import Law
from hardwon.languages.step.linting.bodies import (
    Draw,
    Tensors,
    call_once,
    element,
    normal,
    units_of,
)
from hardwon.languages.step.semantics.base import RunError
from hardwon.languages.step.simulator.evaluators import Unit
from hardwon.languages.step.simulator.namespace import build_namespace, draw_inputs
from hardwon.languages.step.types import components
from hardwon.records import Task

_ELEMENTS = 16
"""How many elements are drawn of each kind."""
_STEPS = 4
"""How many elements a fold is given in a row."""


def _scaled(scale: float, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return normal(shape, generator) * scale


def _positive(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return normal(shape, generator).abs()


def _negative(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    return -normal(shape, generator).abs()


def _tied(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Draw few distinct values, zero among them."""
    return torch.randint(-2, 3, shape, generator=generator).to(torch.get_default_dtype())


def _level(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Draw one value for all entries."""
    return normal((), generator).expand(shape).clone()


def _zero(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    del generator
    return torch.zeros(shape)


_KINDS: tuple[Draw, ...] = (
    normal,
    partial(_scaled, 1e-3),  # shows small constants
    partial(_scaled, 30.0),
    _positive,
    _negative,
    _tied,
    _level,
    _zero,
)


@dataclass(frozen=True)
class _Trial:
    """Functions, and a source of elements of one kind."""

    units: Mapping[str, Unit]
    inits: Mapping[str, tuple[float, ...] | None]
    generator: torch.Generator
    draw: Draw

    def inputs(self, unit: Unit) -> Tensors:
        """Draw one element of a function's input."""
        return element(unit.function.input, unit.input_shapes, self.generator, self.draw)

    def run(self, unit: Unit, rows: Sequence[Tensors]) -> Tensors:
        """Return the results on several elements, for a fold its states.

        Raises:
            RunError: if the body fails.
        """
        init = self.inits[unit.function.name]
        results: Tensors = []
        state: Tensors | None = None
        if init is not None:
            state = [torch.full(s, v) for s, v in zip(unit.output_shapes, init, strict=True)]
        for row in rows:
            found = call_once(unit, state, [tensor.clone() for tensor in row])
            results += found
            state = found if init is not None else None
        return results


_Side = tuple[Tensors, Tensors]


def laws_hold(task: Task, laws: Sequence[Law]) -> tuple[bool, ...]:
    """Return which laws of a task's functions hold, as far as trying can tell.

    Raises:
        TaskError: if the task's own code fails.
    """
    space = build_namespace(task, {}, 0)
    data: Mapping[str, Any] = draw_inputs(space, 0)
    space.globals["input_data"] = {
        name: [t.double() for t in value] if isinstance(value, list) else value.double()
        for name, value in data.items()
    }
    units = {unit.function.name: unit for unit in units_of(space)}
    inits = {fn.func_name: fn.init for fn in task.fns}
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return tuple(_holds(law, units, inits) for law in laws)
    finally:
        torch.set_default_dtype(default)


def _holds(
    law: Law, units: Mapping[str, Unit], inits: Mapping[str, tuple[float, ...] | None]
) -> bool:
    """Whether both sides of a law agree on all elements, and are finite on some of them."""
    finite = False
    generator = torch.Generator().manual_seed(0)
    for draw in _KINDS * _ELEMENTS:
        try:
            left, right = _SIDES[law.kind](law, _Trial(units, inits, generator, draw))
        except (RunError, RuntimeError):
            return False
        for one, other in zip(left, right, strict=True):
            if not torch.allclose(one, other, rtol=1e-9, atol=1e-13, equal_nan=True):
                return False
            finite = finite or bool(one.isfinite().any())
    return finite


def _commutes(law: Law, trial: _Trial) -> _Side:
    unit = trial.units[law.functions[0]]
    rows = [trial.inputs(unit) for _ in range(_STEPS)]
    first, second = law.slots
    swapped = [list(row) for row in rows]
    for row in swapped:
        row[first], row[second] = row[second], row[first]
    return trial.run(unit, rows), trial.run(unit, swapped)


def _equal(law: Law, trial: _Trial) -> _Side:
    first, second = (trial.units[name] for name in law.functions)
    rows = [trial.inputs(first) for _ in range(_STEPS)]
    times = len(second.input_shapes) // len(first.input_shapes)
    return trial.run(first, rows), trial.run(second, [row * times for row in rows])


def _returns(law: Law, trial: _Trial) -> _Side:
    unit = trial.units[law.functions[0]]
    inputs = trial.inputs(unit)
    return trial.run(unit, [inputs]), [inputs[law.slots[0]]]


def _keeps(law: Law, trial: _Trial) -> _Side:
    unit = trial.units[law.functions[0]]
    inputs = trial.inputs(unit)
    if components(unit.function.input) != components(unit.function.output):
        inputs = [inputs[0]] * len(inputs)  # one stream provides all of them
    result = trial.run(unit, [inputs])
    return result, inputs[: len(result)]


def _fixed(law: Law, trial: _Trial) -> _Side:
    last, *chain = (trial.units[name] for name in law.functions)
    values = trial.inputs(chain[-1])
    for unit in reversed(chain):
        values = trial.run(unit, [values])
    return trial.run(last, [values]), values


def _absorbed(law: Law, trial: _Trial) -> _Side:
    first, reader = (trial.units[name] for name in law.functions)
    inputs = trial.inputs(first)
    return trial.run(reader, [trial.run(first, [inputs])]), trial.run(reader, [inputs])


def _refolds(law: Law, trial: _Trial) -> _Side:
    """Fold states again: as they come, in pieces that each began anew, and the last one alone."""
    unit = trial.units[law.functions[0]]
    parts = len(unit.output_shapes)

    def states(rows: Sequence[Tensors]) -> list[Tensors]:
        found = trial.run(unit, rows)
        return [found[at : at + parts] for at in range(0, len(found), parts)]

    rows = [trial.inputs(unit) for _ in range(_STEPS)]
    half = _STEPS // 2
    once = states(rows)
    pieces = states([*states(rows[:half]), *states(rows[half:])])
    repeated = [state for count in (1, _STEPS) for state in states([once[-1]] * count)]
    left = [*once, once[-1], *[once[-1]] * len(repeated)]
    right = [*states(once), pieces[-1], *repeated]
    return [t for state in left for t in state], [t for state in right for t in state]


_SIDES: dict[str, Callable[[Law, _Trial], _Side]] = {
    "commutes": _commutes,
    "equal": _equal,
    "returns": _returns,
    "keeps": _keeps,
    "fixed": _fixed,
    "absorbed": _absorbed,
    "refolds": _refolds,
}
