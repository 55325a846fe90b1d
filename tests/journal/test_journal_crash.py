"""A run that is killed again and again ends as if nothing had happened."""

import multiprocessing
import random
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from journal_places import NewPlace
from journal_values import CORRECT, JUDGE, WRONG, make_experience, make_sample, make_task

from hardwon.journal import Journal, NoRunError, SampleRecord
from hardwon.records import Experience, Task

pytest_plugins = ["journal_databases"]

KILLS = 10
SAMPLES = 24
BATCH = 2
TASKS = [make_task(f"crash/{number}") for number in range(4)]
TRANSACTIONS = sum(range(len(TASKS) + 1)) * SAMPLES // BATCH


def draw(iteration: int, task: int, index: int) -> SampleRecord:
    """Return the same sample whenever it is asked for; each iteration solves one task."""
    solves = task == iteration and index % 3 == 0
    impl = "return E0" if solves else f"return E{index % 5}  # {task}"
    return make_sample(index, impl, CORRECT if solves else WRONG, tokens=index)


def play(place: str, report: Callable[[str], object]) -> None:
    """Play a small run to its end, from wherever it was left."""
    report("opening")
    with Journal.open(place) as journal:
        try:
            run = journal.resume_run({"seed": 1}, TASKS)
        except NoRunError:
            run = journal.begin_run({"seed": 1}, TASKS)
        remembered: list[Experience] = []
        for iteration in range(len(TASKS)):
            open_tasks = TASKS[iteration:]
            journal.begin_iteration(run, iteration, 0, remembered, open_tasks)
            for number, task in enumerate(open_tasks, start=iteration):
                known = journal.samples(run, iteration, task.digest, 0.7)
                for start in range(len(known), SAMPLES, BATCH):
                    rows = [draw(iteration, number, start + offset) for offset in range(BATCH)]
                    journal.record_samples(run, iteration, task.digest, 0.7, rows, judge=JUDGE)
                    report(f"sample {start} of task {number} in iteration {iteration}")
            remembered.append(_experience(TASKS[iteration], iteration))
            journal.record_experience(run, remembered[-1])
            journal.finish_iteration(run, iteration)
        journal.finish_run(run, "all tasks are solved")


def _experience(task: Task, iteration: int) -> Experience:
    impl = draw(iteration, iteration, 0).answer.impl
    assert impl is not None
    solved = sum(draw(iteration, iteration, index).verdict.correct for index in range(SAMPLES))
    return make_experience(task, impl, iteration=iteration, counts=(solved, SAMPLES))


def play_and_tell(place: str, pipe: Connection) -> None:
    play(place, pipe.send)


def begin_to_play(place: str) -> tuple[ForkServerProcess, Connection]:
    """Play in another process; the connection tells each step."""
    # A fork server makes new processes fast, and has no threads that a fork would lose.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hardwon.journal", "hypothesis.strategies"])
    steps, pipe = context.Pipe(duplex=False)
    process = context.Process(target=play_and_tell, args=(place, pipe))
    process.start()
    pipe.close()
    return process, steps


def digests(place: str) -> list[str | None]:
    with Journal.open(place, create=False) as journal:
        assert journal.verify() == []
        return [iteration.digest for iteration in journal.iterations(1)]


def test_a_run_that_is_killed_and_resumed_ends_like_one_that_is_not(
    new_place: NewPlace,
) -> None:
    rng = random.Random(0)
    killed, whole = new_place(), new_place()
    for _ in range(KILLS):
        process, steps = begin_to_play(killed)
        with steps:
            for _ in range(1 + rng.randrange(TRANSACTIONS // KILLS)):
                steps.recv()
            time.sleep(rng.uniform(0, 0.01))
            process.kill()
            process.join()
        assert process.exitcode == -signal.SIGKILL
        with Journal.open(killed) as journal:
            assert journal.verify() == []

    process, steps = begin_to_play(killed)
    with steps:
        process.join()
    assert process.exitcode == 0
    play(whole, print)
    assert digests(killed) == digests(whole)
    with Journal.open(killed) as journal:
        assert len(journal.iterations(1)) == len(TASKS)
        assert [record.ending for record in journal.runs()] == ["all tasks are solved"]
