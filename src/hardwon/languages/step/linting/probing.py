"""Runs a task's own code and watches it: functions on random elements, references on other data.

Only for worker processes. What is said here holds for the data that was tried.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from hardwon.languages.inspection import Law, Remark, Severity
from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.linting.function_probe import probe_functions
from hardwon.languages.step.linting.laws import laws_hold
from hardwon.languages.step.linting.reference_probe import probe_dependence, probe_references
from hardwon.languages.step.linting.size_probe import probe_sizes
from hardwon.languages.step.linting.spaces import open_space, short, sizes_text
from hardwon.languages.step.settings import holds
from hardwon.languages.step.simulator.namespace import Namespace, run_references
from hardwon.records import Task


def serve_task() -> Callable[[dict[str, Any], list[bytearray]], tuple[dict[str, Any], tuple[()]]]:
    """Return what answers in a confined process; see `hardwon.languages.inspection.Lints`."""
    return _answer


def _answer(request: dict[str, Any], data: list[bytearray]) -> tuple[dict[str, Any], tuple[()]]:
    del data
    remarks = [asdict(remark) for remark in probe(request["task"], request["settings"])]
    laws: Sequence[Law] = request["laws"]
    try:
        holding = laws_hold(request["task"], laws)
    except TaskError:
        holding = (False,) * len(laws)  # the remarks say why
    return {"remarks": remarks, "holds": holding}, ()


def probe(task: Task, settings: Sequence[Setting]) -> tuple[Remark, ...]:
    """Return what a task's code reveals at these settings, the default one first; each once."""
    return tuple(dict.fromkeys(_remarks(task, settings)))


def _remarks(task: Task, settings: Sequence[Setting]) -> Iterator[Remark]:
    default, *others = settings
    try:
        space = open_space(task, default)
        results = run_references(space, torch.float32)
    except TaskError as error:
        advice = "mend the task; nothing else works"
        yield Remark(Severity.ERROR, "task-fails", (), short(error), advice)
        return
    yield from _broken_constraints(space)
    functions = probe_functions(space)
    yield from functions.remarks
    yield from probe_references(space, results)
    yield from probe_dependence(space, results, default.seed, functions.unread)
    yield from probe_sizes(space, others, functions.failing)


def _broken_constraints(space: Namespace) -> Iterator[Remark]:
    for at, constraint in enumerate(space.task.constraints):
        if not holds(constraint, space.sizes):
            yield Remark(
                Severity.ERROR,
                "constraint-broken",
                ("constraints", at),
                f"{constraint} does not hold at the default sizes, {sizes_text(space.sizes)}",
                "relax the constraint, or bind other sizes in `global`",
            )
