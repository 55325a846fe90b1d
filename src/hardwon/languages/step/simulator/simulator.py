"""The functional check of one task."""

from collections.abc import Mapping, Sequence

import torch

from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.settings import DEFAULT_SIZES
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.simulator.machine import (
    Expected,
    StepFailedError,
    StepMachine,
    StreamTooLargeError,
)
from hardwon.languages.step.simulator.namespace import build_namespace
from hardwon.records import Diagnostic, Stage, Task

RULE = "every result equals the reference"


class TaskSimulator:
    """See `hardwon.languages.protocol.Simulator`."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._signature = signature_of(task)
        self._sizes: Mapping[str, int] | None = None
        self._machines: dict[tuple[tuple[tuple[str, int], ...], int], StepMachine | TaskError] = {}

    def sizes(self) -> Mapping[str, int]:
        """See `Simulator.sizes`."""
        if self._sizes is None:
            self._sizes = build_namespace(self._task, {}, seed=0).sizes
        return self._sizes

    def prepare(self, settings: Sequence[Setting]) -> None:
        """See `Simulator.prepare`."""
        for setting in settings:
            self._machine_if_usable(setting)

    def _machine_if_usable(self, setting: Setting) -> StepMachine | None:
        """Return the machine, or None where only other sizes than the default ones do not work."""
        try:
            return self._machine(setting)
        except TaskError:
            if _is_default(setting):
                raise
            return None

    def check(self, impl: str, settings: Sequence[Setting]) -> tuple[Diagnostic, ...]:
        """See `Simulator.check`.

        Settings other than the default one are skipped where the task's own code does not work.
        """
        typed = analyse(self._task, impl, self.sizes()).typed
        if typed is None:
            raise ValueError("only a runnable program can be checked")
        with torch.inference_mode():
            for setting in settings:
                machine = self._machine_if_usable(setting)
                if machine is None:
                    continue
                errors = self._check_at(machine, typed, _is_default(setting))
                if errors:
                    return errors
        return ()

    def _machine(self, setting: Setting) -> StepMachine:
        key = (tuple(sorted(setting.sizes.items())), setting.seed)
        if key not in self._machines:
            try:
                self._machines[key] = StepMachine.prepare(self._task, setting)
            except TaskError as error:
                self._machines[key] = error
        machine = self._machines[key]
        if isinstance(machine, TaskError):
            raise machine
        return machine

    def _check_at(
        self, machine: StepMachine, typed: TypedGraph, default: bool
    ) -> tuple[Diagnostic, ...]:
        at = "" if default else f" (at sizes {_text(machine.sizes)})"
        try:
            results = machine.run(typed)
        except StepFailedError as error:
            tolerable = not default and not isinstance(error.__cause__, StreamTooLargeError)
            if tolerable:  # a body, or a split, that does not fit these sizes says nothing
                return ()
            message = f"{error.node.primitive}: {error}{at}"
            return (_wrong(message, error.node.line or None, rule=None),)
        errors: list[Diagnostic] = []
        for position, (tensors, expected) in enumerate(zip(results, machine.expected, strict=True)):
            name = self._task.outputs[position].name
            for component, (found, want) in enumerate(zip(tensors, expected, strict=True)):
                label = name if len(expected) == 1 else f"{name}[{component}]"
                difference = compare(found, want)
                if difference is not None:
                    errors.append(_wrong(f"{label}: {difference}{at}", typed.graph.line or None))
        return tuple(errors)


def _is_default(setting: Setting) -> bool:
    return all(DEFAULT_SIZES.get(name) == size for name, size in setting.sizes.items())


def _wrong(message: str, line: int | None, rule: str | None = RULE) -> Diagnostic:
    return Diagnostic(stage=Stage.FUNCTIONAL, line=line, message=message, rule=rule)


def _text(sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{name}={size}" for name, size in sizes.items())


def compare(found: torch.Tensor, want: Expected) -> str | None:
    """Return what is wrong with a result, or None: shape, NaN and infinity, then values."""
    expected = want.value
    if found.shape != expected.shape:
        return f"expected shape {tuple(expected.shape)}, got {tuple(found.shape)}"
    value = found.to(torch.float64)
    same = (value == expected) | (value.isnan() & expected.isnan())
    close = (value - expected).abs() <= want.tolerance
    wrong = ~(same | (close & expected.isfinite()))
    count = int(wrong.sum())
    if count == 0:
        return None
    place = tuple(int(at) for at in wrong.nonzero()[0])
    where = f" at {list(place)} (outermost first)" if place else ""
    return (
        f"{count} of {value.numel()} values differ from the reference, first{where}:"
        f" expected {float(expected[place]):.6g}, got {float(value[place]):.6g}"
    )
