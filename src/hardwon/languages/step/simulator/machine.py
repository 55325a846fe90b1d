"""One task at one size setting, ready to run programs: data and functions, but no references."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import UnboundSymbolError
from hardwon.languages.step.graph import INPUT
from hardwon.languages.step.primitives import Primitive
from hardwon.languages.step.semantics import SEMANTICS, Data, RunError
from hardwon.languages.step.semantics.base import Semantics, Shortcut, Tensors
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.budget import require_room
from hardwon.languages.step.simulator.evaluators import (
    Evaluator,
    HiddenStateError,
    Unit,
    loop,
    tried,
)
from hardwon.languages.step.simulator.folds import shortcut_of
from hardwon.languages.step.simulator.namespace import (
    Namespace,
    bind_body,
    build_namespace,
    draw_inputs,
)
from hardwon.languages.step.simulator.program import Place, Program, to_primitive, to_program
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


@dataclass(frozen=True, slots=True)
class Step:
    """One node, ready to run on any machine of its task."""

    index: int
    primitive: Primitive
    run: Semantics
    inputs: tuple[Place, ...]
    dims: tuple[int, ...]
    """Per result, how many dimensions the stream has."""
    identity: int
    """Equal for equal subexpressions."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A program, ready to run on any machine of its task."""

    steps: tuple[Step, ...]
    outputs: tuple[Place, ...]


@dataclass
class Planner:
    """Numbers subexpressions by their structure, over all programs of a task."""

    functions: tuple[Function, ...]
    _numbers: dict[tuple[object, ...], int] = field(default_factory=dict)

    def plan(self, program: Program) -> Plan:
        """Return the plan of a program."""
        nodes, outputs = program
        identities: dict[int, int] = {}
        steps: list[Step] = []
        for index, (name, arguments, inputs, dims) in enumerate(nodes):
            sources = tuple([(identities.get(node, INPUT), port) for node, port in inputs])
            key = (name, arguments, sources)
            identity = self._numbers.setdefault(key, len(self._numbers))
            identities[index] = identity
            primitive = to_primitive(name, arguments, self.functions)
            steps.append(Step(index, primitive, SEMANTICS[name], inputs, dims, identity))
        return Plan(tuple(steps), outputs)

    @property
    def size(self) -> int:
        """How many subexpressions are known."""
        return len(self._numbers)

    def forget(self) -> None:
        """Start afresh; the machines have to forget their results as well."""
        self._numbers.clear()


@dataclass(frozen=True)
class Units:
    """A task's functions at one size setting, each with the way to evaluate it."""

    space: Namespace
    chosen: dict[str, tuple[Unit, Evaluator]]
    inits: Mapping[str, tuple[float, ...]]
    shortcuts: Mapping[str, Shortcut]
    broken: Mapping[str, str]
    """Why a function fails at these sizes, by its name."""

    @classmethod
    def choose(cls, space: Namespace) -> "Units":
        """Try every function and choose how it is evaluated.

        Raises:
            TaskError: if a function cannot be read, or is none.
        """
        chosen: dict[str, tuple[Unit, Evaluator]] = {}
        inits: dict[str, tuple[float, ...]] = {}
        shortcuts: dict[str, Shortcut] = {}
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
            if spec.init is not None:
                inits[function.name] = spec.init
                found = shortcut_of(spec)
                if found and function.name not in broken and _is_right(found, unit, spec.init):
                    shortcuts[function.name] = found
        return cls(space, chosen, inits, shortcuts, broken)


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
        found = (shortcut.reduce(start, rows), tuple(x[:, -1] for x in shortcut.scan(start, rows)))
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
    _kept: dict[int, tuple[Tensors, ...]] = field(default_factory=dict)
    _kept_bytes: int = 0

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

    def call(self, fn: Function, state: Tensors | None, inputs: Tensors) -> Tensors:
        """See `Machine.call`.

        Raises:
            MutationError: if the body changes what it is given.
        """
        unit, evaluate = self.units.chosen[fn.name]
        if inputs[0].shape[0] == 0:
            return tuple(torch.zeros(0, *shape) for shape in unit.output_shapes)
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
        unit, _ = self.units.chosen[fn.name]
        return tuple(
            torch.full((batch, *shape), value)
            for shape, value in zip(unit.output_shapes, self.units.inits[fn.name], strict=True)
        )

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
        return self.execute(Planner(self.space.signature.functions).plan(to_program(typed)))

    def execute(self, plan: Plan) -> tuple[Tensors, ...]:
        """Return the contents of a program's results.

        All plans that a machine gets have to come from one planner.

        Raises:
            StepFailedError: if a step goes wrong.
            MutationError: if a function changes its arguments.
        """
        values: dict[Place, Data] = {(INPUT, port): data for port, data in enumerate(self.inputs)}
        kept = self._kept
        for step in plan.steps:
            found = kept.get(step.identity)
            if found is None:
                inputs = tuple([values[place] for place in step.inputs])
                try:
                    found = step.run(step.primitive, inputs, len(step.dims), self)
                except RunError as error:
                    raise StepFailedError(step.index, error) from error
                self._keep(step.identity, found)
            for port, tensors in enumerate(found):
                values[step.index, port] = Data(step.dims[port], tensors)
        return tuple([values[place].tensors for place in plan.outputs])

    def _keep(self, identity: int, found: tuple[Tensors, ...]) -> None:
        size = 4 * sum([tensor.numel() for part in found for tensor in part])
        if self._kept_bytes + size > MAX_KEPT_BYTES:
            self.forget()
            if size > MAX_KEPT_BYTES:
                return
        self._kept[identity] = found
        self._kept_bytes += size

    def forget(self) -> None:
        """Give up the results that are shared between programs."""
        self._kept.clear()
        self._kept_bytes = 0
