"""One task at one size setting, ready to run programs: data, functions and expected results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

import torch

from hardwon.languages.protocol import Setting, TaskError
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import UnboundSymbolError
from hardwon.languages.step.graph import INPUT, Node, Ref
from hardwon.languages.step.semantics import SEMANTICS, Data, RunError
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.evaluators import Evaluator, Unit, choose
from hardwon.languages.step.simulator.namespace import (
    Namespace,
    bind_body,
    build_namespace,
    draw_inputs,
    run_references,
)
from hardwon.languages.step.types import Stream, components, element_dims
from hardwon.records import Task

MAX_ENTRIES = 1 << 26
"""Most entries of one stream (256 MiB in fp32); more is refused before it is allocated."""
MAX_KEPT_BYTES = 256 << 20
"""How much memory the results shared between programs may take."""
_DRAWS = 4
"""How often data is drawn again when rounding alone would decide between two results."""


class StreamTooLargeError(RunError):
    """A stream would take more memory than a program may use."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One component of a result: its value in float64, and how far a float32 program may be off."""

    value: torch.Tensor
    tolerance: torch.Tensor


@dataclass
class StepMachine:
    """Runs typed graphs. Results of equal subexpressions are shared between programs."""

    space: Namespace
    inputs: tuple[Data, ...]
    units: Mapping[str, tuple[Unit, Evaluator]]
    expected: tuple[tuple[Expected, ...], ...]
    _ids: dict[tuple[object, ...], int] = field(default_factory=dict)
    _kept: dict[int, tuple[Tensors, ...]] = field(default_factory=dict)
    _kept_bytes: int = 0

    @classmethod
    def prepare(cls, task: Task, setting: Setting) -> "StepMachine":
        """Draw data, run the references and choose how each function is evaluated.

        Raises:
            TaskError: if the task's own code fails.
        """
        for attempt in range(_DRAWS):
            seed = setting.seed + attempt * 1_000_003
            space = build_namespace(task, setting.sizes, seed)
            drawn = draw_inputs(space, seed)
            expected, stable = _expect(space)
            if stable:
                break
        inputs = tuple(
            Data(stream, tuple(value) if isinstance(value, list) else (value,))
            for (name, stream) in space.signature.inputs
            for value in [drawn[name]]
        )
        units: dict[str, tuple[Unit, Evaluator]] = {}
        for spec, function in zip(task.fns, space.signature.functions, strict=True):
            try:
                unit = Unit.of(function, bind_body(spec, space), space.sizes)
            except UnboundSymbolError as error:
                raise TaskError(
                    f"{function.name}: the symbol {error} has no size; bind it in `global`"
                ) from error
            units[function.name] = (unit, choose(unit, spec))
        return cls(space, inputs, units, expected)

    @property
    def sizes(self) -> Mapping[str, int]:
        """See `Machine.sizes`."""
        return self.space.sizes

    def call(self, fn: Function, state: Tensors | None, inputs: Tensors) -> Tensors:
        """See `Machine.call`."""
        unit, evaluate = self.units[fn.name]
        if inputs[0].shape[0] == 0:
            return tuple(torch.zeros(0, *shape) for shape in unit.output_shapes)
        return evaluate(unit, state, inputs)

    def initial(self, fn: Function, batch: int) -> Tensors:
        """See `Machine.initial`."""
        unit, _ = self.units[fn.name]
        spec = next(spec for spec in self.space.task.fns if spec.func_name == fn.name)
        return tuple(
            torch.full((batch, *shape), value)
            for shape, value in zip(unit.output_shapes, spec.init or (), strict=True)
        )

    def run(self, typed: TypedGraph) -> tuple[Tensors, ...]:
        """Return the contents of a program's results.

        Raises:
            StepFailedError: naming the node, if a step goes wrong.
        """
        graph = typed.graph
        values: dict[Ref, Data] = {Ref(INPUT, port): data for port, data in enumerate(self.inputs)}
        keys: dict[Ref, object] = {Ref(INPUT, port): -1 - port for port in range(len(self.inputs))}
        for index, node in enumerate(graph.nodes):
            refs = node.results(index)
            types = tuple(typed.types[ref] for ref in refs)
            key = (node.primitive, tuple(keys[ref] for ref in node.inputs))
            identity = self._ids.setdefault(key, len(self._ids))
            found = self._kept.get(identity)
            if found is None:
                try:
                    found = self._step(node, tuple(values[ref] for ref in node.inputs), types)
                except RunError as error:
                    raise StepFailedError(node, error) from error
                self._keep(identity, found)
            for ref, stream, tensors in zip(refs, types, found, strict=True):
                values[ref] = Data(stream, tensors)
                keys[ref] = (identity, ref.port)
        return tuple(values[ref].tensors for ref in graph.outputs)

    def _step(
        self, node: Node, inputs: tuple[Data, ...], types: tuple[Stream, ...]
    ) -> tuple[Tensors, ...]:
        for stream in types:
            self._refuse_if_large(stream)
        return SEMANTICS[node.primitive.name](node.primitive, inputs, types, self)

    def _refuse_if_large(self, stream: Stream) -> None:
        entries = 0
        for component in components(stream.dtype):
            lengths = [
                dim.value(self.sizes) or 1
                for dim in element_dims(component) + stream.shape
                if dim.symbols <= self.sizes.keys()
            ]
            entries += prod(lengths)
        if entries > MAX_ENTRIES:
            raise StreamTooLargeError(
                f"{stream} has {entries:,} entries, expected at most {MAX_ENTRIES:,}"
            )

    def _keep(self, identity: int, found: tuple[Tensors, ...]) -> None:
        size = sum(tensor.untyped_storage().nbytes() for tensors in found for tensor in tensors)
        if self._kept_bytes + size > MAX_KEPT_BYTES:
            self._kept.clear()
            self._ids.clear()
            self._kept_bytes = 0
            return
        self._kept[identity] = found
        self._kept_bytes += size


class StepFailedError(Exception):
    """One node of a program failed."""

    def __init__(self, node: Node, error: RunError) -> None:
        super().__init__(str(error))
        self.node = node


def _expect(space: Namespace) -> tuple[tuple[tuple[Expected, ...], ...], bool]:
    """Return the expected results, and whether rounding leaves them (nearly) as they are.

    The oracle is the reference in float64; how far a program may be off follows from the error that
    the same reference makes in float32. A reference that only runs in float32 is its own oracle.
    """
    single = run_references(space, torch.float32)
    try:
        double = run_references(space, torch.float64)
    except TaskError:
        double = single
    expected: list[tuple[Expected, ...]] = []
    stable = True
    for low, high in zip(single, double, strict=True):
        row: list[Expected] = []
        for rough, exact in zip(low, high, strict=True):
            finite = exact.abs()[exact.isfinite()]
            scale = float(finite.max()) if finite.numel() else 0.0
            errors = (rough - exact).abs()[exact.isfinite()]
            error = float(errors.max()) if errors.numel() else 0.0
            stable = stable and error <= 1e-3 * scale + 1e-6
            row.append(Expected(exact, 2e-5 * scale + 16 * error + 1e-4 * exact.abs() + 1e-7))
        expected.append(tuple(row))
    return tuple(expected), stable
