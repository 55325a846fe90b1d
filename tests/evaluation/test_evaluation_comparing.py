"""The comparison of policies, by runs whose outcome is written down."""

import pytest
from evaluation_runs import make_run

from hardwon.evaluation import Comparison, Estimate, Run, Table, comparison_figures
from hardwon.evaluation import comparison_tables as tables_of
from hardwon.learning import Unit


def run(solved_in: dict[str, int], length: int = 4) -> Run:
    """Return a run in which each task is solved by its first of two samples in an iteration."""
    rows = []
    for index in range(length):
        rows.append(
            {task: "Aa" if index == at else "aa" for task, at in solved_in.items() if index <= at}
        )
    return make_run(*[row for row in rows if row])


FAST = {seed: run({"a": 0, "b": 1, "c": 1}) for seed in range(2)}
SLOW = {seed: run({"a": 0, "b": 2, "c": 9}) for seed in range(2)}


def compared(amount: int = 12, unit: Unit = Unit.SAMPLES) -> dict[str, Table]:
    given = Comparison({"paper": FAST, "slow": SLOW}, amount, unit, Unit.STEPS, "paper")
    return {table.name: table for table in tables_of(given)}


def cells(table: Table, row: int) -> dict[str, object]:
    return dict(zip(table.columns, table.rows[row], strict=True))


def test_policies_are_compared_by_what_they_solved_and_what_that_cost() -> None:
    table = compared()["policies"]
    paper, slow = cells(table, 0), cells(table, 1)
    assert paper["solved"] == Estimate(3, 3, 3)
    assert isinstance(slow["solved"], Estimate)
    assert slow["solved"].value == 2
    assert (paper["after iteration 0"], slow["after iteration 0"]) == (2, 1)
    # fast: 6 + 4 samples; slow: 6 + 4, and 2 of the next iteration until its budget of 12.
    assert (paper["samples"], slow["samples"]) == (10, 12)
    assert paper["samples per solved"] == pytest.approx(10 / 3)
    assert paper["samples per later one"] == pytest.approx(4 / 2)
    assert slow["samples per later one"] == pytest.approx(6 / 1)
    assert slow["steps per solved"] == pytest.approx(120 / 2)


def test_the_area_is_the_share_of_the_budget_that_was_left() -> None:
    area = cells(compared()["policies"], 0)["area"]
    assert isinstance(area, Estimate)
    assert area.value == pytest.approx(((1 - 6 / 12) + 2 * (1 - 10 / 12)) / 3)


def test_nothing_that_came_after_the_budget_counts() -> None:
    table = compared(amount=6)["policies"]
    assert [cells(table, row)["after iteration 0"] for row in range(2)] == [0, 0]
    assert cells(table, 0)["samples per later one"] is None
    assert compared(amount=60, unit=Unit.STEPS)["policies"].rows[0][1:4] == table.rows[0][1:4]


def test_differences_are_from_the_baseline_alone() -> None:
    table = compared()["differences"]
    assert [row[0] for row in table.rows] == ["slow"]
    difference = cells(table, 0)["solved"]
    assert isinstance(difference, Estimate)
    assert difference.value == pytest.approx(-1)
    assert cells(table, 0)["p"] == 1.0  # one task of three differs: that is no evidence


def test_every_run_and_every_task_is_listed() -> None:
    tables = compared()
    assert len(tables["runs"].rows) == 4
    assert tables["tasks"].rows == (("toy/a", 1, 1), ("toy/b", 1, 1), ("toy/c", 1, 0))


def test_the_curve_climbs_when_an_iteration_is_complete() -> None:
    given = Comparison({"paper": FAST, "slow": SLOW}, 12, Unit.SAMPLES, Unit.STEPS, "paper")
    (figure,) = comparison_figures(given)
    paper = {spent: solved for policy, spent, solved in figure.data.rows if policy == "paper"}
    assert (paper[0], paper[5], paper[6], paper[9], paper[10], paper[12]) == (0, 0, 1, 1, 3, 3)


def test_runs_that_cannot_be_paired_are_an_error() -> None:
    other = {0: run({"a": 0, "z": 1}), 1: run({"a": 0, "z": 1})}
    for runs in ({"paper": FAST, "slow": other}, {"paper": FAST, "slow": {0: SLOW[0]}}):
        with pytest.raises(ValueError, match="the same seeds and the same tasks"):
            Comparison(runs, 12, Unit.SAMPLES, Unit.STEPS, "paper")
    with pytest.raises(ValueError, match="none is not among the policies"):
        Comparison({"paper": FAST}, 12, Unit.SAMPLES, Unit.STEPS, "none")
