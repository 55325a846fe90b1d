"""Processes of a judge that are killed from outside (by the kernel, by a user) cost no verdict."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardwon import bench
from hardwon.bench.references import reference
from hardwon.languages import get_language
from hardwon.records import Stage, Task
from support import SyncJudge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

TASKS = iter(bench.catalog())
"""Every test has one of its own, whose processes run."""
GENERATIONS = {
    "the worker": 1,
    "what forks task processes": 2,
    "the first process of a task's namespace, or a task's process": 3,
    "a task's process in its namespace": 4,
}


def generations() -> Iterator[tuple[int, int]]:
    """Yield every process that comes from this one, and how many processes lie between, plus 1."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # gone in the meantime
        if state != "Z":
            parents[int(folder.name)] = int(parent)
    for process in parents:
        depth, at = 0, process
        while at in parents and at != os.getpid():
            depth, at = depth + 1, parents[at]
        if at == os.getpid() and depth:
            yield process, depth


def alive(generation: int) -> set[int]:
    """Return the processes of a generation."""
    return {process for process, depth in generations() if depth == generation}


def kill(processes: set[int]) -> None:
    """Kill processes, as the kernel does when memory is short."""
    for process in processes:
        os.kill(process, signal.SIGKILL)


def kill_next(generation: int, known: set[int], patience: float = 60.0) -> None:
    """Wait for the next process of a generation, and kill it."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if new := alive(generation) - known:
            kill(new)
            return
        time.sleep(0.001)


def right(judge: SyncJudge, task: Task) -> str:
    """Return a correct program."""
    impl = reference(task.test_name)
    return get_language("step").enforce_law(task, impl, judge.sizes(task))


@pytest.fixture(scope="module")
def judge() -> Iterator[SyncJudge]:
    with SyncJudge(seed=1) as found:
        yield found


@pytest.mark.parametrize("which", GENERATIONS)
def test_what_is_killed_between_two_programs_costs_no_verdict(which: str, judge: SyncJudge) -> None:
    task = bench.load(next(TASKS).name)
    impl = right(judge, task)
    processes = alive(GENERATIONS[which])
    if not processes:
        pytest.skip("no such process here: this system has no namespaces")
    kill(processes)
    assert judge.judge(task, impl).correct
    kill(alive(GENERATIONS[which]))
    assert judge.judge(task, impl.replace("fn_", "fn_no_such_", 1)).stage is Stage.TYPES


@pytest.mark.parametrize("which", GENERATIONS)
def test_what_is_killed_while_a_task_is_prepared_is_not_the_tasks_fault(
    which: str, judge: SyncJudge
) -> None:
    task, other = bench.load(next(TASKS).name), bench.load(next(TASKS).name)
    generation = GENERATIONS[which]
    judge.sizes(other)
    if not alive(generation):
        pytest.skip("no such process here: this system has no namespaces")
    if generation <= GENERATIONS["what forks task processes"]:
        judge.close()  # so that it starts again
    killer = threading.Thread(target=kill_next, args=(generation, alive(generation)))
    killer.start()
    impl = right(judge, task)
    killer.join()
    assert judge.judge(task, impl).correct
    assert judge.judge(other, right(judge, other)).correct
    assert not any("forked" in warning for warning in judge.warnings)
