"""What demonstrations take off the costs of statements."""

from search_tasks import CENTRE, CENTRED, sizes

from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.parser import parse
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.synthesis.policy import Lesson, learn, lesson_of
from hardwon.languages.step.synthesis.search.costs import Costs
from support import read


def _lesson() -> Lesson:
    task = read(CENTRED)
    signature = signature_of(task)
    graph = elaborate(parse(CENTRE), signature, sizes(task)).graph
    return lesson_of(graph, signature, {fn.func_name: fn.func_name for fn in task.fns})


def test_fragments_are_seen_through_what_only_moves_data() -> None:
    assert _lesson().fragments == {
        (("input", frozenset()), "fn_sum", 0),
        (("fn_sum", frozenset({"input"})), "fn_share", 0),
        (("input", frozenset()), "fn_minus", 0),
        (("fn_share", frozenset({"fn_sum"})), "fn_minus", 1),
        (("fn_minus", frozenset({"input", "fn_share"})), "fn_square", 0),
    }


def test_repeating_a_function_costs_less_the_more_of_its_place_was_demonstrated() -> None:
    costs = Costs(learn([(_lesson(), 0.5)]), frozenset())
    fragment = costs.again(("fn_sum", frozenset({"input"})), "fn_share", 0, 1)
    pair = costs.again(("fn_sum", frozenset({"fn_square"})), "fn_share", 0, 1)
    neither = costs.again(("fn_square", frozenset({"input"})), "fn_share", 0, 1)
    assert 0 <= fragment < pair < neither


def test_without_demonstrations_every_repeat_costs_the_same() -> None:
    costs = Costs(learn([]), frozenset())
    assert costs.again(("a", frozenset({"b"})), "a", 0, 1) == costs.repeated
