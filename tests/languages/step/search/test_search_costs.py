"""What demonstrations take off the costs of statements."""

import pytest
from search_tasks import CENTRE, CENTRED, double_precision, sizes

from hardwon.languages.step.synthesis import learner
from hardwon.languages.step.synthesis.search.costs import Costs
from hardwon.languages.step.synthesis.search.lessons import (
    Evidence,
    Lesson,
    counted,
    evidence_of,
    lesson_of,
)
from hardwon.languages.step.synthesis.search.serving import Session
from hardwon.languages.step.synthesis.space import Space
from support import experience, read


def _lesson() -> Lesson:
    task = read(CENTRED)
    space = Space.of(task, sizes(task))
    graph = space.read(CENTRE)
    assert graph is not None
    return lesson_of(graph, space.signature, {fn.func_name: fn.func_name for fn in task.fns})


def test_fragments_are_seen_through_what_only_moves_data() -> None:
    assert _lesson().fragments == {
        (("input", frozenset()), "fn_sum", 0),
        (("fn_sum", frozenset({"input"})), "fn_share", 0),
        (("input", frozenset()), "fn_minus", 0),
        (("fn_share", frozenset({"fn_sum"})), "fn_minus", 1),
        (("fn_minus", frozenset({"input", "fn_share"})), "fn_square", 0),
    }


def test_repeating_a_function_costs_less_the_more_of_its_place_was_demonstrated() -> None:
    costs = Costs(counted([(_lesson(), 0.5)]), frozenset())
    fragment = costs.again(("fn_sum", frozenset({"input"})), "fn_share", 0, 1)
    pair = costs.again(("fn_sum", frozenset({"fn_square"})), "fn_share", 0, 1)
    neither = costs.again(("fn_square", frozenset({"input"})), "fn_share", 0, 1)
    assert 0 <= fragment < pair < neither


def test_without_demonstrations_every_repeat_costs_the_same() -> None:
    costs = Costs(counted([]), frozenset())
    assert costs.again(("a", frozenset({"b"})), "a", 0, 1) == costs.repeated


def test_programs_that_cannot_be_read_are_no_evidence() -> None:
    task = read(CENTRED)
    known = {task.digest: sizes(task)}
    assert (
        evidence_of(
            [
                experience(read(CENTRED), impl="return E7"),
                experience(read(CENTRED), impl="not a program"),
            ],
            known,
        )
        == Evidence()
    )
    assert evidence_of([experience(read(CENTRED), impl=CENTRE)], known).pairs


def test_searching_counts_demonstrations_and_fits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted(*_: object) -> object:
        raise AssertionError("the search fitted a policy")

    monkeypatch.setattr(learner, "fit", unwanted)
    learner._learned.cache_clear()
    task = read(CENTRED)
    with double_precision():
        session = Session.open(
            task, [experience(read(CENTRED), impl=CENTRE)], {task.digest: sizes(task)}
        )
    assert session.search.forms.costs.evidence.pairs
