"""Calls a task's functions on random elements and watches what they read and change."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from hardwon.languages.inspection import Remark, Severity
from hardwon.languages.step.linting.bodies import Tensors, call_once, random_element, units_of
from hardwon.languages.step.linting.spaces import is_multihot, reseed, same, short
from hardwon.languages.step.semantics.base import RunError
from hardwon.languages.step.simulator.evaluators import Unit
from hardwon.languages.step.simulator.namespace import Namespace
from hardwon.languages.step.synthesis.values import base
from hardwon.languages.step.types import Multihot, components

_FAILS = "function-fails"


@dataclass(frozen=True, slots=True)
class FunctionsProbed:
    """What calling the functions revealed."""

    remarks: tuple[Remark, ...]
    failing: frozenset[str]
    """Functions that fail at these sizes."""
    unread: frozenset[str]
    """Parameters that no function reads."""


def probe_functions(space: Namespace) -> FunctionsProbed:
    """Call every function on a random element of its type.

    Raises:
        TaskError: if a body cannot be read.
    """
    parameters = {parameter.name for parameter in space.task.parameters}
    remarks: list[Remark] = []
    failing: set[str] = set()
    read_by_any: set[str] = set()
    data: Mapping[str, Any] = space.globals["input_data"]
    for unit in units_of(space):
        name = unit.function.name
        watched = _Watched(data)
        space.globals["input_data"] = watched
        found = list(_tried(unit))
        remarks += found
        if any(remark.rule == _FAILS for remark in found):
            failing.add(name)
        read_by_any |= watched.read
        streams = sorted(watched.read - parameters)
        if streams:
            remarks.append(
                Remark(
                    Severity.WARNING,
                    "reads-input-stream",
                    ("fns", name),
                    f"{name} reads {', '.join(streams)} from input_data: it sees the whole stream,"
                    " whatever the program gives it",
                    "give it the stream's elements as input, or make the data a parameter",
                )
            )
    space.globals["input_data"] = data
    return FunctionsProbed(tuple(remarks), frozenset(failing), frozenset(parameters - read_by_any))


class _Watched(dict[str, Any]):
    """`input_data` that remembers what is read."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def values(self) -> Any:
        self.read.update(self)
        return super().values()

    def items(self) -> Any:
        self.read.update(self)
        return super().items()


def _tried(unit: Unit) -> Iterator[Remark]:
    try:
        yield from _called_twice(unit)
    except (RunError, RuntimeError) as error:
        yield Remark(
            Severity.ERROR,
            _FAILS,
            ("fns", unit.function.name),
            f"on a random element of its type, {short(error)}",
            "mend the body, or correct its types",
        )


def _called_twice(unit: Unit) -> Iterator[Remark]:
    """Call a function twice on the same element and yield what is odd about it.

    Raises:
        RunError, RuntimeError: if the body fails.
    """
    name, where = unit.function.name, ("fns", unit.function.name)
    state, inputs = random_element(unit, torch.Generator().manual_seed(0))
    given: Tensors = [*(state or ()), *inputs]
    kept = [tensor.clone() for tensor in given]
    reseed(1)
    first = call_once(unit, state, inputs)
    if not same(given, kept):
        yield Remark(
            Severity.WARNING,
            "mutates-input",
            where,
            f"{name} changes its input in place",
            "work on a copy; other streams may share the data",
        )
    for tensor, before in zip(given, kept, strict=True):
        tensor.copy_(before)
    reseed(2)
    again = call_once(unit, state, inputs)
    if not same(first, again):
        yield Remark(
            Severity.ERROR,
            "unstable-function",
            where,
            f"{name} gives different results for the same input",
            "take randomness, counters and time out of the body",
        )
    for component, tensor in zip(components(unit.function.output), first, strict=True):
        if isinstance(base(component), Multihot) and not is_multihot(tensor):
            yield Remark(
                Severity.ERROR,
                "not-multi-hot",
                where,
                f"{name} returned other values than 0 and 1 as {component}",
                "return zeros and ones, or declare another output_dtype",
            )
