"""What is measured of runs: scores, costs, diversity, curves."""

import pytest
from evaluation_runs import STEPS, make_run

from hardwon.evaluation import diversity, learning_curve, unit_of
from hardwon.evaluation.measures import chances, largest_k
from hardwon.learning import Unit

RUN = make_run(
    {"a": "Aaab", "b": "abcd", "c": "--??"},
    {"b": "aaaa", "c": "abcd"},
    {"b": "BBbb", "c": "aaaa"},
    strata=(0, 0, 1),
    demonstrations=(0, 1, 1),
)


def test_a_task_has_the_rate_of_the_iteration_that_solved_it() -> None:
    a, b, c = RUN.scores.values()
    assert (a.solved_in, a.correct, a.samples, a.rate) == (0, 1, 4, 0.25)
    assert (b.solved_in, b.correct, b.samples, b.rate) == (2, 2, 4, 0.5)
    assert (c.solved_in, c.correct, c.samples, c.rate) == (None, 0, 4, 0.0)
    assert RUN.solved == 2


def test_costs_add_up_over_iterations() -> None:
    assert RUN.spent(Unit.SAMPLES) == 12 + 8 + 8
    assert RUN.spent(Unit.STEPS) == 28 * STEPS
    assert RUN.spent(Unit.SAMPLES, first=1) == 16


def test_a_run_can_be_looked_at_as_it_was_before_its_end() -> None:
    first = RUN.up_to(1)
    assert (first.solved, len(first.experiences), first.spent(Unit.SAMPLES)) == (1, 1, 12)
    assert RUN.up_to(9) == RUN


@pytest.mark.parametrize("unit", [Unit.SAMPLES, Unit.STEPS])
@pytest.mark.parametrize("amount", [0, 1, 2, 3, 12, 20, 21, 23, 24, 28, 99])
def test_a_run_is_cut_off_where_its_budget_ends(amount: int, unit: Unit) -> None:
    each = 1 if unit is Unit.SAMPLES else STEPS
    cut = RUN.within(amount * each, unit)
    assert cut.spent(unit) == min(amount, 28) * each
    # In the last iteration b is solved by its first sample, which is the first of all.
    assert cut.solved == (amount >= 1) + (amount >= 21)
    assert len(cut.experiences) == cut.solved


def test_what_is_left_of_an_iteration_treats_all_tasks_alike() -> None:
    cut = RUN.within(12 + 5, Unit.SAMPLES)
    assert [len(cut.iterations[1].of(task)) for task in cut.iterations[1].tasks] == [3, 2]


def test_pass_at_k_is_zero_for_tasks_that_are_not_solved() -> None:
    assert chances(RUN.scores.values(), 1) == [0.25, 0.5, 0.0]
    assert chances(RUN.scores.values(), 4) == [1, 1, 0]
    assert largest_k(RUN.scores.values()) == 4
    assert largest_k([]) == 0


def test_diversity_is_different_answers_over_answers() -> None:
    found = diversity(make_run({"a": "AAAB", "b": "Aaab"}).samples)
    # Correct: A and B of the task a, A of the task b; wrong: a and b of the task b.
    assert found.success == pytest.approx(3 / 5)
    assert found.failure == pytest.approx(2 / 3)
    assert found.overall == pytest.approx(5 / 8)
    assert found.answers == 8


def test_answers_that_cannot_be_read_differ_by_their_text_and_missing_ones_are_none() -> None:
    found = diversity(make_run({"a": "??--"}).samples)
    assert (found.success, found.failure, found.overall, found.answers) == (None, 1.0, 1.0, 2)
    assert diversity(make_run({"a": "--"}).samples).overall is None


def test_a_learning_curve_tells_what_each_iteration_added() -> None:
    points = learning_curve(RUN)
    assert [(p.samples, p.steps, p.solved) for p in points] == [
        (12, 120, 1),
        (20, 200, 1),
        (28, 280, 2),
    ]
    assert [p.label for p in points] == ["0", "H", "M"]
    assert [p.front for p in points] == [True, False, True]
    assert points[-1].share == pytest.approx(2 / 3)
    assert [points[0].spent(unit) for unit in Unit] == [12, 0, 120]


def test_the_last_stratum_is_the_easiest() -> None:
    run = make_run(*[{"a": "a"}] * 4, strata=(0, 1, 2, 0), demonstrations=(5, 5, 5, 5))
    assert [point.label for point in learning_curve(run)] == ["H", "M", "E", "H"]
    single = make_run({"a": "a"}, strata=(0,), demonstrations=(5,), granularity=1)
    assert [point.label for point in learning_curve(single)] == ["H"]


def test_costs_are_told_in_what_was_used() -> None:
    assert unit_of([RUN]) is Unit.STEPS
    assert unit_of([RUN, make_run({"a": "a"}, tokens=3)]) is Unit.TOKENS
    assert unit_of([]) is Unit.SAMPLES
