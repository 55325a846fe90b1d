"""Layouts keep boxes apart and edges pointing downwards."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.report.layout import Box, arrange


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[Box], list[tuple[int, int]]]:
    count = draw(st.integers(1, 14))
    side = st.floats(5, 200)
    boxes = [Box(draw(side), draw(side)) for _ in range(count)]
    pairs = list(combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=25)) if pairs else []
    return boxes, edges


@given(graphs())
def test_boxes_never_overlap_and_lie_within_the_drawing(
    graph: tuple[list[Box], list[tuple[int, int]]],
) -> None:
    boxes, edges = graph
    layout = arrange(boxes, edges)
    spots = list(zip(boxes, layout.places, strict=True))
    for (one, here), (other, there) in combinations(spots, 2):
        beside = abs(here.x - there.x) >= (one.width + other.width) / 2 - 1e-6
        stacked = here.bottom <= there.top + 1e-6 or there.bottom <= here.top + 1e-6
        assert beside or stacked
    for box, place in spots:
        assert place.bottom - place.top == pytest.approx(box.height)
        assert place.x - box.width / 2 >= -1e-6
        assert place.x + box.width / 2 <= layout.width + 1e-6
        assert 0 <= place.top <= place.bottom <= layout.height + 1e-6


@given(graphs())
def test_edges_point_downwards_through_free_passages(
    graph: tuple[list[Box], list[tuple[int, int]]],
) -> None:
    boxes, edges = graph
    layout = arrange(boxes, edges)
    for (source, target), route in zip(edges, layout.routes, strict=True):
        stops = [layout.places[source], *route, layout.places[target]]
        assert all(a.bottom < b.top for a, b in pairwise(stops))
        for passage in route:
            for box, place in zip(boxes, layout.places, strict=True):
                same_layer = place.top < passage.bottom and place.bottom > passage.top
                assert not same_layer or abs(place.x - passage.x) >= box.width / 2


def test_chosen_boxes_come_last() -> None:
    layout = arrange([Box(9, 9)] * 4, [(0, 1), (1, 2)], bottom=frozenset({3}))
    assert layout.places[3].top == layout.places[2].top


def test_crossed_boxes_are_put_in_order() -> None:
    layout = arrange([Box(9, 9)] * 4, [(0, 3), (1, 2)])
    assert (layout.places[0].x < layout.places[1].x) == (layout.places[3].x < layout.places[2].x)


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycles"):
        arrange([Box(9, 9)] * 2, [(0, 1), (1, 0)])


def test_nothing_is_laid_out_as_nothing() -> None:
    assert arrange([], []).width == 0
