"""pass@k, against a count of all ways to pick k of n samples."""

from itertools import combinations
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.learning import pass_at_k


def counted(n: int, c: int, k: int) -> float:
    """Return the share of picks of k samples that hold a correct one."""
    picks = list(combinations([True] * c + [False] * (n - c), k))
    return sum(map(any, picks)) / len(picks)


tables = st.lists(
    st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
    min_size=1,
    max_size=5,
)


@given(tables, st.data())
def test_pass_at_k_is_the_chance_of_a_correct_sample_among_k(
    table: list[tuple[int, int]], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, min(n for n, _ in table)))
    expected = mean(counted(n, c, k) for n, c in table)
    assert pass_at_k(table, k) == pytest.approx(expected)


@given(tables)
def test_pass_at_1_is_the_mean_success_rate(table: list[tuple[int, int]]) -> None:
    assert pass_at_k(table, 1) == pytest.approx(mean(c / n for n, c in table))


def test_pass_at_n_is_the_share_of_solved_tasks() -> None:
    assert pass_at_k([(64, 0), (64, 1), (64, 64), (64, 0)], 64) == 0.5


def test_large_numbers_do_not_overflow() -> None:
    assert pass_at_k([(100_000, 1)], 50_000) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("table", "k", "message"),
    [
        ([], 1, "at least one task"),
        ([(4, 2), (3, 3)], 4, "pass@4 needs at least 4 samples of every task"),
        ([(4, 2)], 0, "pass@0"),
    ],
)
def test_what_has_no_pass_at_k_is_an_error(
    table: list[tuple[int, int]], k: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        pass_at_k(table, k)
