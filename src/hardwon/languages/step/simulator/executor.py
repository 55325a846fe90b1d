"""The confined end: runs a task's own code for a judge in another process.

A process of this kind is either an oracle, which runs references, or a runner, which runs programs
and never hears of a reference. Nothing it says is believed without being checked.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.semantics import Data, RunError
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.simulator.draws import Values
from hardwon.languages.step.simulator.equality import equal
from hardwon.languages.step.simulator.evaluators import loop
from hardwon.languages.step.simulator.machine import (
    MutationError,
    Plan,
    Planner,
    StepFailedError,
    StepMachine,
    Units,
)
from hardwon.languages.step.simulator.namespace import (
    Namespace,
    as_dtype,
    build_namespace,
    require_constraints,
    run_references,
)
from hardwon.languages.step.simulator.wire import Shape, all_from_bytes, all_to_bytes, to_bytes
from hardwon.records import Task

Reply = tuple[dict[str, Any], Sequence[bytes]]

_MOST_EXPRESSIONS = 1 << 16
"""How many subexpressions are told apart before all shared results are given up."""
_NUDGE = 1e-6
"""Relative size of the errors that show how far rounding can move a reference."""


def serve_task() -> Callable[[dict[str, Any], list[bytearray]], Reply]:
    """Return the answering function of a new process."""
    torch.set_num_threads(1)
    return _Executor().answer


class _Executor:
    def __init__(self) -> None:
        self._oracle: _Oracle | None = None
        self._runner: _Runner | None = None

    def answer(self, request: dict[str, Any], data: list[bytearray]) -> Reply:
        try:
            return self._answer(request, data)
        except TaskError as error:
            return {"task_error": str(error)}, ()

    def _answer(self, request: dict[str, Any], data: list[bytearray]) -> Reply:
        match request["op"]:
            case "globals":
                self._oracle = _Oracle(request["task"])
                return self._oracle.open(request["settings"]), ()
            case "references" if self._oracle is not None:
                return self._oracle.references(request, data)
            case "open":
                self._runner = _Runner(request, data)
                return self._runner.support(), ()
            case "run" if self._runner is not None:
                return self._runner.run(request)
        raise ValueError(request["op"])


class _Oracle:
    """Runs a task's `global` and references."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._spaces: dict[int, Namespace] = {}
        self._steady: set[int] = set()
        """The settings at which the references have been seen to repeat their results."""

    def open(self, settings: Sequence[tuple[Mapping[str, int], int]]) -> dict[str, Any]:
        """Run `global` at every setting."""
        found: list[dict[str, Any]] = []
        for index, (sizes, seed) in enumerate(settings):
            try:
                space = build_namespace(self._task, sizes, seed)
                require_constraints(space)
                self._spaces[index] = space
                found.append({"sizes": dict(space.sizes)})
            except TaskError as error:
                found.append({"error": str(error)})
        return {"settings": found}

    def references(self, request: dict[str, Any], data: list[bytearray]) -> Reply:
        """Run the references in float32, in float64, and in float64 on perturbed data."""
        space = self._spaces[request["setting"]]
        values = unflatten(request["names"], all_from_bytes(data, request["shapes"], torch.float32))
        space.globals["input_data"] = values
        single = [t for row in run_references(space, torch.float32) for t in row]
        if request["setting"] not in self._steady:
            again = [t for row in run_references(space, torch.float32) for t in row]
            if not all(map(_alike, single, again)):
                raise TaskError("the references give different results for the same data")
            self._steady.add(request["setting"])
        try:
            double = [t for row in run_references(space, torch.float64) for t in row]
        except TaskError:  # it only runs in float32: then it is its own oracle
            double = single
        space.globals["input_data"] = nudged(values, request["fixed"], request["seed"])
        try:
            moved = [t for row in run_references(space, torch.float64) for t in row]
        except TaskError:
            moved = double
        return {}, all_to_bytes((*single, *double, *moved))


class _Runner:
    """Runs programs at several settings, on data that it is given once."""

    def __init__(self, request: dict[str, Any], data: list[bytearray]) -> None:
        self._task: Task = request["task"]
        signature = signature_of(self._task)
        self._planner = Planner(signature.functions, len(signature.inputs))
        self._plan: Plan | None = None
        self._rooms: list[_Room] = []
        position = 0
        for setting in request["settings"]:
            count = len(setting["shapes"])
            blobs = [bytes(part) for part in data[position : position + count]]
            position += count
            self._rooms.append(_Room.furnish(self._task, setting, blobs))

    def support(self) -> dict[str, Any]:
        """Return the functions that fail, per setting."""
        return {"broken": [dict(room.units.broken) for room in self._rooms]}

    def run(self, request: dict[str, Any]) -> Reply:
        """Run one program, or the previous one again, at some settings.

        For each there is a report, and the first error ends it. The data is one piece: all results
        at all settings without an error.
        """
        if request.get("afresh"):
            self.forget()
        if "program" in request:
            if self._planner.size > _MOST_EXPRESSIONS:
                self.forget()
            self._plan = self._planner.plan(request["program"])
        assert self._plan is not None
        reports: list[dict[str, Any]] = []
        found: list[torch.Tensor] = []
        with torch.no_grad():
            for index in request["settings"]:
                room = self._rooms[index]
                try:
                    results = self._settle(room, self._plan, request["together"])
                except StepFailedError as error:
                    cause = error.__cause__
                    unsuitable = isinstance(cause, RunError) and cause.unsuitable
                    report = {"error": str(error), "node": error.index, "unsuitable": unsuitable}
                    reports.append(report)
                    break
                reports.append({})
                found += [tensor.reshape(-1) for tensor in results]
            data = to_bytes(torch.cat(found)) if found else b""
        for room in self._rooms:
            room.require_untouched()
        return {"reports": reports}, [data]

    def _settle(self, room: "_Room", plan: Plan, together: bool) -> list[torch.Tensor]:
        """Run; a function that changes its arguments is evaluated on copies from then on."""
        for _ in self._task.fns:
            try:
                return room.run(plan, together)
            except MutationError as error:
                unit, _ = room.units.chosen[error.function]
                room.units.chosen[error.function] = (unit, loop)
                room.restore()
        return room.run(plan, together)

    def forget(self) -> None:
        """Give up the results that are shared between programs."""
        self._planner.forget()
        for room in self._rooms:
            room.forget()


