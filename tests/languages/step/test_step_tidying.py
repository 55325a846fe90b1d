"""Tidying random programs: it changes no result, and a second time nothing at all."""

import torch
from hypothesis import assume, event, given
from hypothesis import strategies as st
from step_running import machine_of
from step_strategies import Scene, examples, scenes

from hardwon.languages.step.affine import insert_copies
from hardwon.languages.step.checker import TypedGraph, infer_types
from hardwon.languages.step.graph import Graph
from hardwon.languages.step.normal import normal_form
from hardwon.languages.step.reading import analyse
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.simulator.machine import StepFailedError, StepMachine
from hardwon.languages.step.synthesis.tidy import simplified, written


def results(machine: StepMachine, graph: Graph, scene: Scene) -> tuple[Tensors, ...] | None:
    """Return what a program computes; None if its routing runs out of tokens."""
    types = infer_types(graph, scene.signature, scene.sizes).types
    try:
        return machine.run(TypedGraph(graph, types))
    except StepFailedError:
        return None


@examples(100)
@given(scenes(), st.integers(0, 50))
def test_tidying_changes_no_result_and_ends_where_it_began_or_shorter(
    scene: Scene, seed: int
) -> None:
    graph = simplified(scene.graph, scene.signature, scene.sizes)
    event("shorter" if len(graph.nodes) < len(scene.graph.nodes) else "as it was")
    assert len(graph.nodes) <= len(scene.graph.nodes)
    assert simplified(graph, scene.signature, scene.sizes) == graph
    machine = machine_of(scene.task, seed)
    before, after = results(machine, scene.graph, scene), results(machine, graph, scene)
    assume(before is not None)
    assert before is not None
    assert after is not None
    for old, new in zip(before, after, strict=True):
        for was, is_now in zip(old, new, strict=True):
            torch.testing.assert_close(is_now, was, rtol=1e-4, atol=1e-4, equal_nan=True)


@examples(60)
@given(scenes())
def test_the_text_is_the_tidied_program_with_copies(scene: Scene) -> None:
    text = written(scene.graph, scene.signature, scene.sizes)
    typed = analyse(scene.task, text, scene.sizes).typed
    assert typed is not None
    tidied = insert_copies(simplified(scene.graph, scene.signature, scene.sizes))
    assert normal_form(typed.graph) == normal_form(tidied)
    assert analyse(scene.task, text, scene.sizes).reading.affine
