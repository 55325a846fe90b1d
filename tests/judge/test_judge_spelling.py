"""Right programs in odd spellings are right; of wrong ones the judge says where the mistake is."""

import pytest

from support import ROWS, SUMMED, SyncJudge, read

TASK = read(ROWS)

RIGHT = {
    "statements on one line": SUMMED.replace("\n", "; "),
    "a byte order mark": f"\ufeff{SUMMED}",
    "old line ends": SUMMED.replace("\n", "\r"),
    "mixed line ends": "\r\n\r\n" + SUMMED.replace("\n", "\r\n"),
    "wide letters": SUMMED.replace("step", "\uff53tep"),
    "a docstring that looks like code": f"'''\nreturn E0\n'''\n{SUMMED}",
    "a comment that looks like code": f"# return E0\n{SUMMED}  # return E0",
    "a hash in a string": f"'# no comment'\n{SUMMED}",
    "odd characters in a comment": f"# \x1c \x0b \x85 \u2028 \u202e \ufeff\n{SUMMED}",
    "continued lines": SUMMED.replace("= ", "= \\\n    ").replace("return ", "return \\\n  "),
    "all indented by tabs": "\t" + SUMMED.replace("\n", "\n\t"),
    "a number in base 16": SUMMED.replace("b=1", "b=0x1"),
    "code after the return": f"{SUMMED}\nreturn E0",
    "functions under each other's names": "fn_sum, fn_square = fn_square, fn_sum\n"
    "E1 = step.Map(fn=fn_sum).apply(E0)\nreturn step.Accum(fn=fn_square, b=1).apply(E1)",
    "operators in a list": "E1 = E0\nfor step_ in [step.Map(fn=fn_square),"
    " step.Accum(fn=fn_sum, b=1)]:\n    E1 = step_.apply(E1)\nreturn E1",
    "an input under a new meaning": SUMMED.replace("E1", "E0"),
    "a primitive's name for a function": f"Map = fn_square\n{SUMMED.replace('=fn_square', '=Map')}",
    "sixty more dimensions of size 1": "".join(
        f"E{n + 1} = step.Promote(b=2).apply(E{n})\n" for n in range(60)
    )
    + f"E0 = step.Flatten(L={list(range(2, 62))}).apply(E60)\n{SUMMED}",
}


@pytest.mark.parametrize("what", RIGHT)
def test_a_right_program_is_right_in_any_spelling(what: str, judge: SyncJudge) -> None:
    said = judge.judge(TASK, RIGHT[what])
    assert said.correct, said.errors


@pytest.mark.parametrize(
    ("answer", "line", "message"),
    [
        ("E1 = E0\r\r\nE2 = foo\r\nreturn E2", 3, "'foo' is not defined"),
        ("E1 = E0\x0c\nE2 = foo\nreturn E2", 2, "'foo' is not defined"),
        ("E1 = E0 # \x1c \u2028\nE2 = foo\nreturn E2", 2, "'foo' is not defined"),
        ("\n\n    E1 = E0\n    E2 = = E1\n    return E2", 4, "invalid syntax"),
        ("'''\n\n'''\nE1 = foo\nreturn E1", 4, "'foo' is not defined"),
        ("E1 = (\n E0\n)\nreturn foo", 4, "'foo' is not defined"),
        ("E1 = [E0,\n  foo]\nreturn E1[0]", 2, "'foo' is not defined"),
        ("x = E0\nE1 = step.Promote(b=" + "1" * 5000 + ").apply(x)\nreturn E1", 2, "digits"),
        ("E1 = step.Map(fn=fn_square).apply(E0\nreturn E1", 1, "was never closed"),
        ("E1 = E0\nreturn E1 \\", 2, "unexpected EOF"),
        ("for a in [E0]:\n    E1 = a\n    E2 = foo\nreturn E1", 3, "'foo' is not defined"),
        ("E1 = E0\nfor a in E1:\n    pass\nreturn E1", 2, "needs a list, got the stream E0"),
        ("E1 = E0\nreturn step.Accum(fn=fn_square, b=1).apply(E1)", 2, "fn_square has no init"),
        ("E1 = step.Accum(fn=fn_sum, b=1).apply(E0)\nreturn E1", 2, "5 of 5 values differ"),
        ("return \u0395\u0030", 1, "it has the letter '\u0395', U+0395"),
        ("return step.Map(fn=fn_sum, fn=fn_square).apply(E0)", 1, "got fn twice"),
        (
            "Map = fn_square\nreturn Map(fn=Map).apply(E0)",
            2,
            "'Map' is assigned to in this program",
        ),
        ("return step.Accum(fn=fn_sum, b=-1).apply(E0)", 1, "a sign"),
        ("return [a async for a in [E0]]", 1, "`async` in a comprehension"),
        ("E1 = E0 # a\x1cb\nE2 = = E1\nreturn E2", 2, "'E2 = = E1'"),
        ("n = M\n" + "n = n*n\n" * 9 + "return step.Repeat(n=n).apply(E0)", 8, "at most 64"),
        ("x = E0\n" + "x = step.Zip().apply((x, x))\n" * 30 + "return x", 9, "at most 256"),
        ("import os\n" * 3000 + "return E0", 1, "an import is not part of the language"),
    ],
)
def test_the_first_error_names_the_line_of_the_answer(
    answer: str, line: int, message: str, judge: SyncJudge
) -> None:
    first, *_ = judge.judge(TASK, answer).errors
    assert first.line == line
    assert message in first.message
