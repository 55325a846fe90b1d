"""Filtering: by which answer a solved task is remembered."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.learning import FILTERS, Batch, filter_named, keep_best
from hardwon.records import Experience
from support import outcome, toy_task

TASK = toy_task()

answers = st.lists(
    st.tuples(st.text("abc#\n", min_size=1, max_size=6), st.sampled_from("xyz")), min_size=1
)


def kept(*answers: tuple[str, str, int], seed: int = 0) -> Experience:
    """Return the experience made of correct answers, as (program, normal form, lines)."""
    found = outcome(TASK, 4, {1.0: (len(answers), len(answers) + 3)}, answers)
    return keep_best(found, random.Random(seed))


def test_the_shortest_answer_is_kept() -> None:
    assert kept(("long", "x", 3), ("short", "y", 1), ("middle", "z", 2)).impl == "short"


def test_the_first_of_equally_short_answers_is_kept() -> None:
    for seed in range(20):
        assert kept(("first", "x", 2), ("second", "y", 2), seed=seed).impl == "first"


def test_answers_of_one_form_represent_each_other_by_chance() -> None:
    """So that a comment, which is not part of the form, survives in some of the runs."""
    plain, commented = ("return E0", "x", 1), ("# because\nreturn E0", "x", 1)
    counts = Counter(kept(plain, commented, seed=seed).impl for seed in range(400))
    assert set(counts) == {plain[0], commented[0]}
    assert 100 < counts[plain[0]] < 300


def test_a_group_is_as_short_as_the_answer_that_represents_it() -> None:
    """A form may be written in one line or in three; the chosen spelling counts."""
    spellings = [("one line", "x", 1), ("three lines", "x", 3)]
    chosen = {kept(*spellings, ("two lines", "y", 2), seed=seed).impl for seed in range(100)}
    assert chosen == {"one line", "two lines"}


def test_equal_answers_count_once_per_sample_when_a_representative_is_drawn() -> None:
    often, once = ("often", "x", 1), ("once", "x", 1)
    counts = Counter(kept(often, often, often, once, seed=seed).impl for seed in range(400))
    assert counts["often"] > 2 * counts["once"] > 0


@given(answers, st.integers(0, 5))
def test_the_choice_is_decided_by_the_seed(answers: list[tuple[str, str]], seed: int) -> None:
    rows = [(impl, form, len(impl)) for impl, form in answers]
    assert kept(*rows, seed=seed) == kept(*rows, seed=seed)


@given(answers, st.integers(0, 5))
def test_what_is_kept_is_a_correct_answer_and_no_form_is_always_shorter(
    answers: list[tuple[str, str]], seed: int
) -> None:
    rows = [(impl, form, len(impl)) for impl, form in answers]
    best = kept(*rows, seed=seed)
    assert (best.impl, best.normal_form, best.code_lines) in rows
    for form in {form for _, form, _ in rows}:
        longest = max(lines for _, other, lines in rows if other == form)
        assert best.code_lines <= longest


def test_wrong_answers_are_not_looked_at() -> None:
    found = outcome(TASK, 0, {1.0: (1, 3)}, [("right", "x", 9), ("wrong", "y", 1)])
    assert keep_best(found, random.Random(0)).impl == "right"


def test_answers_of_all_temperatures_are_looked_at() -> None:
    cold = outcome(TASK, 0, {0.4: (1, 9)}, [("cold", "x", 1)])
    hot = outcome(TASK, 0, {1.0: (8, 9)}, [("hot", "y", 2)])
    both = type(cold)(TASK, 0, (*cold.batches, *hot.batches))
    best = keep_best(both, random.Random(0))
    assert (best.impl, best.correct, best.samples) == ("cold", 8, 9)


def test_the_rate_is_that_of_the_best_temperature() -> None:
    found = outcome(TASK, 7, {0.4: (1, 8), 0.7: (3, 8), 1.0: (2, 8)})
    best = keep_best(found, random.Random(0))
    assert (best.success_rate, best.correct, best.samples) == (3 / 8, 3, 8)
    assert (best.task, best.iteration) == (TASK, 7)


def test_the_lowest_of_equally_good_temperatures_is_the_best() -> None:
    assert outcome(TASK, 0, {1.0: (2, 8), 0.4: (2, 8), 0.7: (1, 8)}).best.temperature == 0.4


def test_a_rate_is_a_share_and_not_a_count() -> None:
    assert outcome(TASK, 0, {0.4: (2, 4), 1.0: (3, 8)}).best.temperature == 0.4


def test_a_batch_without_samples_has_no_success() -> None:
    assert (Batch(1.0, ()).correct, Batch(1.0, ()).success_rate) == (0, 0.0)


@pytest.mark.parametrize("counts", [{1.0: (0, 3)}, {0.4: (0, 3), 1.0: (0, 0)}])
def test_a_task_without_a_correct_sample_cannot_be_remembered(
    counts: dict[float, tuple[int, int]],
) -> None:
    found = outcome(TASK, 0, counts)
    assert not found.solved
    with pytest.raises(ValueError, match="no sample of toy/three is correct"):
        keep_best(found, random.Random(0))


# Other filters.


def test_the_first_filter_keeps_the_earliest_answer_whatever_its_length() -> None:
    found = outcome(TASK, 0, {0.4: (2, 3)}, [("early", "x", 9), ("late", "y", 1)])
    for seed in range(10):
        assert filter_named("first")(found, random.Random(seed)).impl == "early"


def test_the_random_filter_treats_normal_forms_alike() -> None:
    spelt = [("often", "x", 1), ("often", "x", 1), ("often", "x", 1), ("rare", "y", 9)]
    found = outcome(TASK, 0, {1.0: (4, 4)}, spelt)
    counts = Counter(filter_named("random")(found, random.Random(seed)).impl for seed in range(400))
    assert 130 < counts["rare"] < 270
    assert counts.total() == 400


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_records_the_rate_of_the_best_temperature(name: str) -> None:
    found = outcome(TASK, 7, {0.4: (1, 8), 0.7: (3, 8)})
    kept = filter_named(name)(found, random.Random(0))
    assert (kept.correct, kept.samples, kept.iteration) == (3, 8, 7)


@pytest.mark.parametrize("name", FILTERS)
def test_no_filter_keeps_a_wrong_answer(name: str) -> None:
    found = outcome(TASK, 0, {1.0: (1, 3)}, [("right", "x", 9), ("wrong", "y", 1)])
    assert filter_named(name)(found, random.Random(0)).impl == "right"
    with pytest.raises(ValueError, match="no sample of toy/three is correct"):
        filter_named(name)(outcome(TASK, 0, {1.0: (0, 3)}), random.Random(0))
