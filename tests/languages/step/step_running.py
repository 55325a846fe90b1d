"""Runs a random program twice: by the definition and by the fast simulator."""

from collections.abc import Mapping
from dataclasses import replace

from hardwon.languages.protocol import Setting
from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.graph import Graph, Ref
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.semantics.definition import Definition, TokenStream, Unit, at_sizes
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.machine import StepMachine
from hardwon.languages.step.simulator.namespace import bind_body
from hardwon.languages.step.types import Stream
from hardwon.records import FunctionSpec, Task


def machine_of(task: Task, seed: int) -> StepMachine:
    """Return the fast simulator of a task."""
    return StepMachine.prepare(task, Setting({}, seed))


def definition_of(machine: StepMachine) -> tuple[Definition, list[TokenStream]]:
    """Return the definition on the same hardware, and the same inputs."""
    sizes = machine.sizes
    units = {
        function.name: _unit(machine, spec, function)
        for spec, function in zip(
            machine.space.task.fns, machine.space.signature.functions, strict=True
        )
    }
    inputs = [
        TokenStream.from_tensors(
            at_sizes(stream.dtype, sizes), tuple(reversed(data.lengths)), data.tensors
        )
        for data, (_, stream) in zip(machine.inputs, machine.space.signature.inputs, strict=True)
    ]
    return Definition(units, sizes), inputs


def _unit(machine: StepMachine, spec: FunctionSpec, function: Function) -> Unit:
    return Unit(
        at_sizes(function.input, machine.sizes),
        at_sizes(function.output, machine.sizes),
        bind_body(spec, machine.space),
        spec.init,
    )


def run_fast(machine: StepMachine, graph: Graph, types: Mapping[Ref, Stream]) -> dict[Ref, Tensors]:
    """Return the contents of every stream of a program."""
    refs = tuple(graph.refs())
    typed = TypedGraph(replace(graph, outputs=refs), types)
    return dict(zip(refs, machine.run(typed), strict=True))
