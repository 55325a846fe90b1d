"""Text, syntax tree and dataflow graph are three forms of one program."""

from collections import Counter

import pytest
import torch
from hypothesis import event, given
from hypothesis import strategies as st
from step_running import definition_of, machine_of
from step_spelling import grammatical_programs, spellings
from step_strategies import (
    Scene,
    changes,
    examples,
    reordered,
    scenes,
    with_copies_swapped,
)

from hardwon.languages.step import syntax as s
from hardwon.languages.step.affine import affine_errors, insert_copies
from hardwon.languages.step.decompile import decompile
from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.graph import Graph
from hardwon.languages.step.normal import normal_form
from hardwon.languages.step.parser import parse
from hardwon.languages.step.primitives import Copy
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.semantics.definition import DataError


def graph_of(text: str, scene: Scene) -> Graph:
    elaboration = elaborate(parse(text), scene.signature, scene.sizes)
    assert elaboration.errors == ()
    return elaboration.graph


@examples(100)
@given(grammatical_programs())
def test_a_printed_program_is_read_back(program: s.Program) -> None:
    assert parse(print_program(program)) == program


@examples(100)
@given(scenes())
def test_a_decompiled_graph_elaborates_to_itself(scene: Scene) -> None:
    program = decompile(scene.graph, scene.signature)
    text = print_program(program)
    assert parse(text) == program
    assert graph_of(text, scene) == scene.graph


@examples(120)
@given(scenes(), st.data())
def test_the_normal_form_does_not_depend_on_spelling(scene: Scene, data: st.DataObject) -> None:
    text = data.draw(spellings(scene.graph))
    assert normal_form(graph_of(text, scene)) == normal_form(scene.graph)
    assert parse(print_program(parse(text))) == parse(text)


@examples(120)
@given(scenes(), st.data())
def test_the_normal_form_does_not_depend_on_order_or_copies(
    scene: Scene, data: st.DataObject
) -> None:
    form = normal_form(scene.graph)
    assert normal_form(data.draw(reordered(scene.graph))) == form
    assert normal_form(data.draw(with_copies_swapped(scene.graph))) == form
    affine = insert_copies(scene.graph)
    other = data.draw(with_copies_swapped(data.draw(reordered(affine))))
    assert normal_form(other) == normal_form(affine)


@examples(100)
@given(scenes(), st.data())
def test_programs_with_one_normal_form_have_the_same_results(
    scene: Scene, data: st.DataObject
) -> None:
    other = data.draw(changes(scene))
    same = normal_form(other) == normal_form(scene.graph)
    event("the change is a matter of spelling" if same else "another program")
    if same:
        assert_same_results(scene, other)


@examples(100)
@given(scenes())
def test_inserted_copies_make_a_program_affine(scene: Scene) -> None:
    graph = insert_copies(scene.graph)
    added = Counter(node.primitive for node in graph.nodes)
    added.subtract(node.primitive for node in scene.graph.nodes)
    uses = scene.graph.uses().values()
    assert affine_errors(graph) == ()
    assert +added == +Counter({Copy(): sum(count - 1 for count in uses)})
    assert insert_copies(graph) is graph


@examples(40)
@given(scenes())
def test_inserted_copies_change_no_result(scene: Scene) -> None:
    assert_same_results(scene, insert_copies(scene.graph))


@examples(100)
@given(scenes())
def test_a_graph_is_affine_exactly_if_no_copy_is_missing(scene: Scene) -> None:
    assert (affine_errors(scene.graph) == ()) == (insert_copies(scene.graph) is scene.graph)


def assert_same_results(scene: Scene, other: Graph) -> None:
    definition, inputs = definition_of(machine_of(scene.task, seed=0))
    try:
        before = definition.run(scene.graph, inputs)
    except DataError:
        with pytest.raises(DataError):
            definition.run(other, inputs)
        return
    after = definition.run(other, inputs)
    for left, right in zip(scene.graph.outputs, other.outputs, strict=True):
        one, two = before[left], after[right]
        assert (one.dtype, one.shape) == (two.dtype, two.shape)
        for mine, yours in zip(one.to_tensors(), two.to_tensors(), strict=True):
            torch.testing.assert_close(mine, yours, rtol=0, atol=0, equal_nan=True)
