"""The arithmetic of benchmarks/learning.py."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from hardwon import bench
from hardwon.evaluation import Estimate, Run
from hardwon.evaluation.runs import Iteration, Sampled
from hardwon.learning import Unit
from hardwon.records import Task, Usage

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


def test_the_ablation_compares_rates_with_the_first_sampler(learning: ModuleType) -> None:
    counts = {("plain", 0): {"a": 2, "b": 0}, ("other", 0): {"a": 4, "b": 2}}
    table = learning.ablated(counts, ["a", "b"], 4)
    plain, other = table.rows
    assert plain[1].value == 0.25
    assert plain[2].value == 0.5
    assert plain[3:] == (None, None)
    assert other[1].value == 0.75
    assert other[2].value == 1.0
    assert other[3] == Estimate(0.5, 0.5, 0.5)


def test_every_sampler_of_the_ablation_but_the_first_differs_from_it(learning: ModuleType) -> None:
    from hardwon.languages.step.synthesis.policy import Policy

    taught = Policy(pairs={("a", "b", 0): 1.0}, modes={("b", "Scan 1"): 1.0})
    samplers = [
        (
            variant.remembers,
            variant.equally,
            variant.change(taught if variant.remembers else Policy()),
        )
        for variant in learning.VARIANTS
    ]
    assert all(sampler not in samplers[:at] for at, sampler in enumerate(samplers))
