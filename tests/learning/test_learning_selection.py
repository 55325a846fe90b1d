"""Stratification and selection: hard-won experiences first, equal rates together."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.learning import select, stratify
from hardwon.records import Experience
from support import memory

rates = st.lists(st.integers(1, 12).map(lambda n: n / 64) | st.floats(0.001, 1.0), max_size=30)
granularities = st.integers(1, 8)


def rates_in(strata: Sequence[Sequence[Experience]]) -> list[list[float]]:
    return [[item.success_rate for item in stratum] for stratum in strata]


@given(rates, granularities)
def test_every_experience_is_in_one_of_m_strata(rates: list[float], m: int) -> None:
    items = memory(rates)
    strata = stratify(items, m)
    assert len(strata) == m
    together = [item.task.test_name for stratum in strata for item in stratum]
    assert sorted(together) == sorted(item.task.test_name for item in items)


@given(rates, granularities)
def test_strata_and_what_is_in_them_go_from_hard_to_easy(rates: list[float], m: int) -> None:
    ordered = [rate for stratum in rates_in(stratify(memory(rates), m)) for rate in stratum]
    assert ordered == sorted(rates)


@given(rates, granularities)
def test_equal_rates_share_a_stratum(rates: list[float], m: int) -> None:
    strata = rates_in(stratify(memory(rates), m))
    for rate in rates:
        assert sum(rate in stratum for stratum in strata) == 1


@given(st.sets(st.integers(1, 1000)), granularities)
def test_strata_of_distinct_rates_are_as_even_as_can_be(numbers: set[int], m: int) -> None:
    sizes = [len(stratum) for stratum in stratify(memory([n / 1000 for n in numbers]), m)]
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


@given(rates, granularities)
def test_the_order_of_the_memory_does_not_matter(rates: list[float], m: int) -> None:
    assert rates_in(stratify(memory(rates), m)) == rates_in(stratify(memory(rates[::-1]), m))


@given(rates, granularities)
def test_a_boundary_lies_at_the_end_of_an_even_part(rates: list[float], m: int) -> None:
    """The parts' highest rates are the boundaries; ties can only move an end upwards."""
    ordered = sorted(rates)
    size, larger = divmod(len(ordered), m)
    ends = [(part + 1) * size + min(part + 1, larger) for part in range(m)]
    counted = 0
    for stratum, end in zip(rates_in(stratify(memory(rates), m)), ends, strict=True):
        counted += len(stratum)
        boundary = ordered[end - 1] if end else -1.0
        assert counted == sum(rate <= boundary for rate in ordered)


@pytest.mark.parametrize(
    ("rates", "m", "expected"),
    [
        ([], 3, [[], [], []]),
        ([0.5], 3, [[0.5], [], []]),
        ([0.5, 0.1], 3, [[0.1], [0.5], []]),
        ([0.3, 0.1, 0.2], 3, [[0.1], [0.2], [0.3]]),
        ([0.1, 0.2, 0.3, 0.4], 3, [[0.1, 0.2], [0.3], [0.4]]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 3, [[0.1, 0.2], [0.3, 0.4], [0.5]]),
        ([0.1, 0.1, 0.1], 3, [[0.1, 0.1, 0.1], [], []]),
        ([0.1, 0.2, 0.2, 0.2], 2, [[0.1, 0.2, 0.2, 0.2], []]),
        ([0.1, 0.1, 0.1, 0.9], 3, [[0.1, 0.1, 0.1], [], [0.9]]),
        ([0.2, 0.1], 1, [[0.1, 0.2]]),
    ],
)
def test_strata_by_example(rates: list[float], m: int, expected: list[list[float]]) -> None:
    assert rates_in(stratify(memory(rates), m)) == expected


@pytest.mark.parametrize("m", [0, -1])
def test_a_granularity_below_one_is_an_error(m: int) -> None:
    with pytest.raises(ValueError, match=f"granularity of at least 1, got {m}"):
        stratify([], m)


@given(rates, granularities)
def test_selections_grow_from_the_hardest_stratum_to_everything(rates: list[float], m: int) -> None:
    strata = stratify(memory(rates), m)
    selections = list(select(strata))
    assert len(selections) == m
    assert selections[0] == tuple(strata[0])
    assert sorted(item.task.test_name for item in selections[-1]) == sorted(
        item.task.test_name for stratum in strata for item in stratum
    )
    for stratum, (before, after) in zip(strata[1:], pairwise(selections), strict=True):
        assert after == (*before, *stratum)


def test_an_empty_stratum_repeats_the_selection_before() -> None:
    hard, easy = memory([0.1, 0.9])
    assert list(select([[hard], [], [easy]])) == [(hard,), (hard,), (hard, easy)]
