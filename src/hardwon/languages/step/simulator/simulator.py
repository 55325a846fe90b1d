"""The functional check of one task, from the side of the judge: no task code runs here."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

import torch

from hardwon.languages.protocol import (
    PLAIN,
    Host,
    ProcessEndedError,
    Setting,
    Support,
    TaskError,
    TaskProcess,
)
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.settings import DEFAULT_SIZES
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.simulator.budget import TooLargeError, require_room
from hardwon.languages.step.simulator.consult import FORGED, Consultation, Patience, Prepared
from hardwon.languages.step.simulator.effects import is_without_effects
from hardwon.languages.step.simulator.inline import Inline
from hardwon.languages.step.simulator.oracle import Expected, Place, describe, differences, first_of
from hardwon.languages.step.simulator.program import to_program
from hardwon.languages.step.simulator.together import reads_input_streams, stay_apart
from hardwon.languages.step.simulator.wire import WireError, all_from_bytes
from hardwon.records import Diagnostic, Difference, Stage, Task

RULE = "every result equals the reference"
_PERSISTENCE = 0.2
"""How much the latest program counts when it is guessed whether the next one will be right."""
_AT_ONCE = 0.5
"""How often programs have to be right before they are run at all sizes at once."""
_MOST_VERDICTS = 1 << 14
"""How many programs' verdicts are remembered."""


