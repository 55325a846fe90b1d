"""The paper's tables and figures, from runs of every mode."""

from collections.abc import Sequence
from typing import Any

import pytest
from evaluation_runs import make_run

from hardwon.evaluation import (
    Estimate,
    Figure,
    Kind,
    Run,
    Table,
    experiment_figures,
    experiment_tables,
    paper,
    sort_runs,
)

KINDS = {
    "toy/a": Kind(shape=False, reuse=False),
    "toy/b": Kind(shape=False, reuse=True),
    "toy/c": Kind(shape=True, reuse=True),
}
PLAIN: dict[str, Any] = {"policy": "none", "budget": 1}
SINGLE = make_run({"a": "Aa", "b": "aa", "c": "aa"}, mode="single", **PLAIN)
AGENT = make_run({"a": "AA", "b": "Aa", "c": "aa"}, mode="agent", **PLAIN)
LEARNED = make_run(
    {"a": "AA", "b": "Aa", "c": "ab"},
    {"c": "aa"},
    {"c": "CC"},
    strata=(0, 0, 1),
    demonstrations=(0, 1, 2),
    mode="agent",
    policy="paper",
    name="runs/learned",
)
REPEATED = make_run(
    {"a": "Aa", "b": "aa", "c": "aa"},
    {"b": "aa", "c": "aa"},
    {"b": "AA", "c": "aa"},
    mode="single",
    policy="none",
    budget=100,
)
EVERYTHING = (SINGLE, AGENT, LEARNED, REPEATED)


def tables(runs: Sequence[Run] = EVERYTHING) -> dict[str, Table]:
    found = experiment_tables(sort_runs(runs, KINDS), paper())
    assert len({table.name for table in found}) == len(found)
    return {table.name: table for table in found}


def figures(runs: Sequence[Run] = EVERYTHING) -> dict[str, Figure]:
    found = experiment_figures(sort_runs(runs, KINDS), paper())
    return {figure.data.name: figure for figure in found}


def ours(table: Table) -> list[dict[str, object]]:
    """Return the rows that were measured; the others must be marked as the paper's."""
    rows: list[dict[str, object]] = [
        dict(zip(table.columns, row, strict=True)) for row in table.rows
    ]
    assert {row["source"] for row in rows} <= {"measured", "the paper"}
    return [row for row in rows if row["source"] == "measured"]


def value(cell: object) -> float:
    assert isinstance(cell, Estimate)
    return cell.value


