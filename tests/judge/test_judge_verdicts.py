"""What the judge says of programs: each check in its order, and one verdict for all of them."""

import sys

import pytest

from hardwon.judge import no_program
from hardwon.records import Stage, Verdict
from support import DOUBLE, DOUBLED, GREEDY, RESIDUAL, ROWS, SUBTRACTED, SUMMED, SyncJudge, read

TASKS = {"double": read(DOUBLE), "rows": read(ROWS), "residual": read(RESIDUAL)}

CASES = {
    # (task, program): (first failed check, affine, functional)
    ("double", DOUBLED): (None, True, True),
    ("rows", SUMMED): (None, True, True),
    ("residual", SUBTRACTED): (None, True, True),
    # What cannot be read.
    ("double", "E1 = "): (Stage.PARSE, None, None),
    ("double", ""): (Stage.PARSE, None, None),
    ("double", "The input is doubled elementwise."): (Stage.PARSE, None, None),
    ("double", "import os\nreturn E0"): (Stage.PARSE, None, None),
    ("double", "return __import__('os').system('true')"): (Stage.PARSE, None, None),
    ("double", f"while True:\n    {DOUBLED}"): (Stage.PARSE, None, None),
    ("double", "return " + "(" * 5000 + "E0" + ")" * 5000): (Stage.PARSE, None, None),
    ("double", "E1 = step.Dance().apply(E0)\nreturn E1"): (Stage.PARSE, None, None),
    # What can be read, but not run.
    ("double", "return step.Map(fn=fn_triple).apply(E0)"): (Stage.TYPES, None, None),
    ("double", "return E9"): (Stage.TYPES, None, None),
    ("double", "E1 = step.Promote(b=9).apply(E0)\nreturn E1"): (Stage.TYPES, True, None),
    ("rows", "return E0"): (Stage.TYPES, True, None),
    ("rows", "E1, E2 = step.Copy().apply(E0)\nreturn E1, E2"): (Stage.TYPES, None, None),
    ("rows", f"E7 = step.Zip().apply((E0, E0))\n{SUMMED}\n"): (Stage.AFFINE, False, True),
    # Types and law are both reported; the first check that failed names the verdict.
    ("residual", "E1 = step.Zip().apply((E0, E0))\nreturn E1"): (Stage.TYPES, False, None),
    # What runs, but breaks the law.
    ("residual", GREEDY): (Stage.AFFINE, False, True),
    ("residual", GREEDY.replace("(E0, squares)", "(squares, E0)")): (Stage.AFFINE, False, False),
    # What runs and keeps the law, but computes something else.
    ("double", "return E0"): (Stage.FUNCTIONAL, True, False),
    ("double", f"E1 = step.Map(fn=fn_double).apply(E0)\n{DOUBLED.replace('E0', 'E1')}"): (
        Stage.FUNCTIONAL,
        True,
        False,
    ),
    ("residual", SUBTRACTED.replace("(left, squares)", "(squares, left)")): (
        Stage.FUNCTIONAL,
        True,
        False,
    ),
}


@pytest.mark.parametrize("case", CASES, ids=[f"{task}: {impl[:40]!r}" for task, impl in CASES])
def test_the_first_failed_check_names_the_verdict(case: tuple[str, str], judge: SyncJudge) -> None:
    task, impl = case
    said = judge.judge(TASKS[task], impl)
    assert (said.stage, said.affine, said.functional) == CASES[case], said.errors
    assert said.correct == (said.stage is None)


@pytest.mark.parametrize("case", CASES, ids=[f"{task}: {impl[:40]!r}" for task, impl in CASES])
def test_there_are_errors_exactly_of_the_checks_that_failed(
    case: tuple[str, str], judge: SyncJudge
) -> None:
    task, impl = case
    said = judge.judge(TASKS[task], impl)
    stages = [error.stage for error in said.errors]
    assert stages == sorted(stages, key=list(Stage).index)
    assert next(iter(stages), None) == said.stage
    assert (Stage.AFFINE in stages) == (said.affine is False)
    assert (Stage.FUNCTIONAL in stages) == (said.functional is False)
    for error in said.errors:
        assert error.message
        assert error.line is None or 1 <= error.line <= len(impl.splitlines())


def test_an_error_names_its_line_and_what_came_instead(judge: SyncJudge) -> None:
    said = judge.judge(TASKS["residual"], f"# The order is wrong.\n{GREEDY}")
    (error,) = said.errors
    assert error.line == 3
    assert "E0 is consumed 2 times, expected at most once" in error.message
    assert error.rule == "affine law: every stream is consumed by at most one primitive"


def test_a_wrong_result_is_told_with_its_place_and_both_values(judge: SyncJudge) -> None:
    (error,) = judge.judge(TASKS["double"], "return E0").errors
    assert "S0: 35 of 35 values differ from the reference, first at [0, 0]" in error.message
    assert "expected " in error.message
    assert "got " in error.message


def test_programs_that_differ_in_spelling_share_a_normal_form(judge: SyncJudge) -> None:
    task = TASKS["rows"]
    spelt = f"# Squares first.\n\n{SUMMED.replace('E1', 'squares')}  # then their sum"
    first, second = judge.judge(task, SUMMED), judge.judge(task, spelt)
    assert first.normal_form == second.normal_form is not None
    assert (first.code_lines, second.code_lines) == (2, 2)


def test_programs_that_do_something_else_have_another_normal_form(judge: SyncJudge) -> None:
    forms = {
        judge.judge(TASKS[task], impl).normal_form
        for task, impl in CASES
        if (task, impl) != ("rows", SUMMED)
    }
    assert None in forms
    assert judge.judge(TASKS["rows"], SUMMED).normal_form not in forms


def test_a_judge_says_the_same_whenever_it_is_asked(judge: SyncJudge) -> None:
    def asked_again() -> list[Verdict]:
        return [
            judge.judge(TASKS[task], impl).model_copy(update={"seconds": 0.0})
            for task, impl in CASES
        ]

    assert asked_again() == asked_again()


def test_a_sample_without_a_program_needs_no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with SyncJudge() as judge:
        said = judge.judge(TASKS["double"], None)
    assert said == no_program()
    assert (said.correct, said.stage, said.affine, said.functional) == (
        *(False, Stage.PARSE),
        *(None, None),
    )
    assert [error.message for error in said.errors] == ["expected a program, the sample holds none"]
