"""The affine law counts streams, not names; Copy insertion makes it hold."""

import pytest
from step_task import SIZES, TASK, analysis_of, errors_of

from hardwon.languages.step.reading import with_copies
from hardwon.records import Stage


def violations(text: str) -> list[tuple[int | None, str]]:
    reading = analysis_of(text).reading
    found = [error for error in reading.errors if error.stage is Stage.AFFINE]
    assert reading.affine == (not found)
    return [(error.line, error.message.split(",")[0]) for error in found]


def copied(text: str) -> str:
    return with_copies(TASK, text, SIZES)


def test_a_stream_is_consumed_at_most_once() -> None:
    text = "a = Map(fn_neg).apply(y)\nb = Map(fn_abs).apply(y)\nreturn b"
    [error] = errors_of(text)
    assert error.message == (
        "y is consumed 2 times, expected at most once; use step.Copy() to make two streams of one"
    )
    assert error.rule == "affine law: every stream is consumed by at most one primitive"
    assert error.line == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = Map(fn_neg).apply(y)\nreturn a", []),
        # Streams that nobody consumes
        ("a, b = Copy().apply(y)\nreturn y", []),
        # Returning a stream is no consumption, however often.
        ("a = Map(fn_neg).apply(y)\nreturn y", []),
        # Aliases
        (
            "a = y\nb = Map(fn_neg).apply(a)\nc = Map(fn_neg).apply(y)\nreturn c",
            [(3, "y is consumed 2 times")],
        ),
        # Two results of one primitive are two streams.
        ("a, b = Copy().apply(y)\nreturn Map(fn_sub).apply(a, b)", []),
        # One element of a list, twice
        (
            "l = Copy().apply(y)\na = Map(fn_neg).apply(l[0])\nb = Map(fn_neg).apply(l[-2])\n"
            "return b",
            [(3, "l_0 is consumed 2 times")],
        ),
        # One name in every run of a comprehension
        (
            "l = [Map(f).apply(y) for f in [fn_neg, fn_abs, fn_neg]]\nreturn l[0]",
            [(1, "y is consumed 3 times")],
        ),
        # Another stream in every run of a comprehension
        (
            "l = Copy().apply(y)\nm = [Map(f).apply(s) for f, s in zip([fn_neg, fn_abs], l)]\n"
            "return m[0]",
            [],
        ),
        # The same list in two loops
        (
            "l = Copy().apply(y)\nfor s in l:\n    a = Map(fn_neg).apply(s)\n"
            "for s in l:\n    a = Map(fn_abs).apply(s)\nreturn a",
            [(5, "l_0 is consumed 2 times"), (5, "l_1 is consumed 2 times")],
        ),
        # The same list twice in one zip
        (
            "l = Copy().apply(y)\nm = [Zip().apply(s, t) for s, t in zip(l, l)]\nreturn y",
            [(2, "l_0 is consumed 2 times"), (2, "l_1 is consumed 2 times")],
        ),
        # A loop that rebinds its name consumes another stream in every run.
        ("for f in [fn_neg, fn_abs]:\n    y = Map(f).apply(y)\nreturn y", []),
        # The same stream twice in one call
        ("a = Zip().apply(y, y)\nreturn y", [(1, "y is consumed 2 times")]),
        ("a = Map(fn_sub).apply((y, y))\nreturn a", [(1, "y is consumed 2 times")]),
        ("a = RepeatRef().apply(flat, flat)\nreturn y", [(1, "flat is consumed 2 times")]),
        (
            "a = Merge(fn_sum).apply(([y, y, y], hot))\nreturn a",
            [(1, "y is consumed 3 times")],
        ),
        # Copying is consuming.
        (
            "a, b = Copy().apply(y)\nc, d = Copy().apply(y)\nreturn a",
            [(2, "y is consumed 2 times")],
        ),
        # Streams without a name
        ("a = [Identity().apply(y)][0].apply(Copy())\nreturn a[0]", []),
    ],
)
def test_uses_are_counted_per_stream(text: str, expected: list[tuple[int, str]]) -> None:
    assert violations(text) == expected


def test_the_law_is_unknown_where_names_are() -> None:
    assert analysis_of("a = Map(fn_neg).apply(q)\nreturn y").reading.affine is None
    assert analysis_of("a = Zip().apply(y, y)\nb = q\nreturn y").reading.affine is False


def test_the_law_does_not_depend_on_types() -> None:
    reading = analysis_of("a = Accum(fn_sum, b=9).apply(x)\nreturn y").reading
    assert reading.affine
    assert not reading.runnable


def test_a_program_that_breaks_only_the_law_can_be_run() -> None:
    reading = analysis_of("return Map(fn_sub).apply((y, y))").reading
    assert reading.runnable
    assert reading.normal_form is not None


def test_an_affine_program_comes_back_as_it_was_written() -> None:
    text = "return   Map( fn_neg ).apply( y )   # odd"
    assert copied(text) == text


@pytest.mark.parametrize(
    "text", ["return q", "nonsense", "return x", "return Zip().apply(y, y)"], ids=str
)
def test_a_program_that_cannot_be_run_comes_back_as_it_was_written(text: str) -> None:
    assert copied(text) == text


def test_copies_keep_names_and_comments() -> None:
    text = """\
# Negate.
neg = Map(fn_neg).apply(y)
# Subtract twice.
both = Zip().apply(neg, y)
sub = Map(fn_sub).apply(both)
# Done.
return Map(fn_sub).apply((sub, neg))"""
    assert (
        copied(text)
        == """\
# Negate.
y_0, y_1 = step.Copy().apply(y)
neg = step.Map(fn=fn_neg).apply(y_0)
# Subtract twice.
neg_0, neg_1 = step.Copy().apply(neg)
both = step.Zip().apply((neg_0, y_1))
sub = step.Map(fn=fn_sub).apply(both)
E6 = step.Zip().apply((sub, neg_1))
E7 = step.Map(fn=fn_sub).apply(E6)
# Done.
return E7"""
    )


def test_n_uses_take_n_minus_one_copies() -> None:
    text = "return Merge(fn_sum).apply([flat, flat, flat], hot)"
    assert (
        copied(text)
        == """\
flat_0, flat_rest0 = step.Copy().apply(flat)
flat_1, flat_2 = step.Copy().apply(flat_rest0)
E6 = step.Merge(fn=fn_sum).apply(([flat_0, flat_1, flat_2], hot))
return E6"""
    )


def test_copies_never_make_a_program_too_large_to_be_read() -> None:
    text = f"for f in {[1] * 40}:\n    [Map(fn_neg).apply(y) for f in {[1] * 40}]\nreturn y"
    assert analysis_of(text).reading.runnable
    assert copied(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "_ = [Map(f).apply(y) for f in [fn_neg, fn_abs]]\nreturn _[1]",
        "y_0 = Map(fn_neg).apply(y)\nreturn Map(fn_sub).apply(y_0, y)",
        "K = Map(fn_neg).apply(y)\nM_value = Map(fn_neg).apply(y)\nreturn K",
        "fn_abs = Map(fn_neg).apply(y)\nreturn Map(fn_sub).apply(fn_abs, y)",
        "zip = Map(fn_neg).apply(y)\nPromote = Map(fn_abs).apply(y)\nreturn zip",
        "E1 = Map(fn_neg).apply(y)\nE1 = Map(fn_neg).apply(y)\nreturn E1",
    ],
)
def test_programs_with_copies_are_programs(text: str) -> None:
    before, after = analysis_of(text).reading, analysis_of(copied(text)).reading
    assert (before.runnable, before.affine) == (True, False)
    assert (after.errors, after.affine) == ((), True)
