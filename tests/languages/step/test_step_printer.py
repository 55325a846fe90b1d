"""How programs are printed."""

import pytest

from hardwon.languages.step.parser import parse
from hardwon.languages.step.printer import print_program


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("Map(f).apply( a )", "step.Map(fn=f).apply(a)"),
        ("Accum(b=1,fn=f).apply(a)", "step.Accum(fn=f, b=1).apply(a)"),
        ("Flatten((1,2)).apply(a)", "step.Flatten(L=[1, 2]).apply(a)"),
        ("Flatten((1,)).apply(a)", "step.Flatten(L=[1]).apply(a)"),
        ("Zip().apply([a,b])", "step.Zip().apply((a, b))"),
        ("Zip().apply(a,b)", "step.Zip().apply(a, b)"),
        ("Copy().apply((a,))", "step.Copy().apply([a])"),
        ("Merge(f).apply(((a,b),c))", "step.Merge(fn=f).apply(([a, b], c))"),
        ("Repeat(2*K*(N*M))", "step.Repeat(n=2 * K * (N * M))"),
        ("RepeatLast(n=K)", "step.RepeatLast(n=K)"),
        ("list(zip(a,b))", "zip(a, b)"),
        ("[x for x,y in zip(a,b) for z in y]", "[x for x, y in zip(a, b) for z in y]"),
        ("[x for (x,) in a]", "[x for x, in a]"),
        ("a [ -1 ] [0]", "a[-1][0]"),
        ("(a*b)[0]", "(a * b)[0]"),
        ("(a)", "a"),
        ("(a,b)", "a, b"),
        ("[a]", "[a]"),
        ("[]", "[]"),
    ],
)
def test_expressions_are_printed_in_one_style(written: str, printed: str) -> None:
    assert print_program(parse(f"x = {written}\nreturn x")) == f"x = {printed}\nreturn x"


def test_a_program_is_printed_with_its_comments_and_without_its_layout() -> None:
    text = """\

    # The inputs.

    a,(b,) = c = d   # unpacked
    for x, y in zip(a,b) :
        # Inside.
        for z in x:
            Copy().apply(z); pass
        # Empty.
        for z in y: pass
    # Results.
    return (a,
            b)
    # The end."""
    assert (
        print_program(parse(text))
        == """\
# The inputs.
# unpacked
a, (b,) = c = d
for x, y in zip(a, b):
    # Inside.
    for z in x:
        step.Copy().apply(z)
    # Empty.
    for z in y:
        pass
# Results.
return a, b
# The end."""
    )


def test_one_result_is_printed_as_it_is_written() -> None:
    assert print_program(parse("return a")) == "return a"
    assert print_program(parse("return a,")) == "return [a]"
