"""One task at one size setting, ready to run programs: data and functions, but no references."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import UnboundSymbolError
from hardwon.languages.step.graph import INPUT
from hardwon.languages.step.primitives import Primitive
from hardwon.languages.step.semantics import SEMANTICS, Data, RunError
from hardwon.languages.step.semantics.base import Semantics, Shortcut, Tensors
from hardwon.languages.step.semantics.routing import places_of
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.budget import require_room
from hardwon.languages.step.simulator.effects import is_without_effects
from hardwon.languages.step.simulator.evaluators import (
    Evaluator,
    HiddenStateError,
    Unit,
    loop,
    on_streams,
    takes_streams,
    tried,
)
from hardwon.languages.step.simulator.folds import shortcut_of
from hardwon.languages.step.simulator.namespace import (
    Body,
    Namespace,
    bind_body,
    build_namespace,
    draw_inputs,
)
from hardwon.languages.step.simulator.program import Program, to_primitive, to_program
from hardwon.records import FunctionSpec, Task

MAX_KEPT_BYTES = 64 << 20
"""How much memory the results shared between programs may take, per size setting."""


class StepFailedError(Exception):
    """One node of a program failed; the cause is a RunError."""

    def __init__(self, index: int, error: RunError) -> None:
        super().__init__(str(error))
        self.index = index


class MutationError(Exception):
    """A function changed the data it was given; everything computed since may be wrong."""

    def __init__(self, function: str) -> None:
        super().__init__(f"{function} changes the data that it is given")
        self.function = function


_VIEWS = frozenset({"Zip", "Copy", "Identity", "Promote", "Bufferize", "Streamify"})


@dataclass(frozen=True, slots=True)
class Operation:
    """One subexpression, as all programs of a task have it that contain it."""

    identity: int
    """Equal for equal subexpressions."""
    primitive: Primitive
    run: Semantics
    is_view: bool
    """Whether the results are other views of the inputs, which take no memory of their own."""


class Step(NamedTuple):
    """One node, ready to run on any machine of its task."""

    operation: Operation
    inputs: tuple[int, ...]
    """Numbers of streams: the task's inputs first, then all results in order."""
    dims: tuple[int, ...]
    """Per result, how many dimensions the stream has."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A program, ready to run on any machine of its task."""

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]


@dataclass
class Planner:
    """Numbers subexpressions by their structure, over all programs of a task."""

    functions: tuple[Function, ...]
    inputs: int
    """How many input streams the task has."""
    _operations: dict[tuple[object, ...], Operation] = field(default_factory=dict)
    """By primitive, arguments, and where the inputs come from."""

    def plan(self, program: Program) -> Plan:
        """Return the plan of a program."""
        nodes, outputs = program
        streams = {(INPUT, port): port for port in range(self.inputs)}
        sources: list[object] = list(range(self.inputs))
        steps: list[Step] = []
        for index, (name, arguments, inputs, dims) in enumerate(nodes):
            places = tuple([streams[place] for place in inputs])
            key = (name, arguments, tuple([sources[place] for place in places]))
            operation = self._operations.get(key)
            if operation is None:
                primitive = to_primitive(name, arguments, self.functions)
                operation = Operation(
                    len(self._operations), primitive, SEMANTICS[name], name in _VIEWS
                )
                self._operations[key] = operation
            steps.append(Step(operation, places, dims))
            for port in range(len(dims)):
                streams[index, port] = len(sources)
                sources.append((operation.identity, port))
        return Plan(tuple(steps), tuple([streams[place] for place in outputs]))

    @property
    def size(self) -> int:
        """How many subexpressions are known."""
        return len(self._operations)

    def forget(self) -> None:
        """Start afresh; the machines have to forget their results as well."""
        self._operations.clear()