class TaskSimulator:
    """See `hardwon.languages.protocol.Simulator`.

    Without a host, task code runs in this very process: for code that is trusted only.
    """

    def __init__(self, task: Task, host: Host | None = None) -> None:
        self._task = task
        self._host: Host = host or Inline()
        self._signature = signature_of(task)
        self._sizes: Mapping[str, int] | None = None
        self._settings: tuple[Setting, ...] = ()
        self._prepared: list[Prepared] = []
        self._support: list[Support] = []
        self._broken: list[Mapping[str, str]] = []
        self._runner: TaskProcess | None = None
        self._stateless = is_without_effects(task)
        self._fortune = 0.0
        """How often programs have been right of late."""
        self._forgets = False
        self._joint: dict[tuple[int, ...], Expected] = {}
        self._verdicts: dict[str, tuple[Diagnostic, ...]] = {}
        """By normal form: no errors, or wrong results, which are the same in any spelling."""
        self._largest: Mapping[str, int] = {}
        self._most_draws = 1
        self._apart = reads_input_streams(task)
        self._labels = tuple(
            (output.name, component, len(output.dtype))
            for output in task.outputs
            for component in range(len(output.dtype))
        )

    def sizes(self) -> Mapping[str, int]:
        """See `Simulator.sizes`."""
        if self._sizes is None:
            self.prepare([Setting({}, 0)])
        assert self._sizes is not None
        return self._sizes

    def support(self) -> tuple[Support, ...]:
        """See `Simulator.support`."""
        return tuple(
            replace(
                item,
                problems=(
                    *item.problems,
                    *(text for at, p in enumerate(self._prepared) if p.setting is item.setting
                      for text in self._broken[at].values()),
                ),
            )
            for item in self._support
        )  # fmt: skip

    def close(self) -> None:
        """See `Simulator.close`."""
        if self._runner is not None:
            self._runner.stop()
            self._runner = None

    def prepare(self, settings: Sequence[Setting]) -> None:
        """See `Simulator.prepare`."""
        if tuple(settings) == self._settings:
            if self._runner is None or not self._runner.running:
                self._open_runner(Patience.of(self._host.prepare_seconds))
            return
        self.close()
        self._settings = ()
        self._verdicts.clear()
        self._joint.clear()
        patience = Patience.of(self._host.prepare_seconds)
        oracle = self._host.spawn()
        try:
            self._consult(oracle, settings, patience)
        finally:
            oracle.stop()
        self._largest = {
            name: max(prepared.sizes[name] for prepared in self._prepared)
            for name in self._prepared[0].sizes
        }
        self._most_draws = max(len(prepared.draws) for prepared in self._prepared)
        self._settings = tuple(settings)
        self._open_runner(patience)

    def _consult(
        self, oracle: TaskProcess, settings: Sequence[Setting], patience: Patience
    ) -> None:
        self._prepared, self._support = [], []
        consultation = Consultation(self._task, oracle, patience)
        found = consultation.sizes(settings)
        for index, (setting, sizes) in enumerate(zip(settings, found, strict=True)):
            known: Mapping[str, int] = {} if isinstance(sizes, TaskError) else sizes
            try:
                if isinstance(sizes, TaskError):
                    raise sizes
                if is_default(setting):
                    self._sizes = sizes
                prepared, problems = consultation.prepare(index, setting, sizes)
            except TaskError as error:
                if is_default(setting) or not oracle.running:
                    raise
                self._support.append(Support(setting, known, (), (str(error),)))
                continue
            kinds = tuple(kind for kind, _ in prepared.draws)
            self._support.append(Support(setting, sizes, kinds, tuple(problems)))
            if kinds:
                self._prepared.append(prepared)

    def _open_runner(self, patience: Patience) -> None:
        """Start the process that runs programs; it gets the task without its references."""
        outputs = tuple(
            output.model_copy(update={"data_transform": ("0",) * len(output.dtype)})
            for output in self._task.outputs
        )
        request = {
            "op": "open",
            "task": self._task.model_copy(update={"outputs": outputs, "impl": None}),
            "settings": [prepared.request for prepared in self._prepared],
        }
        data = [part for prepared in self._prepared for part in prepared.data]
        runner = self._host.spawn()
        try:
            reply, _ = patience.ask(runner, request, data, 0)
            broken = reply.get("broken")
            if not isinstance(broken, list) or len(broken) != len(self._prepared):
                raise TaskError(FORGED)
        except TaskError:
            runner.stop()
            raise
        self._broken = [
            {str(name): str(text)[:500] for name, text in item.items()} for item in broken
        ]
        self._runner = runner

    def forget(self) -> None:
        """Give up all that is shared between programs, here and in the runner: for measuring."""
        self._verdicts.clear()
        self._forgets = True  # the next request says so

    def check(self, impl: str, settings: Sequence[Setting]) -> tuple[Diagnostic, ...]:
        """See `Simulator.check`.

        Settings other than the default one are skipped where the task's own code does not work.
        """
        self.prepare(settings)
        analysis = analyse(self._task, impl, self.sizes())
        typed, form = analysis.typed, analysis.reading.normal_form
        if typed is None or form is None:
            raise ValueError("only a runnable program can be checked")
        known = self._verdicts.get(form)
        if known is not None:
            line = typed.graph.line or None
            return tuple(error.model_copy(update={"line": line}) for error in known)
        refused = self._refusal(typed)
        if refused is not None:
            return (refused,)
        deadline = time.monotonic() + self._host.seconds
        errors = self._check(typed, deadline)
        if not errors and not self._stateless:
            # What an earlier program has left behind must not make this one pass: so a process
            # that has run no other has to agree, and it is the one that runs the next program.
            self.close()
            self._open_runner(Patience.of(self._host.prepare_seconds))
            errors = self._check(typed, deadline)
        self._fortune += _PERSISTENCE * ((not errors) - self._fortune)
        if all(error.difference is not None for error in errors):
            if len(self._verdicts) >= _MOST_VERDICTS:
                self._verdicts.clear()
            self._verdicts[form] = errors
        return errors

    def _refusal(self, typed: TypedGraph) -> Diagnostic | None:
        """Return why a program takes too much memory, if it does."""
        try:
            require_room(typed, self._largest, self._most_draws)
            return None
        except TooLargeError:
            pass  # but perhaps at no single setting
        for prepared in self._prepared:
            try:
                require_room(typed, prepared.sizes, len(prepared.draws))
            except TooLargeError as error:
                message = f"{error.node.primitive}: {error}{_at(prepared)}"
                return _wrong(message, error.node.line or None, rule=None)
        return None

    def _check(self, typed: TypedGraph, deadline: float) -> tuple[Diagnostic, ...]:
        together = not self._apart and stay_apart(typed)
        request: dict[str, Any] = {
            "op": "run",
            "program": to_program(typed, together=together),
            "together": together,
        }
        if self._forgets:
            request["afresh"], self._forgets = True, False
        everywhere = tuple(self._usable(typed))
        # A wrong program is mostly wrong at the default sizes already, and need not run at others;
        # asking twice is wasted on the right ones. Errors come in the same order either way.
        at_once = self._fortune > _AT_ONCE
        for wanted in (everywhere,) if at_once else (everywhere[:1], everywhere[1:]):
            at = 0
            while at < len(wanted):
                errors, done = self._run(typed, {**request, "settings": wanted[at:]}, deadline)
                request.pop("program", None)  # the runner remembers the latest one
                request.pop("afresh", None)
                if errors:
                    return errors
                at += done
        return ()

    def _usable(self, typed: TypedGraph) -> list[int]:
        """Return the settings at which all functions of a program work, the default one always."""
        used = {
            fn.name
            for node in typed.graph.nodes
            if (fn := getattr(node.primitive, "fn", None)) is not None
        }
        return [
            index
            for index, prepared in enumerate(self._prepared)
            if is_default(prepared.setting) or not used & self._broken[index].keys()
        ]

    def _run(
        self, typed: TypedGraph, request: Mapping[str, Any], deadline: float
    ) -> tuple[tuple[Diagnostic, ...], int]:
        """Run at some settings; return the errors, and how many settings are done."""
        wanted: tuple[int, ...] = request["settings"]
        reply, parts = self._ask_runner(request, deadline, wanted)
        reports = reply.get("reports")
        if not isinstance(reports, list) or not 1 <= len(reports) <= len(wanted):
            return self._forged()
        done = tuple(
            [
                index
                for index, report in zip(wanted, reports, strict=False)
                if not (isinstance(report, dict) and "error" in report)
            ]
        )
        try:
            (found,) = all_from_bytes(parts, [(self._entries(done),)], torch.float32)
        except WireError:
            return self._forged()
        wrong = differences(found, self._expected(done)) if done else None
        for index, report in zip(wanted, reports, strict=False):
            prepared = self._prepared[index]
            if index not in done:
                return self._failure(typed, prepared, report), len(reports)
            if wrong is None:
                continue
            errors = self._described(
                typed, prepared, found[: prepared.entries], wrong[: prepared.entries]
            )
            if errors:
                return errors, len(reports)
            found, wrong = found[prepared.entries :], wrong[prepared.entries :]
        return (), len(reports)

    def _entries(self, indices: Sequence[int]) -> int:
        return sum([self._prepared[index].entries for index in indices])

    def _expected(self, wanted: tuple[int, ...]) -> Expected:
        """Return what is expected at several settings, in one piece."""
        known = self._joint.get(wanted)
        if known is None:
            parts = [part for index in wanted for part in self._prepared[index].expected]
            known = self._joint[wanted] = Expected.joined(parts)
        return known

    def _ask_runner(
        self, request: Mapping[str, Any], deadline: float, wanted: Sequence[int]
    ) -> tuple[dict[str, Any], list[bytearray]]:
        if self._runner is None:
            raise ProcessEndedError("it was ended")
        most = 4 * self._entries(wanted)
        reply, parts = self._runner.ask(
            request, seconds=max(0.01, deadline - time.monotonic()), most=most
        )
        if reply.get("memory_error"):
            self.close()
            raise MemoryError
        if "task_error" in reply:
            self.close()
            raise TaskError(str(reply["task_error"])[:2000])
        return reply, parts

    def _forged(self) -> tuple[tuple[Diagnostic, ...], int]:
        self.close()
        message = "the task's functions sent something that is no result"
        return (_wrong(message, None, rule=None),), 1

    def _failure(
        self, typed: TypedGraph, prepared: Prepared, report: Mapping[str, Any]
    ) -> tuple[Diagnostic, ...]:
        if report.get("unsuitable") is True and not is_default(prepared.setting):
            return ()  # a body, or a split, that does not fit these sizes says nothing
        nodes, index = typed.graph.nodes, report.get("node")
        if not isinstance(index, int) or not 0 <= index < len(nodes):
            return self._forged()[0]
        message = f"{nodes[index].primitive}: {str(report['error'])[:1000]}{_at(prepared)}"
        return (_wrong(message, nodes[index].line or None, rule=None),)

    def _described(
        self, typed: TypedGraph, prepared: Prepared, found: torch.Tensor, wrong: torch.Tensor
    ) -> tuple[Diagnostic, ...]:
        """Return one error per wrong component, about the first draw at which it is wrong.

        `found` and `wrong` hold the components one after the other, each with all its draws.
        """
        errors: list[Diagnostic] = []
        start = 0
        for (name, component, of), (_, *shape), expected in zip(
            self._labels, prepared.shapes, prepared.expected, strict=True
        ):
            entries = prod(shape)
            whole = slice(start, start + entries * len(prepared.draws))
            start = whole.stop
            if not bool(wrong[whole].any()):
                continue
            at, first = divmod(first_of(wrong[whole]), entries)
            draw = slice(whole.start + at * entries, whole.start + (at + 1) * entries)
            kind, seed = prepared.draws[at]
            place = Place(name, component, tuple(shape), dict(prepared.sizes), seed, kind)
            want = expected.value[at].flatten()
            difference = describe(found[draw], want, wrong[draw], first, place)
            where = f" at {list(difference.place)} (outermost first)" if difference.place else ""
            message = (
                f"{name if of == 1 else f'{name}[{component}]'}: {difference.differing} of"
                f" {difference.total} values differ from the reference, first{where}:"
                f" expected {difference.expected}, got {difference.got}"
                f"{_at(prepared)}{'' if kind == PLAIN else f' (with {kind} values)'}"
            )
            errors.append(_wrong(message, typed.graph.line or None, difference=difference))
        return tuple(errors)


def is_default(setting: Setting) -> bool:
    """Whether a setting has the default sizes."""
    return all(DEFAULT_SIZES.get(name) == size for name, size in setting.sizes.items())


def _at(prepared: Prepared) -> str:
    if is_default(prepared.setting):
        return ""
    sizes = ", ".join(f"{name}={size}" for name, size in prepared.sizes.items())
    return f" (at sizes {sizes})"


def _wrong(
    message: str,
    line: int | None,
    rule: str | None = RULE,
    difference: Difference | None = None,
) -> Diagnostic:
    return Diagnostic(
        stage=Stage.FUNCTIONAL, line=line, message=message, rule=rule, difference=difference
    )
