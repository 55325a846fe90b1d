"""Complexity and maintainability, by hand-counted examples."""

import math

import pytest

from hardwon import bench
from hardwon.bench.references import reference
from hardwon.evaluation import maintainability
from hardwon.evaluation.programs import Spread, counts
from hardwon.languages import get_language
from hardwon.languages.metrics import Counts
from support import DOUBLE, DOUBLED, read, toy_task

PLAIN = "E1 = step.Map(fn=fn_square).apply(E0)\nreturn E1"


def test_the_index_follows_its_formula() -> None:
    found = maintainability(PLAIN)
    assert found is not None
    # Operators: =, two calls, two dots, the keyword's =, return: 5 kinds, 7 in all.
    # Operands: E1 twice, step, Map, fn, fn_square, apply, E0: 7 kinds, 8 in all.
    assert found.volume == pytest.approx(15 * math.log2(5 + 7))
    assert (found.paths, found.lines, found.commented) == (1, 2, 0)
    expected = 171 - 5.2 * math.log(found.volume) - 0.23 - 16.2 * math.log(2)
    assert found.without_comments == found.with_comments == pytest.approx(expected)


def test_comments_add_to_the_index_and_to_nothing_else() -> None:
    plain, commented = maintainability(PLAIN), maintainability("# why\n\n" + PLAIN + "  # done")
    assert plain is not None
    assert commented is not None
    assert commented.commented == pytest.approx(2 / 3)
    assert commented.without_comments == plain.without_comments
    gained = commented.with_comments - commented.without_comments
    assert gained == pytest.approx(50 * math.sin(math.sqrt(2.4 * 2 / 3)))


def test_loops_and_branches_are_paths() -> None:
    found = maintainability("a = [f(x) for x in y]\nfor b in a:\n  c = 1 if b else -2 + 3\n")
    assert found is not None
    assert (found.paths, found.lines) == (4, 3)


def test_a_longer_program_is_harder_to_maintain() -> None:
    short, long = maintainability(PLAIN), maintainability("\n".join([PLAIN] * 9))
    assert short is not None
    assert long is not None
    assert short.without_comments > long.without_comments


@pytest.mark.parametrize(
    "text",
    ["func @main(%a: i32)", "x = (", "\0", "(" * 5000 + ")" * 5000, "x = 1\n" * 20_000, "if x:\n"],
)
def test_what_is_not_python_has_no_index(text: str) -> None:
    assert maintainability(text) is None


@pytest.mark.parametrize("text", ["", "# only a comment", "x = '\\d'", "a = \\\n 1"])
def test_odd_python_has_an_index(text: str) -> None:
    found = maintainability(text)
    assert found is not None
    assert math.isfinite(found.with_comments)


def test_the_pack_counts_what_is_written() -> None:
    task = bench.load("etoe/top1")
    program = reference("etoe/top1")
    found = counts(task, program)
    assert found is not None
    assert found.primitives == {"Bufferize": 1, "Map": 3, "Merge": 1, "Partition": 1, "Zip": 1}
    assert (found.calls, found.reshaping, len(found.functions)) == (7, 0, 6)


def test_shape_primitives_are_the_papers_four_under_any_name() -> None:
    task = read(DOUBLE)
    lines = [
        "a = step.Promote(b=0).apply(E0)",
        "b = step.RepeatLast(n=N).apply(a)",
        "c = step.Bufferize(a=1).apply(b)",
        "return step.Flatten(L=[1]).apply(c)",
    ]
    found = counts(task, "\n".join(lines))
    assert found is not None
    assert found.primitives == {"Bufferize": 1, "Flatten": 1, "Promote": 1, "Repeat": 1}
    assert (found.reshaping, found.functions) == (3, ())


def test_reference_programs_need_shape_primitives_exactly_where_the_catalog_says() -> None:
    for entry in bench.catalog():
        found = counts(bench.load(entry.name), reference(entry.name))
        assert found is not None
        assert (found.reshaping > 0) == entry.shape


def test_what_cannot_be_read_is_not_counted() -> None:
    assert counts(read(DOUBLE), "return (") is None
    assert counts(read(DOUBLE), DOUBLED) is not None


@pytest.mark.usefixtures("toy")
def test_a_pack_need_not_count() -> None:
    assert not isinstance(get_language("toy"), Counts)
    assert counts(toy_task(), "return E0") is None


def test_a_spread_of_nothing_is_none() -> None:
    assert Spread.of([]) is None
    assert Spread.of([3, 1, 5]) == Spread(1, 3, 5)
