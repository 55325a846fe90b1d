"""Whatever a model writes is answered with a reading, never with an exception."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from step_spelling import grammatical_programs, spellings
from step_strategies import Draw, Scene, examples, scenes
from step_task import SIZES, TASK, analysis_of

from hardwon.languages.protocol import Reading
from hardwon.languages.step.elaborate import MAX_ERRORS
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.reading import analyse, code_lines, with_copies
from hardwon.languages.step.syntax import Program
from hardwon.records import Stage, Task

STAGES = list(Stage)

PROGRAMS = (
    "a, b = Copy().apply(y)\n# twice\nreturn Map(fn_sub).apply((a, b))",
    "p = [Map(fn_neg).apply(s) for s in Partition(N=E).apply((flat, hot))]\n"
    "return Merge(fn=fn_sum).apply((p, hot))",
    "for f, s in zip([fn_neg, fn_abs], [x, y]):\n    z = step.Map(fn=f).apply(s)\nreturn z",
    "z = step.Promote(b=2).apply(step.Streamify().apply(step.Bufferize(a=1).apply(y)))\n"
    "return step.Flatten(L=[2]).apply(z)",
    "return step.Accum(b=1, fn=fn_dot).apply(x, step.RepeatRef().apply((y, x)))",
    "z = step.Reshape(L=[0], S=3*N).apply(step.Repeat(n=3).apply(flat))\nreturn y",
)

SNIPPETS = (
    *("x", "y", "hot", "fn_sum", "K", "_", "step", "zip", "list", "E_value", "__import__"),
    *("0", "1", "-1", "2147483647", "99999999999999", "1.5", "0xffffffffffffffffffffff", "1_0"),
    *("[", "]", "(", ")", ",", "=", ":", "*", "**", ".", ";", "\n", "    ", "\t", "\\", "#", '"""'),
    *(":=", "+=", "->", "@", "!", "$", "\0", "\ud800", "\u2028", "ﬁ", "\x0b", "\f"),
    *("return ", "for a in ", " in ", " if ", "lambda: ", "await ", "yield ", "pass", "del "),
    *(".apply(", ".apply", "[0]", "[-1]", "[1:]", "[a for a in y]", "import os", "while 1: pass"),
    *("Merge(", "Partition(N=", "Copy()", "Zip()", "Flatten(L=[", "Reshape(", "**K", "f'{x}'"),
    *("[" * 70, "(" * 59 + ")" * 59, "-" * 300, "*K" * 300, ".a" * 300, ".apply(Copy())" * 150),
)


def assert_is_answered(text: str, task: Task = TASK, sizes: Mapping[str, int] = SIZES) -> Reading:
    """Check what holds of every reading, and return it."""
    reading = analyse(task, text, sizes).reading
    lines = text.count("\n") + text.count("\r") + 2  # at most; an error may be at the very end
    for error in reading.errors:
        assert error.line is None or 1 <= error.line <= lines
        assert error.message.strip()
    places = [(STAGES.index(error.stage), error.line or 0) for error in reading.errors]
    assert places == sorted(places)
    breaks_the_law = any(error.stage is Stage.AFFINE for error in reading.errors)
    assert reading.runnable == all(error.stage is Stage.AFFINE for error in reading.errors)
    assert (reading.affine is False) == breaks_the_law
    assert all(stream.dtype for stream in reading.streams())
    if reading.runnable:
        assert reading.normal_form is not None
        rewritten = with_copies(task, text, sizes)
        after = analyse(task, rewritten, sizes).reading
        too_large = rewritten == text and len(reading.streams()) > 200
        assert after.runnable
        assert after.affine or too_large
    else:
        assert with_copies(task, text, sizes) == text
    return reading


@st.composite
def damaged(draw: Draw, text: str) -> str:
    """Draw a text with a few words or lines lost, repeated or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        parts = re.split(r"(\W)", text) if draw(st.booleans()) else text.splitlines(keepends=True)
        at = draw(st.integers(0, max(len(parts) - 1, 0)))
        new = draw(st.sampled_from(SNIPPETS))
        old = parts[at : at + 1]
        parts[at : at + 1] = draw(st.sampled_from([[], [new], [*old, new], old * 2, old * 99]))
        text = "".join(parts)
    return text


@examples(150)
@given(st.sampled_from(PROGRAMS).flatmap(damaged))
def test_damaged_programs_are_answered(text: str) -> None:
    assert_is_answered(text)


def test_a_hundred_type_errors_do_not_hide_that_the_law_is_broken() -> None:
    line = "p = [Map(fn_neg).apply(s) for s in Partition(N=E).apply((flat, hot))]\n"
    reading = assert_is_answered(100 * line + "return Merge(fn=fn_sum).apply((p, hot))")
    assert reading.affine is False
    assert len(reading.errors) <= 3 * MAX_ERRORS


@examples(40)
@given(scenes().flatmap(lambda scene: st.tuples(st.just(scene), spellings(scene.graph))), st.data())
def test_damaged_programs_of_random_tasks_are_answered(
    pair: tuple[Scene, str], data: st.DataObject
) -> None:
    scene, text = pair
    assert assert_is_answered(text, scene.task, scene.sizes).runnable
    assert_is_answered(data.draw(damaged(text)), scene.task, scene.sizes)


@examples(100)
@given(grammatical_programs())
def test_programs_without_a_meaning_are_answered(program: Program) -> None:
    assert_is_answered(print_program(program))


@examples(150)
@given(st.one_of(st.text(), st.lists(st.sampled_from(SNIPPETS)).map("".join)))
def test_any_text_is_answered(text: str) -> None:
    assert_is_answered(text)


@pytest.mark.parametrize("text", PROGRAMS)
def test_the_programs_to_damage_are_sound(text: str) -> None:
    assert analysis_of(text).reading.normal_form is not None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a = x\n\n# no\n  # no\nreturn a # yes\n", 2),
        ("a = (\n    x\n)\nreturn a", 4),
    ],
)
def test_lines_of_code_are_those_with_code(text: str, count: int) -> None:
    assert code_lines(text) == count
