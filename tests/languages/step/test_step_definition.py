"""The fast simulator and the type rules against the definition, on random programs."""

from dataclasses import replace

import pytest
import torch
from hypothesis import assume, event, given
from hypothesis import strategies as st
from step_running import definition_of, machine_of, run_fast
from step_spelling import spellings
from step_strategies import Scene, all_dims, examples, is_dynamic, scenes, steps

from hardwon.languages.step.checker import infer_types
from hardwon.languages.step.graph import Graph, Node, Ref
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.semantics.definition import (
    DataError,
    Definition,
    DefinitionError,
    TokenStream,
    at_sizes,
)
from hardwon.languages.step.simulator.machine import StepFailedError
from hardwon.languages.step.types import Stream

SEEDS = st.integers(0, 50)


def run_defined(
    definition: Definition, graph: Graph, inputs: list[TokenStream]
) -> dict[Ref, TokenStream] | None:
    """Return all streams, or None if routing runs out of tokens."""
    try:
        return definition.run(graph, inputs)
    except DataError:
        return None


def has_dynamic_dims(stream: Stream) -> bool:
    return any(map(is_dynamic, all_dims(stream)))


@examples(150)
@given(scenes(), SEEDS)
def test_the_fast_simulator_does_what_the_definition_says(scene: Scene, seed: int) -> None:
    machine = machine_of(scene.task, seed)
    definition, inputs = definition_of(machine)
    wanted = run_defined(definition, scene.graph, inputs)
    if wanted is None:
        event("routing runs out of tokens")
        with pytest.raises(StepFailedError):
            run_fast(machine, scene.graph, scene.types)
        return
    found = run_fast(machine, scene.graph, scene.types)
    assert found.keys() == wanted.keys()
    for ref, stream in wanted.items():
        for fast, defined in zip(found[ref], stream.to_tensors(), strict=True):
            torch.testing.assert_close(fast, defined, rtol=1e-4, atol=1e-4, equal_nan=True)


@examples(60)
@given(scenes(), SEEDS, st.data())
def test_a_text_computes_what_the_definition_says_of_its_graph(
    scene: Scene, seed: int, data: st.DataObject
) -> None:
    machine = machine_of(scene.task, seed)
    definition, inputs = definition_of(machine)
    streams = run_defined(definition, scene.graph, inputs)
    assume(streams is not None)
    assert streams is not None
    typed = analyse(scene.task, data.draw(spellings(scene.graph)), scene.sizes).typed
    assert typed is not None
    for ref, found in zip(scene.graph.outputs, machine.run(typed), strict=True):
        for fast, defined in zip(found, streams[ref].to_tensors(), strict=True):
            torch.testing.assert_close(fast, defined, rtol=1e-4, atol=1e-4, equal_nan=True)


@examples(100)
@given(scenes(), SEEDS)
def test_inferred_types_are_those_of_the_data(scene: Scene, seed: int) -> None:
    definition, inputs = definition_of(machine_of(scene.task, seed))
    streams = run_defined(definition, scene.graph, inputs)
    assume(streams is not None)
    assert streams is not None
    sizes = dict(scene.sizes)
    for ref, found in streams.items():
        declared = scene.types[ref]
        for dim, length in zip(declared.shape, found.shape, strict=True):
            if is_dynamic(dim) and dim.symbols.isdisjoint(sizes):
                (name,) = dim.symbols  # Partition made it: the data has its say once
                sizes[name] = length
        assert tuple(dim.value(sizes) for dim in declared.shape) == found.shape
        if not has_dynamic_dims(Stream(declared.dtype, ())):
            assert at_sizes(declared.dtype, sizes) == found.dtype


@examples(300)
@given(steps(), SEEDS)
def test_the_checker_accepts_a_step_exactly_if_the_definition_allows_it(
    step: tuple[Scene, Node], seed: int
) -> None:
    """At generic sizes, equal numbers are equal expressions, so both must agree.

    The exception are dimensions that only the data decides: two of them can be equal by accident,
    which the checker does not rely on. There it may reject more, but never accept more. Routing
    that runs out of tokens is no matter of types.
    """
    scene, node = step
    definition, inputs = definition_of(machine_of(scene.task, seed))
    streams = run_defined(definition, scene.graph, inputs)
    assume(streams is not None)
    assert streams is not None
    graph = replace(scene.graph, nodes=(*scene.graph.nodes, node))
    errors = infer_types(graph, scene.signature, scene.sizes).errors
    try:
        definition.apply(node.primitive, [streams[ref] for ref in node.inputs])
        allowed = True
    except DataError:
        allowed = True
    except DefinitionError:
        allowed = False
    event(f"{node.primitive.name} {'allowed' if allowed else 'not allowed'}")
    dynamic = any(has_dynamic_dims(scene.types[ref]) for ref in node.inputs)
    if not (allowed and dynamic):
        assert allowed == (not errors)
