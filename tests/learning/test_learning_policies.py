"""Policies: what each one shows when, and that every run under each of them ends."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardwon.learning import (
    FILTERS,
    POLICIES,
    Budget,
    Ending,
    Outcome,
    Result,
    Unit,
    UnknownNameError,
    improve,
    make_policy,
    similarity,
)
from hardwon.records import Experience, Task
from support import experience, memory, outcome, toy_task

SAMPLES = 4
NAMES = sorted(POLICIES)

rates = st.lists(st.integers(1, 12).map(lambda n: n / 12), max_size=9)
granularities = st.integers(1, 5)


def shown(policy: str, items: Sequence[Experience], m: int = 3, seed: int = 0) -> list[list[str]]:
    steps = make_policy(policy, granularity=m).steps(items, random.Random(seed))
    return [[item.task.short_name for item in step] for step in steps]


MEMORY = memory([0.9, 0.1, 0.5])


def test_the_paper_shows_the_hardest_first_and_easier_ones_join() -> None:
    assert shown("paper", MEMORY) == [["1"], ["1", "2"], ["1", "2", "0"]]


def test_easiest_shows_the_easiest_first_and_harder_ones_join() -> None:
    assert shown("easiest", MEMORY) == [["0"], ["0", "2"], ["0", "2", "1"]]


def test_all_shows_everything_in_a_single_step() -> None:
    assert shown("all", MEMORY) == [["1", "2", "0"]]


def test_none_shows_nothing_as_often_as_the_paper_shows_something() -> None:
    assert shown("none", MEMORY) == [[], [], []]


def test_random_shows_as_many_as_an_even_split_has_in_an_order_that_the_seed_decides() -> None:
    items = memory([0.1] * 7)
    steps = shown("random", items)
    assert [len(step) for step in steps] == [3, 5, 7]
    assert steps == shown("random", items)
    assert len({tuple(shown("random", items, seed=seed)[-1]) for seed in range(20)}) > 10


@given(rates, granularities, st.sampled_from(sorted({*POLICIES} - {"none"})))
def test_a_cycle_ends_with_everything_and_only_adds(
    rates: list[float], m: int, policy: str
) -> None:
    steps = shown(policy, memory(rates), m)
    assert 1 <= len(steps) <= m
    assert sorted(steps[-1]) == sorted(map(str, range(len(rates))))
    for before, after in pairwise(steps):
        assert after[: len(before)] == before


# Nearest.


def like(name: str, body: str, dtype: str = "number") -> Task:
    """Return a task that differs from others in its function's body and its input's type."""
    task = toy_task(name)
    (fn,), (item,) = task.fns, task.inputs
    changed: Task = task.model_copy(
        update={
            "fns": (fn.model_copy(update={"apply": body}),),
            "inputs": (item.model_copy(update={"dtype": (dtype,)}),),
        }
    )
    return changed


def test_similar_tasks_share_types_and_words_and_not_names() -> None:
    task = like("toy/a", "return [input[0] * input[1]]")
    twin = like("other/name", "return [input[0] * input[1]]")
    near = like("toy/b", "return [input[0] * 2]")
    far = like("toy/c", "x = torch.exp(state)\nreturn x", dtype="matrix")
    assert similarity(task, twin) == 1
    assert 1 > similarity(task, near) > similarity(task, far) > 0
    assert similarity(near, far) == similarity(far, near)


def test_nearest_shows_each_task_what_is_most_like_it_and_at_last_everything() -> None:
    bodies = ["return [input[0] * input[1]]", "return [torch.exp(input[0])]", "return [state[0]]"]
    items = [
        experience("toy/x", 0.5).model_copy(update={"task": like(f"toy/{number}", body)})
        for number, body in enumerate(bodies)
    ]
    policy = make_policy("nearest")
    steps = list(policy.steps(items, random.Random(0)))
    for wanted, body in enumerate(bodies):
        task = like("toy/new", body)
        seen = [policy.view(task, step, at) for at, step in enumerate(steps)]
        assert [len(step) for step in seen] == [1, 2, 3]
        assert {step[0].task.short_name for step in seen} == {str(wanted)}


@pytest.mark.parametrize("policy", sorted({*POLICIES} - {"nearest"}))
def test_other_policies_show_the_same_to_every_task(policy: str) -> None:
    given = tuple(MEMORY)
    view = make_policy(policy).view
    assert [view(toy_task(), given, step) for step in range(3)] == [given] * 3


# Names.


def test_an_unknown_name_lists_those_that_exist() -> None:
    with pytest.raises(UnknownNameError, match=r"policy: expected one of paper, all, .*'easier'"):
        make_policy("easier")
    with pytest.raises(UnknownNameError, match=r"did you mean shortest\?"):
        make_policy("paper", keep="shorter")
    with pytest.raises(ValueError, match="at least 1, got 0"):
        make_policy("paper", granularity=0)


@pytest.mark.parametrize("policy", NAMES)
def test_a_policy_has_its_name_and_takes_every_filter(policy: str) -> None:
    for keep in FILTERS:
        made = make_policy(policy, granularity=2, keep=keep)
        assert (made.name, made.granularity, made.keep) == (policy, 2, FILTERS[keep])


# Whole runs.

Counts = Callable[[int, str, frozenset[str]], int]


@dataclass
class Scripted:
    """An environment in which a table decides who is solved."""

    counts: Counts
    steps: list[tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)

    async def sample(
        self,
        iteration: int,
        stratum: int,
        tasks: Sequence[Task],
        demonstrations: tuple[Experience, ...],
        *,
        effort: int,
    ) -> list[Outcome]:
        del stratum, effort
        seen = tuple(item.task.short_name for item in demonstrations)
        self.steps.append((tuple(task.short_name for task in tasks), seen))
        return [
            outcome(
                task,
                iteration,
                {1.0: (self.counts(iteration, task.short_name, frozenset(seen)), SAMPLES)},
            )
            for task in tasks
        ]

    def remember(self, experience: Experience) -> None:
        """Nothing to do: the steps tell."""


def run(
    policy: str, names: str, counts: Counts, m: int = 3, budget: Budget | None = None
) -> tuple[Result, Scripted]:
    scripted = Scripted(counts)
    tasks = [toy_task(f"toy/{letter}") for letter in names]
    made = make_policy(policy, granularity=m)
    return asyncio.run(improve(tasks, scripted, policy=made, budget=budget)), scripted


@given(st.data(), st.sampled_from(NAMES), granularities)
def test_every_run_ends_having_tried_all_that_its_policy_shows(
    data: st.DataObject, policy: str, m: int
) -> None:
    chance = st.sampled_from([0, 0, 0, 1, 4])
    table: dict[object, int] = {}

    def counts(*key: object) -> int:
        if key not in table:
            table[key] = data.draw(chance)
        return table[key]

    result, scripted = run(policy, "abcde", counts, m)
    if result.ending is Ending.ALL_SOLVED:
        assert not result.unsolved
    else:
        solved = {item.task.short_name for item in result.memory}
        assert result.ending is Ending.NOTHING_NEW
        assert set(scripted.steps[-1][1]) == (set() if policy == "none" else solved)
    assert len(scripted.steps) <= m * (len(result.memory) + 1)


def test_without_memory_a_task_that_needs_a_demonstration_stays_unsolved() -> None:
    def chain(_: int, task: str, seen: frozenset[str]) -> int:
        return int(task == "a" or chr(ord(task) - 1) in seen)

    assert run("none", "abc", chain)[0].ending is Ending.NOTHING_NEW
    assert len(run("none", "abc", chain)[0].unsolved) == 2
    for policy in sorted({*POLICIES} - {"none"}):
        assert run(policy, "abc", chain)[0].ending is Ending.ALL_SOLVED


# Budgets.


def never(*_: object) -> int:
    return 0


def test_under_a_budget_cycles_repeat_until_it_is_spent() -> None:
    result, scripted = run("paper", "ab", never, budget=Budget(100))
    assert result.ending is Ending.BUDGET_SPENT
    assert len(scripted.steps) == 13  # of 8 samples each: begun as long as fewer than 100 are spent
    assert result.iterations == 13


def test_a_run_with_a_budget_ends_early_if_all_is_solved() -> None:
    result, scripted = run("none", "ab", lambda t, *_: int(t == 5), budget=Budget(10_000))
    assert (result.ending, len(scripted.steps)) == (Ending.ALL_SOLVED, 6)


def test_a_budget_in_a_unit_that_nothing_costs_ends_by_the_papers_rule() -> None:
    result, scripted = run("paper", "ab", never, budget=Budget(100, Unit.TOKENS))
    assert (result.ending, len(scripted.steps)) == (Ending.NOTHING_NEW, 3)


@pytest.mark.parametrize("policy", NAMES)
def test_every_policy_spends_the_same_while_nothing_is_solved(policy: str) -> None:
    _, scripted = run(policy, "abc", never, budget=Budget(50))
    assert len(scripted.steps) == 5
