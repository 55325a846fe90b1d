"""Text, syntax tree and dataflow graph are three forms of one program."""

from hypothesis import assume, given
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
from hardwon.languages.step.checker import infer_types
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


@examples(150)
@given(grammatical_programs())
def test_a_printed_program_is_read_back(program: s.Program) -> None:
    assert parse(print_program(program)) == program


@examples(150)
@given(scenes())
def test_a_decompiled_graph_elaborates_to_itself(scene: Scene) -> None:
    program = decompile(scene.graph, scene.signature)
    text = print_program(program)
    assert parse(text) == program
    assert graph_of(text, scene) == scene.graph


@examples(200)
@given(scenes(), st.data())
def test_the_normal_form_does_not_depend_on_spelling(scene: Scene, data: st.DataObject) -> None:
    text = data.draw(spellings(scene.graph))
    assert normal_form(graph_of(text, scene)) == normal_form(scene.graph)
    assert parse(print_program(parse(text))) == parse(text)


@examples(200)
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
def test_programs_with_other_results_have_other_normal_forms(
    scene: Scene, data: st.DataObject
) -> None:
    other = data.draw(changes(scene))
    assume(normal_form(other) == normal_form(scene.graph))
    definition, inputs = definition_of(machine_of(scene.task, seed=0))
    try:
        one, two = (definition.run(graph, inputs) for graph in (scene.graph, other))
    except DataError:
        return
    for left, right in zip(scene.graph.outputs, other.outputs, strict=True):
        assert one[left] == two[right]


@examples(150)
@given(scenes())
def test_inserted_copies_make_a_program_affine_and_change_no_result(scene: Scene) -> None:
    graph = insert_copies(scene.graph)
    uses = scene.graph.uses().values()
    inserted = len(graph.nodes) - len(scene.graph.nodes)
    assert affine_errors(graph) == ()
    assert inserted == sum(count - 1 for count in uses)