@dataclass(frozen=True)
class Units:
    """A task's functions at one size setting, each with the way to evaluate it."""

    space: Namespace
    chosen: dict[str, tuple[Unit, Evaluator]]
    inits: Mapping[str, tuple[float, ...]]
    shortcuts: Mapping[str, Shortcut]
    broken: Mapping[str, str]
    """Why a function fails at these sizes, by its name."""
    wide: Mapping[str, Body] = field(default_factory=dict)
    """Bodies that may be handed streams of any number of dimensions as they are."""
    stateless: bool = False
    """Whether no function can change anything, its arguments included."""

    @classmethod
    def choose(cls, space: Namespace) -> "Units":
        """Try every function and choose how it is evaluated.

        Raises:
            TaskError: if a function cannot be read, or is none.
        """
        chosen: dict[str, tuple[Unit, Evaluator]] = {}
        inits: dict[str, tuple[float, ...]] = {}
        shortcuts: dict[str, Shortcut] = {}
        wide: dict[str, Body] = {}
        stateless = is_without_effects(space.task)
        broken: dict[str, str] = {}
        for spec, function in zip(space.task.fns, space.signature.functions, strict=True):
            unit = _unit(spec, function, space)
            try:
                chosen[function.name] = (unit, tried(unit, spec))
            except RunError as error:
                chosen[function.name] = (unit, loop)
                broken[function.name] = str(error)
            except HiddenStateError as error:
                raise TaskError(str(error)) from error
            if stateless and takes_streams(*chosen[function.name]):
                wide[function.name] = unit.body
            if spec.init is not None:
                inits[function.name] = spec.init
                found = shortcut_of(spec)
                if found and function.name not in broken and _is_right(found, unit, spec.init):
                    shortcuts[function.name] = found
        return cls(space, chosen, inits, shortcuts, broken, wide, stateless)


def _unit(spec: FunctionSpec, function: Function, space: Namespace) -> Unit:
    try:
        return Unit.of(function, bind_body(spec, space), space.sizes)
    except UnboundSymbolError as error:
        raise TaskError(
            f"{function.name}: the symbol {error} has no size; bind it in `global`"
        ) from error


def _is_right(shortcut: Shortcut, unit: Unit, init: tuple[float, ...]) -> bool:
    """Whether a shortcut fits the shapes and agrees with the loop on random elements."""
    generator = torch.Generator().manual_seed(0)
    rows = tuple(torch.randn(3, 5, *shape, generator=generator) for shape in unit.input_shapes)
    start = tuple(
        torch.full((3, *shape), value)
        for shape, value in zip(unit.output_shapes, init, strict=True)
    )
    state = start
    for at in range(5):
        state = loop(unit, state, tuple(row[:, at] for row in rows))
    try:
        found = (shortcut.folded(rows, 1), tuple(x[:, -1] for x in shortcut.scanned(rows, 1)))
    except (RuntimeError, IndexError):
        return False
    return all(
        a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
        for values in found
        for a, b in zip(values, state, strict=True)
    )


