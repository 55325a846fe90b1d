"""Confidence intervals and the paired test, against what they must be."""

import random
from itertools import product
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.evaluation import bootstrap, paired_difference
from hardwon.evaluation.statistics import mean_of, sign_flip_p

rectangles = st.integers(1, 4).flatmap(
    lambda width: st.lists(
        st.lists(st.floats(-5, 5), min_size=width, max_size=width), min_size=1, max_size=4
    )
)


@given(rectangles, st.integers(0, 5))
def test_an_interval_lies_within_the_values_and_is_decided_by_the_seed(
    grid: list[list[float]], seed: int
) -> None:
    found = bootstrap(grid, draws=50, seed=seed)
    cells = [value for row in grid for value in row]
    assert found.value == pytest.approx(mean(cells))
    assert min(cells) - 1e-9 <= found.low <= found.high <= max(cells) + 1e-9
    assert found == bootstrap(grid, draws=50, seed=seed)


def test_equal_values_leave_no_doubt() -> None:
    found = bootstrap([[0.5] * 4] * 3)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Of 200 samples from a known distribution, about 95% of the intervals hold its mean."""
    rng = random.Random(1)
    hits = 0
    for seed in range(200):
        found = bootstrap([[rng.gauss(3, 1) for _ in range(40)]], draws=200, seed=seed)
        hits += found.low <= 3 <= found.high
    assert 176 <= hits <= 199


def test_tasks_that_differ_widen_the_interval_even_if_all_seeds_agree() -> None:
    alike, apart = [[0.5] * 8] * 5, [[0, 1] * 4] * 5
    assert bootstrap(alike).high == bootstrap(alike).low
    assert bootstrap(apart).high - bootstrap(apart).low > 0.3


def test_seeds_that_differ_widen_the_interval_even_if_all_tasks_agree() -> None:
    found = bootstrap([[0.0] * 8, [1.0] * 8])
    assert (found.low, found.high) == (0, 1)


@pytest.mark.parametrize("grid", [[], [[]], [[1.0], [1.0, 2.0]]])
def test_a_table_with_gaps_is_an_error(grid: list[list[float]]) -> None:
    with pytest.raises(ValueError, match="without gaps"):
        bootstrap(grid)


def test_a_mean_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_of([[], []])


@given(st.lists(st.integers(-3, 3), max_size=6))
def test_the_p_value_counts_the_sign_changes_that_are_as_extreme(values: list[int]) -> None:
    every = [
        abs(sum(sign * value for sign, value in zip(signs, values, strict=True)))
        for signs in product((1, -1), repeat=len(values))
    ]
    expected = mean(total >= abs(sum(values)) for total in every)
    assert sign_flip_p(values) == pytest.approx(expected)


def test_many_pairs_are_tested_by_a_random_choice_that_is_never_too_sure() -> None:
    assert sign_flip_p([1.0] * 30, draws=99) == pytest.approx(1 / 100)
    balanced = [1.0, -1.0] * 15
    assert sign_flip_p(balanced) == 1
    exact = sign_flip_p([1.0] * 4 + [-1.0] * 8)
    estimated = sign_flip_p([1.0] * 4 + [-1.0] * 8 + [0.0] * 8)
    assert exact == estimated  # zeros change nothing


def test_chance_alone_is_rarely_significant() -> None:
    rng = random.Random(2)
    low = sum(sign_flip_p([rng.gauss(0, 1) for _ in range(10)]) < 0.05 for _ in range(200))
    assert low <= 20


def test_a_difference_is_that_of_the_same_seeds_and_tasks() -> None:
    better, worse = [[1.0, 0.5, 0.9], [1.0, 0.7, 0.8]], [[0.5, 0.0, 0.4], [0.5, 0.2, 0.3]]
    estimate, p = paired_difference(better, worse)
    assert estimate.value == pytest.approx(0.5)
    assert estimate.low == pytest.approx(0.5)
    assert p == pytest.approx(2 / 8)
    assert paired_difference(worse, better)[0].value == pytest.approx(-0.5)
    with pytest.raises(ValueError, match="the same seeds and tasks"):
        paired_difference(better, [[1.0, 0.5, 0.9]])
