"""Charts: everything lies inside, ticks are round, labels do not collide."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.report.charts import (
    HEIGHT,
    WIDTH,
    Caption,
    Chart,
    Point,
    Series,
    shares_chart,
    steps_chart,
)

CAPTION = Caption("c", "title", "description", "x")


def inside(chart: Chart) -> bool:
    marks = [mark for line in chart.lines for mark in line.marks]
    ticks = [tick.at for tick in (*chart.x_ticks, *chart.y_ticks)]
    return all(0 <= m.x <= WIDTH and 0 <= m.y <= HEIGHT for m in marks) and all(
        0 <= at <= WIDTH for at in ticks
    )


@given(
    st.lists(
        st.tuples(st.just(0.0) | st.floats(1e-9, 1e12), st.integers(0, 500)),
        min_size=1,
        max_size=30,
    ),
)
def test_any_curve_fits_into_its_chart(points: list[tuple[float, int]]) -> None:
    series = Series("s", tuple(Point(x, y, "+1") for x, y in sorted(points)))
    chart = steps_chart(CAPTION, series, 500)
    assert inside(chart)
    assert 1 <= len(chart.x_ticks) <= 12
    assert chart.limit is not None
    assert chart.limit.at == pytest.approx(chart.top)


def test_a_curve_rises_at_the_end_of_each_iteration() -> None:
    chart = steps_chart(CAPTION, Series("s", (Point(0, 0), Point(10, 4))), 4)
    assert re.fullmatch(r"M44\.0 206\.0H388\.0V14\.0", chart.lines[0].path)


def test_whole_things_have_whole_ticks() -> None:
    chart = steps_chart(CAPTION, Series("s", (Point(0, 0), Point(1, 2))), 2)
    assert [tick.text for tick in chart.y_ticks] == ["0", "1", "2"]


def test_labels_without_room_are_left_out_but_their_marks_stay() -> None:
    points = tuple(Point(x, x, "+10") for x in range(100))
    (line,) = steps_chart(CAPTION, Series("s", points), 100).lines
    labelled = [mark.x for mark in line.marks if mark.label]
    assert len(line.marks) == 100
    assert 5 < len(labelled) < 20
    assert min(b - a for a, b in itertools.pairwise(labelled)) > 20


@given(st.integers(0, 20), st.floats(0, 1))
def test_shares_over_powers_of_two_fit(power: int, share: float) -> None:
    points = tuple(Point(2**at, share, low=0.0, high=1.0) for at in range(power + 1))
    chart = shares_chart(CAPTION, [Series("s", points)])
    assert inside(chart)
    assert bool(chart.lines[0].band) == (power > 0)
    assert len(chart.x_ticks) <= 9
