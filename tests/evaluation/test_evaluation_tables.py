"""Tables as Markdown, CSV and JSON, and charts as SVG."""

import csv
import io
import json
from xml.etree import ElementTree

import pytest

from hardwon.evaluation import Estimate, Figure, Table, files, markdown, shown
from hardwon.evaluation.charts import Bar, Mark, Series, bars, grid, lines
from hardwon.evaluation.tables import to_csv, to_json

TABLE = Table(
    name="odd",
    title="Odd | things",
    columns=("name", "value", "sure"),
    rows=(
        ('a|b, "c"\nd', 0.123456, Estimate(0.5, 0.25, 0.75)),
        ("<e>", None, None),
        ("f", 1234, Estimate(1.0, 1.0, 1.0)),
    ),
    notes=("A note.",),
)


def test_markdown_has_as_many_cells_in_every_row() -> None:
    text = markdown(TABLE)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 3
    assert {row.replace("\\|", "").count("|") for row in rows} == {4}
    assert "0.5 [0.25, 0.75]" in text
    assert "|---|---:|---:|" in text
    assert "A note." in text


def test_csv_holds_no_formula() -> None:
    table = Table(name="t", title="T", columns=("task", "x"), rows=(("=1+1", -2),))
    assert to_csv(table) == "task,x\n'=1+1,-2\n"


def test_csv_keeps_every_digit_and_splits_estimates() -> None:
    rows = list(csv.reader(io.StringIO(to_csv(TABLE))))
    assert rows[0] == ["name", "value", "sure", "sure low", "sure high"]
    assert rows[1] == ['a|b, "c"\nd', "0.123456", "0.5", "0.25", "0.75"]
    assert rows[2] == ["<e>", "", "", "", ""]


def test_json_names_every_cell() -> None:
    found = json.loads(to_json(TABLE))
    assert found["rows"][0]["sure"] == {"value": 0.5, "low": 0.25, "high": 0.75}
    assert found["rows"][1] == {"name": "<e>", "value": None, "sure": None}
    assert found["notes"] == ["A note."]


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, "-"), (True, "yes"), (0.12345, "0.123"), (1234.5, "1234"), (7, "7"), ("x", "x")],
)
def test_people_are_shown_few_digits(cell: float | str | None, text: str) -> None:
    assert shown(cell) == text


def test_a_row_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="odd: expected 2 cells in a row, got 1"):
        Table("odd", "Odd", ("a", "b"), (("x",),))


def test_every_table_and_figure_is_written_in_every_form() -> None:
    figure = Figure(Table("fig", "A figure", ("x",), ((1,),)), "<svg/>")
    found = dict(files([TABLE], [figure], "Results"))
    assert found.keys() == {
        *("odd.csv", "odd.json", "fig.csv", "fig.json", "fig.svg", "README.md"),
    }
    assert "![A figure](fig.svg)" in found["README.md"]
    assert "### Odd | things" in found["README.md"]


# Charts.

NASTY = "<b>&\"'"


def words(svg: str) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


def test_a_line_chart_is_sound_svg_that_says_what_it_shows() -> None:
    series = [
        Series(NASTY, (Mark(0, 0), Mark(50, 0.5, "H", ringed=True), Mark(100, 1.0))),
        Series("empty", ()),
        Series("steps", (Mark(10, 0.1), Mark(20, 0.2)), stepped=True),
    ]
    svg = lines(NASTY, "tokens", "pass@n", series)
    assert NASTY in words(svg)
    assert "ends at 1" in words(svg)
    assert svg.count("<polyline") == 3
    assert svg.count('class="ring"') == 1
    (*_, stepped) = svg.split("<polyline")
    assert len(stepped.split('points="')[1].split('"')[0].split()) == 3


def test_points_lie_within_the_frame() -> None:
    svg = lines("t", "x", "y", [Series("s", (Mark(0, 0), Mark(7e6, 26)))], top=26)
    points = svg.split('points="')[1].split('"')[0].split()
    for point in points:
        x, y = map(float, point.split(","))
        assert 0 < x < 760
        assert 0 < y < 420
    assert "7M" not in words(svg) or "6M" in words(svg)


def test_bars_of_the_paper_look_different_and_missing_ones_are_left_out() -> None:
    svg = bars(
        "t",
        "pass@n",
        ["ours", NASTY],
        [("m", [Bar(0.5), Bar(0.9, paper=True)]), ("n", [Bar(None), Bar(0.1)])],
    )
    assert svg.count('class="fill"') == 2 + 2  # the legend's, too
    assert svg.count("of-paper") == 1 + 1  # and the style's
    assert NASTY in words(svg)


def test_a_grid_shows_every_share_and_leaves_gaps() -> None:
    svg = grid("t", ["a", "b"], ["x", "y"], [[0.25, None], [1.0, 0.0]])
    assert svg.count('class="cell none"') == 4
    assert svg.count('class="full"') == 3
    assert "0.25" in words(svg)


def test_charts_without_data_are_still_charts() -> None:
    for svg in (lines("t", "x", "y", []), bars("t", "y", [], []), grid("t", [], [], [])):
        assert words(svg).split()[0] == "t"


def test_a_long_legend_takes_several_lines_within_the_frame() -> None:
    names = [f"a model with a long name, mode {number}" for number in range(9)]
    svg = lines("t", "x", "y", [Series(name, (Mark(0, 0), Mark(1, 1))) for name in names])
    entries = {
        text.text: (float(text.get("x", "")), float(text.get("y", "")))
        for text in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
        if text.text in names
    }
    assert len(entries) == 9
    assert len({y for _, y in entries.values()}) >= 3
    top = min(
        float(point.split(",")[1]) for point in svg.split('points="')[1].split('"')[0].split()
    )
    for name, (x, y) in entries.items():
        assert x + 6 * len(name) < 760
        assert y < top