def test_every_mode_has_its_pass_rates() -> None:
    rows = {row["mode"]: row for row in ours(tables()["figure-2-modes"])}
    assert list(rows) == ["single", "agent", "self-improve", "single at equal cost"]
    solved = {mode: value(row["pass@n"]) for mode, row in rows.items()}
    assert solved == pytest.approx(
        {"single": 1 / 3, "agent": 2 / 3, "self-improve": 1, "single at equal cost": 1 / 3}
    )
    rates = {mode: value(row["pass@1"]) for mode, row in rows.items()}
    assert rates["single"] == pytest.approx(0.5 / 3)
    assert rates["self-improve"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert rows["self-improve"]["steps"] == 100


def test_the_paper_stands_beside_ours_and_is_marked() -> None:
    for table in tables().values():
        assert "the paper" in {row[0] for row in table.rows}, table.name


def test_pass_rates_per_group_are_those_of_its_tasks() -> None:
    (row,) = [row for row in ours(tables()["table-4-groups"]) if row["mode"] == "agent"]
    assert row["toy @1"] == row["all @1"] == pytest.approx(0.5)
    assert row["toy @n"] == pytest.approx(2 / 3)


def test_the_guardian_is_judged_by_reuse_and_class() -> None:
    rows = {
        (row["class"], row["use"], row["mode"]): row for row in ours(tables()["table-2-guardian"])
    }
    assert rows["arith", "reuse", "single"]["pass@n"] == 0
    assert rows["arith", "reuse", "agent"]["pass@n"] == 1
    assert rows["arith", "once", "agent"]["pass@1"] == 1
    assert ("shape", "once", "agent") not in rows  # no such task
    assert rows["all", "all", "agent"]["tasks"] == 3


def test_tasks_of_unknown_kind_have_no_place_among_the_kinds() -> None:
    found = experiment_tables(sort_runs(EVERYTHING, {}), paper())
    assert "table-2-guardian" not in {table.name for table in found}


def test_diversity_is_that_of_the_modes_without_learning() -> None:
    rows = {row["mode"]: row for row in ours(tables()["table-1-diversity"])}
    assert set(rows) == {"single", "agent"}
    assert rows["agent"]["success"] == pytest.approx(2 / 3)
    assert rows["agent"]["answers"] == 6


def test_runs_without_memory_spend_what_self_improvement_spent_and_no_more() -> None:
    rows = {row["mode"]: row for row in ours(tables()["table-5-equal-cost"])}
    assert list(rows) == ["single at equal cost", "self-improve"]
    # The other run goes on for 140 steps and solves b with the last ones; it may spend 100.
    assert rows["single at equal cost"]["steps"] == rows["self-improve"]["steps"] == 100
    assert value(rows["single at equal cost"]["pass@n"]) == pytest.approx(1 / 3)


def test_complexity_is_that_of_what_is_remembered() -> None:
    rows = {row["measure"]: row for row in ours(tables()["table-7-complexity"])}
    assert rows["lines of code"]["greatest"] == 1
    assert "maintainability index with comments" in rows


def test_the_first_iteration_of_a_learning_run_is_a_run_of_its_agents() -> None:
    rows = {row["mode"]: row for row in ours(tables([LEARNED])["figure-2-modes"])}
    assert set(rows) == {"agent", "self-improve"}
    assert value(rows["agent"]["pass@n"]) == pytest.approx(2 / 3)
    assert rows["agent"]["samples"] == 6


def test_seeds_are_runs_of_one_mode() -> None:
    (row,) = ours(tables([SINGLE, SINGLE])["figure-2-modes"])
    assert (row["runs"], row["samples"]) == (2, 6)


def test_models_are_told_apart() -> None:
    other = make_run({"a": "aa", "b": "aa", "c": "aa"}, mode="single", model="other", **PLAIN)
    rows = ours(tables([SINGLE, other])["figure-2-modes"])
    assert [(row["model"], value(row["pass@n"])) for row in rows] == [
        ("offline", pytest.approx(1 / 3)),
        ("other", 0),
    ]


def test_all_figures_are_drawn_with_their_data() -> None:
    found = figures()
    assert set(found) == {
        "figure-2-modes",
        "figure-7-curve",
        "figure-9-pass-at-k",
        "figure-12-tasks",
        "figure-13-iterations",
    }
    curve = ours_of(found["figure-7-curve"])
    assert [row["stratum"] for row in curve] == ["0", "H", "M"]
    assert [row["Pareto front"] for row in curve] == [True, False, True]
    assert ">H</text>" in found["figure-7-curve"].svg
    passes = {
        (row["mode"], row["k"]): row["pass@k"] for row in ours_of(found["figure-9-pass-at-k"])
    }
    assert passes["single", 2] == pytest.approx(1 / 3)
    tasks = {row["task"]: row for row in ours_of(found["figure-13-iterations"])}
    assert [tasks["toy/c"][str(at)] for at in range(3)] == [0, 0, 1]
    assert tasks["toy/a"]["1"] is None


def ours_of(figure: Figure) -> list[dict[str, object]]:
    return [dict(zip(figure.data.columns, row, strict=True)) for row in figure.data.rows]


def test_granularities_are_drawn_if_there_are_several() -> None:
    fine = make_run({"a": "aa"}, {"a": "AA"}, policy="paper", granularity=5, demonstrations=(0, 1))
    coarse = make_run({"a": "aa"}, {"a": "AA"}, policy="paper", granularity=1)
    found = figures([coarse, fine])["figure-8-granularity"]
    assert {row["m"] for row in ours_of(found)} == {1, 5}
    (row,) = [
        row
        for row in ours(tables([coarse, fine])["figure-2-modes"])
        if row["mode"] == "self-improve"
    ]
    assert row["runs"] == 1  # the granularities are not mixed


def test_the_papers_figures_are_complete() -> None:
    figures = paper()
    assert len(figures.modes) == 5
    assert {len(model.groups) for model in figures.groups} == {8}
    assert len(figures.guardian) == 18
    for model in figures.groups:
        for one, any_of in (*model.groups.values(), model.all):
            assert 0 <= one <= any_of <= 1
