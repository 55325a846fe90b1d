"""Counts what a program is made of: its text, not the graph that loops unroll to."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from hardwon.languages.metrics import ProgramCounts
from hardwon.languages.step import syntax
from hardwon.languages.step.parser import ParseError, parse
from hardwon.languages.step.primitives import PRIMITIVES
from hardwon.records import Task


def count(task: Task, impl: str) -> ProgramCounts | None:
    """Return how often each primitive is written, and which functions are; None if unreadable.

    A call in a loop counts once; streams zipped by a mere tuple count as no call.
    """
    try:
        program = parse(impl)
    except ParseError:
        return None
    calls: Counter[str] = Counter()
    names: set[str] = set()
    for part in _parts(program):
        match part:
            case syntax.Operator(primitive=name):
                calls[PRIMITIVES[name].__name__] += 1
            case syntax.Name(id=name):
                names.add(name)
            case _:
                pass
    return ProgramCounts(
        primitives=dict(sorted(calls.items())),
        reshaping=sum(number for name, number in calls.items() if PRIMITIVES[name].reshapes),
        functions=tuple(fn.func_name for fn in task.fns if fn.func_name in names),
    )


def _parts(program: syntax.Program) -> Iterator[object]:
    """Yield every node of the syntax tree, without recursion: programs may be deep."""
    waiting: list[object] = [program]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting += part
        elif is_dataclass(part):
            yield part
            waiting += [getattr(part, item.name) for item in fields(part)]
