"""Reading line by line never means anything else than reading as a whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.languages.step import parser, syntax
from hardwon.languages.step.dims import ONE
from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.parser import ParseError, parse
from hardwon.languages.step.signature import Function, Signature
from hardwon.languages.step.types import Scalar, Stream

LINES = (
    "a = step.Map(fn=fn_x).apply(E0)",
    "a, b = step.Copy().apply(E0)",
    "c = step.Map(fn_x).apply((a, b))",
    "c = step.Map(fn=fn_x).apply((a))",
    "c = step.Map(fn=fn_x).apply((a, b),)",
    "c = step.Map(fn=fn_x).apply(a, b)",
    "c = d = step.Zip().apply((a, b))",
    "d = step.Flatten(L=[1, 2]).apply(c)  # flat",
    "d = step.Repeat(n=2 * M).apply(c)",
    "d = step.Mapp(fn=fn_x).apply(c)",
    "d = step.Map(f=fn_x).apply(c)",
    "d = step.Map(fn=fn_x).apply(for)",
    "def = step.Map(fn=fn_x).apply(d)",
    "Map = step.Copy().apply(d)",
    "x = Map(fn=fn_x).apply(d)",
    "zip = step.Copy().apply(d)",
    "step = step.Copy().apply(d)",
    "y = [s for s in zip(x, d)]",
    "y = x[-1]",
    "for s in y:",
    "    z = step.Map(fn=fn_x).apply(s)",
    "for s in y: z = s",
    "else: z = s",
    "# it's a comment (with a bracket",
    "#",
    "",
    "   ",
    "z = step.Merge().apply((",
    "    [a, b], c))",
    "a = b; c = d",
    '"""text"""',
    "'''",
    "z = 'a # b'",
    "\\",
    "z = 4294967296",
    "z\x0b= a",
    "é = step.Copy().apply(a)",
    "return a",
    "return a, b  # both",
    "return (a, b)",
    "return None",
    "return",
    "return\ta",
)


def outcome(read: Any, text: str) -> object:
    try:
        return read(text)
    except ParseError as error:
        return error.diagnostics


def as_a_whole(text: str) -> syntax.Program:
    return parser._rest(parser._Reader(), [], [], parser._normalise(text))


def require_equal(text: str) -> None:
    # Lines of code are no part of a program's identity, but they are of its text.
    assert repr(outcome(parse, text)) == repr(outcome(as_a_whole, text))


@given(st.lists(st.sampled_from(LINES), max_size=8))
def test_line_by_line_means_the_same_as_a_whole(lines: list[str]) -> None:
    require_equal("\n".join(lines))


@given(st.lists(st.sampled_from(LINES[:9]), max_size=5), st.data())
def test_so_does_a_program_with_one_character_changed(lines: list[str], data: Any) -> None:
    text = "\n".join([*lines, "return a"])
    at = data.draw(st.integers(0, len(text) - 1))
    changed = data.draw(st.sampled_from("()[],.=#:;'\"\\ \n\t_a0"))
    require_equal(text[:at] + changed + text[at + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        "foo = step.Copy().apply(E0)\na = foo(E0)\nreturn a",
        "a = step.Mapp().apply(E0)\n# kept\nreturn a",
        "# kept\npass\na = step.Copy().apply(E0)\nreturn a",
        "Map = step.Mapp().apply(E0)\na = Map(fn=f).apply(E0)\nreturn a",
        "zip = step.Copy().apply(E0)\na = zip(E0, E0)\nreturn a",
        "a = b.c\nfor x in a:\n    y = foo(x)\nfoo = a\nreturn foo(a)",
        "a = step.Mapp().apply(E0)\nb c\nreturn a",
        "a = b.c\na = b.c",
        "return foo(E0)",
        "foo = E0\nx: int = foo(E0)",
        *("a = foo(E0)\n" * count + "return a" for count in (49, 50, 51)),
    ],
)
def test_wrong_lines_are_wrong_in_the_same_way(text: str) -> None:
    require_equal(text)


@pytest.mark.parametrize("line", LINES)
def test_a_line_means_the_same_at_any_place(line: str) -> None:
    require_equal(f"\n\n# first\n{line}\n# last\nreturn a")


def test_a_repeated_line_knows_where_it_stands() -> None:
    program = parse("a = step.Copy().apply(E0)\n\na = step.Copy().apply(E0)\nreturn a")
    assert [statement.line for statement in program.statements] == [1, 3, 4]
    stream = Stream(Scalar(), (ONE,))
    signature = Signature((("E0", stream),), (), (stream, stream), frozenset(), frozenset())
    assert [node.line for node in elaborate(program, signature, {}).graph.nodes] == [1, 3]


def test_an_operator_is_resolved_anew_where_a_name_means_something_else() -> None:
    fn = Function("fn_x", Scalar(), Scalar(), is_fold=False)
    signature = Signature((), (fn,), (), frozenset(), frozenset({"M"}))
    right = elaborate(parse("a = step.Map(fn=fn_x)\nreturn a"), signature, {})
    assert [e.message for e in right.errors if "fn_x" in e.message and "needs" in e.message] == []
    wrong = elaborate(parse("fn_x = M\na = step.Map(fn=fn_x)\nreturn a"), signature, {})
    assert "Map(fn=...) needs a function of the task, got the size M" in wrong.errors[0].message


def test_errors_name_the_line_they_are_on_and_not_the_one_where_the_statement_starts() -> None:
    stream = Stream(Scalar(), (ONE,))
    signature = Signature((("E0", stream),), (), (stream,), frozenset(), frozenset())
    text = """\
a, b = step.Copy().apply(E0)
for x, y in zip([a],
                [nowhere]):
    z = step.Zip().apply((
        x,
        unknown))
for u, v in [a, b]:
    w = u
return z"""
    errors = elaborate(parse(text), signature, {}).errors
    assert [(error.line, error.message) for error in errors] == [
        (3, "'nowhere' is not defined"),
        (6, "'unknown' is not defined"),
        (7, "expected 2 values to unpack, got a stream"),
    ]