@dataclass
class StepMachine:
    """Runs plans. Results of equal subexpressions are shared between programs."""

    units: Units
    inputs: tuple[Data, ...]
    _kept: dict[int, tuple[Data, ...]] = field(default_factory=dict)
    _kept_bytes: int = 0
    _places: dict[int, tuple[torch.Tensor, tuple[torch.Tensor, ...]]] = field(default_factory=dict)
    """Where multi-hot vectors are set, by the identity of their tensor, which is kept alive."""
    _initials: dict[tuple[str, int], Tensors] = field(default_factory=dict)

    @classmethod
    def prepare(cls, task: Task, setting: Setting) -> "StepMachine":
        """Draw data and choose how functions are evaluated, all in this process.

        Raises:
            TaskError: if the task's own code fails.
        """
        space = build_namespace(task, setting.sizes, setting.seed)
        drawn = draw_inputs(space, setting.seed)
        inputs = tuple(
            Data(len(stream.shape), tuple(value) if isinstance(value, list) else (value,))
            for (name, stream) in space.signature.inputs
            for value in [drawn[name]]
        )
        return cls(Units.choose(space), inputs)

    @property
    def space(self) -> Namespace:
        """The task's names at this size setting."""
        return self.units.space

    @property
    def sizes(self) -> Mapping[str, int]:
        """See `Machine.sizes`."""
        return self.units.space.sizes

    def map(self, fn: Function, data: Data) -> Tensors:
        """See `Machine.map`."""
        body = self.units.wide.get(fn.name)
        if body is not None:
            unit, _ = self.units.chosen[fn.name]
            found = on_streams(body, data, unit.output_shapes)
            if found is not None:
                return found
        lengths = data.lengths
        flat = self.call(fn, None, data.elements())
        return tuple([tensor.reshape(lengths + tensor.shape[1:]) for tensor in flat])

    def call(self, fn: Function, state: Tensors | None, inputs: Tensors) -> Tensors:
        """See `Machine.call`.

        Raises:
            MutationError: if the body changes what it is given.
        """
        unit, evaluate = self.units.chosen[fn.name]
        if inputs[0].shape[0] == 0:
            return tuple(torch.zeros(0, *shape) for shape in unit.output_shapes)
        if self.units.stateless:
            return _evaluated(evaluate, unit, state, inputs)
        given = inputs if state is None else (*state, *inputs)
        versions = [tensor._version for tensor in given]
        try:
            found = evaluate(unit, state, inputs)
        except (RunError, RuntimeError, TypeError, ValueError, IndexError):
            if evaluate is loop:
                raise
            found = None
        if versions != [tensor._version for tensor in given]:
            raise MutationError(fn.name)
        return loop(unit, state, inputs) if found is None else found

    def initial(self, fn: Function, batch: int) -> Tensors:
        """See `Machine.initial`."""
        key = (fn.name, batch)
        found = self._initials.get(key) if self.units.stateless else None
        if found is None:
            unit, _ = self.units.chosen[fn.name]
            found = tuple(
                torch.full((batch, *shape), value)
                for shape, value in zip(unit.output_shapes, self.units.inits[fn.name], strict=True)
            )
            self._initials[key] = found
        return found

    def starts_at_zero(self, fn: Function) -> bool:
        """See `Machine.starts_at_zero`."""
        return not any(self.units.inits[fn.name])

    def chosen(self, index: Data) -> tuple[torch.Tensor, ...]:
        """See `Machine.chosen`: Partition and Merge usually look at the same vectors."""
        if not self.units.stateless:
            return places_of(index)
        (vectors,) = index.tensors
        known = self._places.get(id(vectors))
        if known is None or known[0] is not vectors:
            known = self._places[id(vectors)] = (vectors, places_of(index))
        return known[1]

    def shortcut(self, fn: Function) -> Shortcut | None:
        """See `Machine.shortcut`."""
        return self.units.shortcuts.get(fn.name)

    @torch.no_grad()
    def run(self, typed: TypedGraph) -> tuple[Tensors, ...]:
        """Return the contents of a program's results, without regard to earlier programs.

        Raises:
            TooLargeError: if its streams do not fit.
            StepFailedError: if a step goes wrong.
        """
        require_room(typed, self.sizes)
        self.forget()
        planner = Planner(self.space.signature.functions, len(self.inputs))
        return self.execute(planner.plan(to_program(typed)))

    def execute(self, plan: Plan) -> tuple[Tensors, ...]:
        """Return the contents of a program's results.

        All plans that a machine gets have to come from one planner.

        Raises:
            StepFailedError: if a step goes wrong.
            MutationError: if a function changes its arguments.
        """
        streams = list(self.inputs)
        kept = self._kept
        for index, (operation, numbers, dims) in enumerate(plan.steps):
            found = kept.get(operation.identity)
            if found is None:
                inputs = tuple([streams[number] for number in numbers])
                try:
                    tensors = operation.run(operation.primitive, inputs, len(dims), self)
                except RunError as error:
                    raise StepFailedError(index, error) from error
                found = tuple(map(Data, dims, tensors))
                self._keep(operation, found)
            streams += found
        return tuple([streams[number].tensors for number in plan.outputs])

    def _keep(self, operation: Operation, found: tuple[Data, ...]) -> None:
        if not operation.is_view:
            size = 4 * sum([tensor.numel() for data in found for tensor in data.tensors])
            if self._kept_bytes + size > MAX_KEPT_BYTES:
                self.forget()
                if size > MAX_KEPT_BYTES:
                    return
            self._kept_bytes += size
        self._kept[operation.identity] = found

    def forget(self) -> None:
        """Give up the results that are shared between programs."""
        self._kept.clear()
        self._kept_bytes = 0
        self._places.clear()
        self._initials.clear()


def _evaluated(evaluate: Evaluator, unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
    """Evaluate a function as it was chosen to be, or by the loop where that does not work."""
    try:
        return evaluate(unit, state, inputs)
    except (RunError, RuntimeError, TypeError, ValueError, IndexError):
        if evaluate is loop:
            raise
    return loop(unit, state, inputs)
