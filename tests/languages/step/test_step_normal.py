"""What is spelling, and what is another program."""

import pytest
from step_task import TASK, analysis_of, output, returning

TWO_RESULTS = returning(output("S0", "fp32", "N", "M"), output("S1", "fp32", "N", "M"))


def form_of(text: str) -> str:
    forms = [analysis_of(text, task).reading.normal_form for task in (TASK, TWO_RESULTS)]
    [form] = [form for form in forms if form is not None]
    return form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a = Map(fn_neg).apply(y)\nreturn a", "# Negate.\nreturn step.Map(fn=fn_neg).apply((y,))"),
        ("return Repeat(n=2*K).apply(y)", "return RepeatLast(n=K_value*2).apply(y)"),
        ("return Flatten(L=2).apply(x)", "return Flatten(L=(2,)).apply(x)"),
        ("return Map(fn_sub).apply((y, flat))", "return Map(fn_sub).apply(Zip().apply(y, flat))"),
        (
            "return Zip().apply(x, Zip().apply(y, flat))",
            "a = Zip().apply(x, y)\nreturn Zip().apply(a, flat)",
        ),
        ("return Zip().apply(x, Zip().apply(y, flat))", "return Zip().apply(x, y, flat)"),
        (
            "a = Map(fn_neg).apply(x)\nb = Map(fn_abs).apply(y)\nreturn Zip().apply(a, b)",
            "b = Map(fn_abs).apply(y)\na = Map(fn_neg).apply(x)\nreturn Zip().apply(a, b)",
        ),
        (
            "a, b = [Map(fn_neg).apply(s) for s in Copy().apply(y)]\nreturn Zip().apply(a, b)",
            "c, d = Copy().apply(y)\nb = Map(fn_neg).apply(c)\na = Map(fn_neg).apply(d)\n"
            "return Zip().apply(a, b)",
        ),
        # A Copy that nobody needs
        ("a, b = Copy().apply(y)\nreturn Map(fn_neg).apply(b)", "return Map(fn_neg).apply(y)"),
        (
            "z = Zip().apply(x, y)\nc, d = Copy().apply(z)\nreturn Zip().apply(c, flat)",
            "return Zip().apply(x, y, flat)",
        ),
        (
            "z = Zip().apply(x, y)\nc, d = Copy().apply(z)\na = Zip().apply(c, flat)\nreturn d",
            "z = Zip().apply(x, y)\na = Zip().apply(z, flat)\nreturn z",
        ),
        # Steps that no result depends on
        (
            "Map(fn_neg).apply(x)\nMap(fn_abs).apply(flat)\nreturn y",
            "Map(fn_abs).apply(flat)\nMap(fn_neg).apply(x)\nreturn y",
        ),
        (
            "a, b = Copy().apply(y)\nc = Identity().apply(a)\nd = Identity().apply(b)\n"
            "e, f = Copy().apply(c)\ng, h = Copy().apply(e)\n"
            "Zip().apply(f, d)\nZip().apply(g, h)\nreturn x",
            "a, b = Copy().apply(y)\nc = Identity().apply(a)\nd = Identity().apply(b)\n"
            "e, f = Copy().apply(c)\ng, h = Copy().apply(e)\n"
            "Zip().apply(g, h)\nZip().apply(f, d)\nreturn x",
        ),
    ],
)
def test_spelling_makes_no_difference(one: str, other: str) -> None:
    assert form_of(one) == form_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("return Map(fn_neg).apply(y)", "return Map(fn_abs).apply(y)"),
        ("return Map(fn_neg).apply(y)", "return Map(fn_neg).apply(x)"),
        ("return Map(fn_neg).apply(y)", "return y"),
        ("return Identity().apply(y)", "return y"),
        ("return Repeat(n=2).apply(y)", "return Repeat(n=K).apply(y)"),
        ("return Repeat(n=2).apply(y)", "return Promote(b=2).apply(y)"),
        ("return Accum(fn_sum, 1).apply(x)", "return Accum(fn_sum, 2).apply(x)"),
        ("return Accum(fn_sum, 1).apply(x)", "return Scan(fn_sum, 1).apply(x)"),
        ("return Flatten(L=[1]).apply(x)", "return Flatten(L=[1, 2]).apply(x)"),
        ("return Reshape(L=[0], S=3).apply(x)", "return Reshape(L=[0], S=9).apply(x)"),
        ("return Zip().apply(x, y)", "return Zip().apply(y, x)"),
        ("return Zip().apply(x, Zip().apply(y, flat))", "return Zip().apply(x, y)"),
        (
            "return Zip().apply(x, Zip().apply(y, flat))",
            "return Zip().apply(Zip().apply(x, flat), y)",
        ),
        ("return x, y", "return y, x"),
        ("return x, x", "return x, y"),
        (
            "a, b, c = Partition(N=E).apply(flat, hot)\nreturn a",
            "a, b, c = Partition(N=E).apply(flat, hot)\nreturn b",
        ),
        (
            "return Merge(fn_sum).apply([x, y, flat], hot)",
            "return Merge(fn_sum).apply([x, flat, y], hot)",
        ),
        # One stream used twice, or computed twice
        (
            "a, b = Copy().apply(Map(fn_neg).apply(y))\nreturn Zip().apply(a, b)",
            "a, b = [Map(fn_neg).apply(s) for s in Copy().apply(y)]\nreturn Zip().apply(a, b)",
        ),
        # A missing Copy
        (
            "a, b = Copy().apply(y)\nreturn Zip().apply(a, b)",
            "return Zip().apply(y, y)",
        ),
        (
            "z = Zip().apply(x, y)\nc, d = Copy().apply(z)\nreturn Zip().apply(c, flat), d",
            "z = Zip().apply(x, y)\nZip().apply(z, x)\nreturn Zip().apply(z, flat), z",
        ),
        # Steps that no result depends on
        ("Map(fn_neg).apply(x)\nreturn y", "Map(fn_abs).apply(x)\nreturn y"),
        ("Map(fn_neg).apply(x)\nreturn y", "return y"),
    ],
)
def test_another_program_has_another_form(one: str, other: str) -> None:
    assert form_of(one) != form_of(other)


def test_a_form_needs_no_types() -> None:
    assert form_of("return Accum(fn_sum, b=9).apply(y)") == "Accum(fn=fn_sum, b=9) in1\nreturn v0.0"


def test_a_form_needs_names() -> None:
    assert analysis_of("return Map(fn_q).apply(y)").reading.normal_form is None
