"""The data beside the page."""

import csv
import io
import json

import pytest

from hardwon.report import Cell, Table, tables_of, to_csv, to_json
from report_samples import learned, run, task

TABLES = {table.name: table for table in tables_of(learned())}


def table(*cells: Cell) -> Table:
    return Table(name="t", title="T", columns=("a",), rows=tuple((cell,) for cell in cells))


@pytest.mark.parametrize("name", TABLES)
def test_every_row_has_a_cell_for_every_column(name: str) -> None:
    found = TABLES[name]
    assert {len(row) for row in found.rows} <= {len(found.columns)}
    assert len(set(found.columns)) == len(found.columns)


@pytest.mark.parametrize("name", TABLES)
def test_csv_and_json_say_the_same(name: str) -> None:
    found = TABLES[name]
    header, *rows = csv.reader(io.StringIO(to_csv(found), newline=""))
    objects = json.loads(to_json(found))
    assert tuple(header) == found.columns
    assert len(rows) == len(objects) == len(found.rows)
    for row, values in zip(rows, objects, strict=True):
        assert row == ["" if value is None else str(value) for value in values.values()]


def test_the_learning_curve_starts_at_nothing_and_adds_up() -> None:
    curve = TABLES["learning_curve"]
    columns = [curve.columns.index(name) for name in ("iteration", "solved", "samples", "steps")]
    assert [tuple(row[at] for at in columns) for row in curve.rows] == [
        (None, 0, 0, 0),
        (0, 1, 48, 42),
        (1, 2, 80, 70),
    ]


def test_the_grid_has_a_row_per_task_and_iteration_that_sampled_it() -> None:
    assert TABLES["grid"].rows == (
        ("norm", "norm/rows", 0, 16, 6, True),
        ("norm", "norm/layer", 0, 16, 0, False),
        ("norm", "norm/layer", 1, 16, 6, True),
        ("rope", "rope/open", 0, 16, 0, False),
        ("rope", "rope/open", 1, 16, 0, False),
    )


def test_streams_and_graphs_are_there() -> None:
    assert TABLES["streams"].rows[0] == ("norm/rows", 1, "E1", "fp32 [N]")
    assert len(TABLES["graph_nodes"].rows) == 2 * 3
    assert len(TABLES["graph_edges"].rows) == 2 * 2


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@x", "\tx", "\r=x"])
def test_no_text_is_a_formula_in_a_spreadsheet(text: str) -> None:
    _, (cell,) = csv.reader(io.StringIO(to_csv(table(text)), newline=""))
    assert cell == f"'{text}"
    assert json.loads(to_json(table(text)))[0]["a"] == text


def test_negative_numbers_stay_numbers() -> None:
    assert to_csv(table(-1.5)).splitlines() == ["a", "-1.5"]


def test_half_a_surrogate_pair_does_not_stop_the_files() -> None:
    found = table("x\ud800y")
    assert "x" in to_csv(found).encode("utf-8").decode("utf-8")
    assert json.loads(to_json(found).encode("utf-8"))[0]["a"] == "x\ud800y"


def test_a_run_without_anything_has_empty_tables() -> None:
    sizes = {table.name: len(table.rows) for table in tables_of(run(ending=None))}
    assert sizes.pop("headline") == 1
    assert sizes.pop("configuration") == 2
    assert sizes.pop("learning_curve") == 1
    assert set(sizes.values()) == {0}


def test_what_a_program_says_is_whole_in_the_data() -> None:
    long = "\n" + "x" * 50_000
    programs = {table.name: table for table in tables_of(run(task("a/b", text=long)))}["programs"]
    assert long in str(programs.rows[0][1])
