"""The arithmetic of benchmarks/learning.py."""

import importlib.util
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from hardwon import bench
from hardwon.evaluation import Estimate, Run
from hardwon.evaluation.runs import Iteration, Sampled
from hardwon.learning import Unit
from hardwon.records import Task, Usage
from support import experience

FILE = Path(__file__).parents[2] / "benchmarks" / "learning.py"


@pytest.fixture(scope="module")
def learning() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("benchmarks_learning", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


@pytest.fixture(scope="module")
def tasks() -> tuple[Task, ...]:
    return tuple(bench.load(entry.name).question for entry in bench.catalog())


def sample(task: Task, *, correct: bool, steps: int = 5) -> Sampled:
    return Sampled(task.digest, 0, 1.0, 0, "return E0", correct, None, Usage(steps=steps))


def test_halves_share_no_group_and_leave_no_task_out(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    first, second = learning.halves(tasks)
    assert {task.digest for task in (*first, *second)} == {task.digest for task in tasks}
    assert len(first) + len(second) == len(tasks)
    assert not {task.group for task in first} & {task.group for task in second}
    assert first
    assert second


def test_a_restricted_run_counts_only_what_its_tasks_cost(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    one, other = tasks[:2]
    samples = (sample(one, correct=True, steps=3), sample(other, correct=True, steps=40))
    run = Run(
        "run", {}, (one, other), (Iteration(0, 0, 0, (one.digest, other.digest), samples),), (), ""
    )
    part = learning.restricted(run, [one])
    assert part.tasks == (one,)
    assert part.spent(Unit.STEPS) == 3
    assert part.solved == 1
    assert part.iterations[0].tasks == (one.digest,)


def test_a_table_of_runs_tests_each_arm_against_the_one_before(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    task = tasks[0]

    def run(correct: bool) -> Run:
        samples = (sample(task, correct=correct),)
        return Run("run", {}, (task,), (Iteration(0, 0, 0, (task.digest,), samples),), (), "")

    table = learning.compared("t", "t", {"without": [run(False)], "with": [run(True)]})
    without, given = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert (without["solved"], without["steps per solved"], without["p"]) == (0.0, None, None)
    assert (given["solved"], given["newly solved"], given["steps per solved"]) == (1.0, 0.0, 5.0)
    assert given["difference of share"] == Estimate(1.0, 1.0, 1.0)


def test_steps_are_counted_up_to_the_iteration_that_solves_as_many(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    one, other = tasks[:2]
    both = (one.digest, other.digest)
    rows = [
        (sample(one, correct=True, steps=3), sample(other, correct=False, steps=4)),
        (replace(sample(other, correct=False, steps=10), iteration=1),),
        (replace(sample(other, correct=True, steps=20), iteration=2),),
    ]
    iterations = tuple(Iteration(at, 0, 0, both[at > 0 :], row) for at, row in enumerate(rows))
    run = Run("run", {}, (one, other), iterations, (), "")
    assert [learning.steps_to(run, solved) for solved in (1, 2, 3)] == [7, 37, 37]


def test_the_ablation_compares_rates_with_the_first_sampler(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    one, other = (task.test_name for task in tasks[:2])
    counts = {("plain", 0): {one: 2, other: 0}, ("other", 0): {one: 4, other: 2}}
    table = learning.ablated("name", "memory", counts, tasks[:2], 4)
    first, second = table.rows
    assert first[1].value == 0.25
    assert first[2].value == 0.5
    assert first[3:] == (None, None, None, None)
    assert second[1].value == 0.75
    assert second[2].value == 1.0
    assert second[3] == Estimate(0.5, 0.5, 0.5)
    assert second[5].value == 0.5


def test_every_sampler_of_the_ablation_draws_by_other_preferences(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    task = next(task for task in tasks if len(task.fns) > 2)
    sizes = {"M": 5, "N": 7, "K": 9, "D": 16, "E": 3}
    known = [
        experience(task, rate, impl=program)
        for task in tasks
        for program, rate in drawn(learning, task, sizes)
    ][:6]
    everything = {shown.task.digest: sizes for shown in known} | {task.digest: sizes}
    samplers = [
        (variant.sampler(task, known, everything).policy, variant.shuffled)
        for variant in learning.VARIANTS
    ]
    assert all(sampler not in samplers[:at] for at, sampler in enumerate(samplers))


def drawn(learning: ModuleType, task: Task, sizes: dict[str, int]) -> Iterator[tuple[str, float]]:
    sampler = learning.PLAIN.sampler(task, (), {task.digest: sizes})
    for seed in range(2):
        program, _ = sampler.draw(random.Random(seed), 1.0)
        if program is not None:
            yield program, 0.1 + 0.8 * seed


def test_shuffling_moves_functions_but_keeps_those_of_one_type_in_order(
    learning: ModuleType, tasks: tuple[Task, ...]
) -> None:
    def kinds(task: Task) -> dict[object, list[str]]:
        found: dict[object, list[str]] = {}
        for fn in task.fns:
            kind = (fn.input_dtype, fn.output_dtype, fn.init is None)
            found.setdefault(kind, []).append(fn.func_name)
        return found

    turned = [learning.shuffled(task) for task in tasks]
    assert any(there.fns != task.fns for task, there in zip(tasks, turned, strict=True))
    assert all(kinds(task) == kinds(there) for task, there in zip(tasks, turned, strict=True))
    assert turned == [learning.shuffled(task) for task in tasks]
