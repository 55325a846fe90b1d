"""Algorithm 1, step by step, next to a second reading of the paper's pseudocode."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from hardwon.learning import Ending, Outcome, Result, improve
from hardwon.records import Experience, Task
from support import outcome, toy_task

SAMPLES = 8

Counts = Callable[[int, str, frozenset[str]], int]
"""From iteration, task and demonstrated tasks to the number of correct samples."""


@dataclass(frozen=True)
class Step:
    """One iteration, as the environment saw it."""

    iteration: int
    stratum: int
    tasks: tuple[str, ...]
    demonstrations: tuple[str, ...]


@dataclass
class Scripted:
    """An environment in which a table decides who is solved."""

    counts: Counts
    steps: list[Step] = field(default_factory=list)
    remembered: list[Experience] = field(default_factory=list)

    async def sample(
        self,
        iteration: int,
        stratum: int,
        tasks: Sequence[Task],
        demonstrations: tuple[Experience, ...],
        *,
        effort: int,
    ) -> list[Outcome]:
        shown = tuple(name(item.task) for item in demonstrations)
        self.steps.append(Step(iteration, stratum, tuple(map(name, tasks)), shown))
        return [
            outcome(
                task,
                iteration,
                {1.0: (self.counts(iteration, name(task), frozenset(shown)), SAMPLES)},
            )
            for task in tasks
        ]

    def remember(self, experience: Experience) -> None:
        self.remembered.append(experience)


def name(task: Task) -> str:
    return task.short_name


def run(names: str, counts: Counts, m: int = 3) -> tuple[Result, list[Step]]:
    """Run the algorithm over tasks with one-letter names."""
    scripted = Scripted(counts)
    tasks = [toy_task(f"toy/{letter}") for letter in names]
    result = asyncio.run(improve(tasks, scripted, granularity=m))
    assert tuple(scripted.remembered) == result.memory
    return result, scripted.steps


def solved_by(result: Result) -> dict[str, int]:
    return {name(item.task): item.iteration for item in result.memory}


def test_nothing_solved_ends_after_m_iterations_without_demonstrations() -> None:
    result, steps = run("ab", lambda *_: 0)
    assert steps == [Step(t, t, ("a", "b"), ()) for t in range(3)]
    assert result == Result(Ending.NOTHING_NEW, (), tuple(map(toy_task, ["toy/a", "toy/b"])), 3)


def test_everything_solved_at_once_ends_after_one_iteration() -> None:
    result, steps = run("ab", lambda *_: 5)
    assert steps == [Step(0, 0, ("a", "b"), ())]
    assert (result.ending, result.unsolved) == (Ending.ALL_SOLVED, ())
    assert solved_by(result) == {"a": 0, "b": 0}
    assert [item.success_rate for item in result.memory] == [5 / 8, 5 / 8]


def test_no_tasks_need_no_iteration() -> None:
    result, steps = run("", lambda *_: 5)
    assert (result, steps) == (Result(Ending.ALL_SOLVED, (), (), 0), [])


def test_fewer_solved_tasks_than_strata_repeat_steps() -> None:
    """The repeated steps are kept on purpose: hard tasks get more samples."""
    result, steps = run("ab", lambda t, task, _: task == "a" and t == 0)
    assert steps == [Step(0, 0, ("a", "b"), ())] + [
        Step(t, t - 1, ("b",), ("a",)) for t in (1, 2, 3)
    ]
    assert result.ending is Ending.NOTHING_NEW
    assert solved_by(result) == {"a": 0}
    assert [name(task) for task in result.unsolved] == ["b"]


def test_hard_demonstrations_come_first_and_easier_ones_join() -> None:
    easy = {"a": 7, "b": 1, "c": 4}
    _, steps = run("abcx", lambda _, task, __: easy.get(task, 0))
    assert [step.demonstrations for step in steps] == [
        (),
        ("b",),
        ("b", "c"),
        ("b", "c", "a"),
    ]
    assert [step.stratum for step in steps] == [0, 0, 1, 2]


def test_a_success_starts_a_new_cycle_from_the_hardest_stratum() -> None:
    table = {"a": (0, 1), "b": (0, 8), "c": (2, 4)}

    def counts(t: int, task: str, _: frozenset[str]) -> int:
        first, correct = table.get(task, (99, 0))
        return correct if t >= first else 0

    result, steps = run("abcx", counts, m=2)
    assert steps == [
        Step(0, 0, ("a", "b", "c", "x"), ()),
        Step(1, 0, ("c", "x"), ("a",)),
        Step(2, 1, ("c", "x"), ("a", "b")),  # c is solved: the cycle breaks off
        Step(3, 0, ("x",), ("a", "c")),  # ordered by rate, with c
        Step(4, 1, ("x",), ("a", "c", "b")),
    ]
    assert result.ending is Ending.NOTHING_NEW
    assert solved_by(result) == {"a": 0, "b": 0, "c": 2}


def test_a_task_that_needs_a_demonstration_is_solved_with_it() -> None:
    result, _ = run("abc", lambda _, task, shown: 2 * (task == "a" or chr(ord(task) - 1) in shown))
    assert (result.ending, result.unsolved) == (Ending.ALL_SOLVED, ())
    assert solved_by(result) == {"a": 0, "b": 1, "c": 2}


def test_a_solved_task_is_not_sampled_again() -> None:
    _, steps = run("abcd", lambda t, task, _: task == "abcd"[min(t, 3)])
    assert [step.tasks for step in steps] == [
        ("a", "b", "c", "d"),
        ("b", "c", "d"),
        ("c", "d"),
        ("d",),
    ]


def test_experiences_are_remembered_in_the_order_of_the_tasks() -> None:
    result, _ = run("cab", lambda *_: 1)
    assert [name(item.task) for item in result.memory] == ["c", "a", "b"]


# A second reading of the paper's pseudocode, over names and rates alone.


def beta(memory: dict[str, float], m: int) -> list[list[str]]:
    """Sort by rate, split evenly, take the boundary values, and bin again by these values."""
    ordered = sorted(memory, key=lambda task: memory[task])
    parts: list[list[str]] = []
    rest = list(ordered)
    for part in range(m):
        size = len(ordered) // m + (part < len(ordered) % m)
        parts.append(rest[:size])
        rest = rest[size:]
    edges = [max(memory[task] for task in part) for part in parts if part]
    bins: list[list[str]] = [[] for _ in range(m)]
    for task in ordered:
        bins[min(at for at, edge in enumerate(edges) if memory[task] <= edge)].append(task)
    return bins


def pseudocode(names: str, m: int, counts: Counts) -> tuple[list[Step], dict[str, float], str]:
    """Return the trace, D as rates, and what is left of X."""
    D: dict[str, float] = {}  # noqa: N806
    X = list(names)  # noqa: N806
    t = 0
    trace: list[Step] = []
    done = not X
    while not done:
        E = beta(D, m)  # noqa: N806
        d: list[str] = []
        B: list[str] = []  # noqa: N806
        for j, e_j in enumerate(E):
            d = d + e_j
            trace.append(Step(t, j, tuple(X), tuple(d)))
            C = {x: counts(t, x, frozenset(d)) / SAMPLES for x in X}  # noqa: N806
            B = [x for x in X if C[x] > 0]  # noqa: N806
            if B:
                D = {**D, **{x: C[x] for x in B}}  # noqa: N806
                X = [x for x in X if x not in B]  # noqa: N806
                t = t + 1
                break
            t = t + 1
        done = not X or (sorted(d) == sorted(D) and not B)
    return trace, D, "".join(X)


@given(st.data(), st.integers(0, 6), st.integers(1, 5))
def test_every_run_is_that_of_the_pseudocode(data: st.DataObject, tasks: int, m: int) -> None:
    names = "abcdef"[:tasks]
    table: dict[tuple[int, str, frozenset[str]], int] = {}
    chance = st.sampled_from([0, 0, 0, 0, 1, 2, 8])

    def counts(t: int, task: str, shown: frozenset[str]) -> int:
        key = (t, task, shown)
        if key not in table:
            table[key] = data.draw(chance, label=f"correct samples of {task} at {t}")
        return table[key]

    trace, memory, left = pseudocode(names, m, counts)
    result, steps = run(names, counts, m)
    assert steps == trace
    assert {name(item.task): item.success_rate for item in result.memory} == memory
    assert "".join(map(name, result.unsolved)) == left
    assert result.ending is (Ending.NOTHING_NEW if left else Ending.ALL_SOLVED)


def test_the_seed_decides_which_answer_is_kept() -> None:
    def kept(seed: int) -> list[str]:
        numbers = count()

        class Varied(Scripted):
            async def sample(
                self,
                iteration: int,
                stratum: int,
                tasks: Sequence[Task],
                demonstrations: tuple[Experience, ...],
                *,
                effort: int,
            ) -> list[Outcome]:
                del stratum, demonstrations, effort
                spelt = [(f"spelling {next(numbers)}", "form", 1) for _ in range(SAMPLES)]
                return [outcome(task, iteration, {1.0: (8, 8)}, spelt) for task in tasks]

        tasks = [toy_task(f"toy/{letter}") for letter in "abcd"]
        result = asyncio.run(improve(tasks, Varied(lambda *_: 8), seed=seed))
        return [item.impl for item in result.memory]

    assert kept(0) == kept(0)
    assert len({tuple(kept(seed)) for seed in range(5)}) > 1
    assert len(set(kept(0))) > 1


@dataclass
class Trying:
    """An environment in which a task falls from a certain effort on; records every step."""

    needed: dict[str, int]
    steps: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)

    async def sample(
        self,
        iteration: int,
        stratum: int,
        tasks: Sequence[Task],
        demonstrations: tuple[Experience, ...],
        *,
        effort: int,
    ) -> list[Outcome]:
        del stratum
        self.steps.append((effort, tuple(name(item.task) for item in demonstrations)))
        drawn = SAMPLES if effort == 0 else 1
        return [
            outcome(task, iteration, {1.0: (drawn * (effort >= self.needed[name(task)]), drawn)})
            for task in tasks
        ]

    def remember(self, experience: Experience) -> None:
        pass


def try_hard(needed: dict[str, int], efforts: int) -> tuple[Result, Trying]:
    environment = Trying(needed)
    tasks = [toy_task(f"toy/{letter}") for letter in needed]
    result = asyncio.run(improve(tasks, environment, granularity=1, efforts=efforts))
    return result, environment


def test_harder_tries_come_when_nothing_is_new_and_a_success_leads_back() -> None:
    result, environment = try_hard({"a": 0, "b": 1, "c": 2}, efforts=2)
    assert result.ending is Ending.ALL_SOLVED
    assert environment.steps == [
        (0, ()),
        (0, ("a",)),
        (1, ("a",)),
        (0, ("b", "a")),
        (1, ("b", "a")),
        (2, ("b", "a")),
    ]


def test_without_efforts_the_algorithm_ends_as_in_the_paper() -> None:
    result, environment = try_hard({"a": 0, "b": 1}, efforts=0)
    assert result.ending is Ending.NOTHING_NEW
    assert environment.steps == [(0, ()), (0, ("a",))]


def test_what_had_to_be_searched_for_counts_all_samples_that_failed_before() -> None:
    result, _ = try_hard({"a": 0, "b": 1}, efforts=1)
    searched = result.memory[1]
    assert (searched.correct, searched.samples) == (1, 2 * SAMPLES + 1)
    assert searched.success_rate == 1 / (2 * SAMPLES + 1)


def test_imported_experiences_are_demonstrated_from_the_start_and_never_sampled() -> None:
    first, _ = try_hard({"a": 0}, efforts=0)
    environment = Trying({"b": 0})
    tasks = [toy_task("toy/a"), toy_task("toy/b")]
    result = asyncio.run(improve(tasks, environment, granularity=1, imported=first.memory))
    assert environment.steps == [(0, ("a",))]
    assert solved_by(result) == {"a": 0, "b": 0}
