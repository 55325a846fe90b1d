"""Runs a task's code at other sizes."""

import re
from collections.abc import Collection, Iterator, Sequence

import torch

from hardwon.languages.inspection import Remark, Severity
from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.linting.bodies import call_once, random_element, units_of
from hardwon.languages.step.linting.spaces import open_space, short, sizes_text
from hardwon.languages.step.semantics.base import RunError
from hardwon.languages.step.settings import DEFAULT_SIZES, all_hold
from hardwon.languages.step.simulator.namespace import Namespace, run_references
from hardwon.records import Task


def probe_sizes(
    space: Namespace, settings: Sequence[Setting], failing: Collection[str]
) -> Iterator[Remark]:
    """Yield what breaks at other sizes: one symbol changed at a time, then the settings.

    Args:
        space: the task's code at the default sizes.
        settings: further sizes to try.
        failing: functions that fail at the default sizes, of which nothing more is said.
    """
    task = space.task
    bound = [s for s in DEFAULT_SIZES if s in space.sizes and s in _symbols(space)]
    alone = [
        Setting({symbol: size}, 0) for symbol in bound for size in (1, 2, 2 * space.sizes[symbol])
    ]
    blamed: set[str] = set()
    for setting in (*alone, *settings):
        if not all_hold(task.constraints, {**DEFAULT_SIZES, **setting.sizes}):
            continue
        for culprit, error in _failures(task, setting, failing):
            if culprit not in blamed:
                blamed.add(culprit)
                changed = sizes_text({s: n for s, n in setting.sizes.items() if s in bound})
                yield Remark(
                    Severity.WARNING,
                    "sizes-break-task",
                    ("fns", culprit) if culprit else (),
                    f"at {changed}: {error}",
                    "mend it, or declare in `constraints` at which sizes the task makes sense",
                )


def _symbols(space: Namespace) -> frozenset[str]:
    """Return the symbols that occur in the task's types, the standard ones only if used."""
    signature = space.signature
    texts = [
        *(str(stream) for _, stream in signature.inputs),
        *map(str, signature.outputs),
        *(f"{fn.input} {fn.output}" for fn in signature.functions),
        *(f"{p.dtype} {p.dims}" for p in space.task.parameters),
    ]
    return signature.symbols & set(re.findall(r"\w+", " ".join(texts)))


def _failures(task: Task, setting: Setting, failing: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield what fails at a setting: a function's name, or nothing, and the message."""
    try:
        space = open_space(task, setting)
        if not all_hold(task.constraints, space.sizes):
            return  # by what `global` binds at these sizes: the task says that it is not meant
        run_references(space, torch.float32)
    except TaskError as error:
        yield "", short(error)
        return
    for unit in units_of(space):
        if unit.function.name in failing:
            continue
        try:
            call_once(unit, *random_element(unit, torch.Generator().manual_seed(0)))
        except RunError as error:
            yield unit.function.name, short(error)