@dataclass
class _Room:
    """One setting: functions, and machines with all draws together and with each on its own."""

    units: Units
    blobs: list[bytes]
    shapes: list[Shape]
    parameters: list[str]
    draws: int
    together: StepMachine
    each: list[tuple[StepMachine, Values]]
    guarded: list[torch.Tensor]
    versions: list[int]

    @classmethod
    def furnish(cls, task: Task, setting: Mapping[str, Any], blobs: list[bytes]) -> "_Room":
        space = build_namespace(task, setting["sizes"], setting["seed"])
        space.globals["input_data"] = {}
        # The names bound by `global` at this setting are those that the oracle has reported.
        if dict(space.sizes) != dict(setting["bound"]):
            raise TaskError("the task's global code binds other sizes when it is run again")
        room = cls(
            Units(space, {}, {}, {}, {}),
            blobs,
            [tuple(shape) for shape in setting["shapes"]],
            setting["parameters"],
            setting["draws"],
            StepMachine(Units(space, {}, {}, {}, {}), ()),
            [],
            [],
            [],
        )
        room.restore()
        room.units = Units.choose(space)
        room.restore()
        return room

    def restore(self) -> None:
        """Make all data anew from the bytes that came."""
        space = self.units.space
        signature = signature_of(space.task)
        tensors = all_from_bytes(self.blobs, self.shapes, torch.float32)
        parameters = unflatten(self.parameters, tensors[: len(self.parameters)])
        columns = iter(tensors[len(self.parameters) :])
        stacked = [
            (stream, tuple(next(columns) for _ in space.task.inputs[at].dtype))
            for at, (_, stream) in enumerate(signature.inputs)
        ]
        together = (Data(len(stream.shape) + 1, parts) for stream, parts in stacked)
        self.together = StepMachine(self.units, tuple(together))
        self.each = []
        for at in range(self.draws):
            single = [(stream, tuple(t[at] for t in parts)) for stream, parts in stacked]
            values: Values = {
                name: list(parts) if len(parts) > 1 else parts[0]
                for (name, _), (_, parts) in zip(signature.inputs, single, strict=True)
            }
            data = tuple(Data(len(stream.shape), parts) for stream, parts in single)
            machine = StepMachine(self.units, data)
            self.each.append((machine, {**parameters, **values}))
        space.globals["input_data"] = self.each[0][1]
        self.guarded = tensors  # all others are views of these
        self.versions = [tensor._version for tensor in tensors]

    def run(self, plan: Plan, together: bool) -> list[torch.Tensor]:
        """Return the results with the draws as their first axis."""
        space = self.units.space
        if together:
            return [tensor for part in self.together.execute(plan) for tensor in part]
        rows: list[Tensors] = []
        for machine, values in self.each:
            space.globals["input_data"] = values
            rows.append(tuple(t for part in machine.execute(plan) for t in part))
        space.globals["input_data"] = self.each[0][1]
        return [torch.stack(column) for column in zip(*rows, strict=True)]

    def require_untouched(self) -> None:
        """Check that no body has changed `input_data`.

        Raises:
            TaskError: if one has.
        """
        if self.units.stateless:
            return
        if [tensor._version for tensor in self.guarded] != self.versions:
            raise TaskError("a function body changes `input_data`")

    def forget(self) -> None:
        self.together.forget()
        for machine, _ in self.each:
            machine.forget()


def _alike(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether two results are the same but for the order of additions."""
    scale = left.nan_to_num(0.0, 0.0, 0.0).abs().amax() if left.numel() else 0.0
    close = (left - right).abs() <= 1e-5 * scale
    return bool((close | equal(left, right)).all())


def unflatten(names: Sequence[str], tensors: Sequence[torch.Tensor]) -> Values:
    """Put tensors under their names; a name that occurs several times gets a list."""
    values: Values = {}
    for name, tensor in zip(names, tensors, strict=True):
        known = values.get(name)
        if known is None:
            values[name] = tensor
        elif isinstance(known, list):
            known.append(tensor)
        else:
            values[name] = [known, tensor]
    return values


def nudged(values: Values, fixed: Sequence[str], seed: int) -> Values:
    """Return values in float64 with small errors, but for those that are to stay.

    The errors are relative to each value and to the average one, so that zeros move as well.
    """
    generator = torch.Generator().manual_seed(seed)

    def nudge(tensor: torch.Tensor) -> torch.Tensor:
        error = torch.rand(tensor.shape, generator=generator, dtype=torch.float64) * 2 - 1
        return tensor + _NUDGE * error * (tensor.abs() + tensor.abs().mean())

    exact = as_dtype(values, torch.float64)
    return {
        name: value
        if name in fixed
        else ([nudge(item) for item in value] if isinstance(value, list) else nudge(value))
        for name, value in exact.items()
    }
