"""What the journal holds of a run, whether the run has ended, was cut short, or still goes on."""

import random
from collections.abc import Iterator, Sequence

from hardwon.api.errors import UsageError
from hardwon.journal import IterationRecord, Journal, RunRecord
from hardwon.learning import UNTEMPERED, Batch, Outcome, keep_best
from hardwon.records import Experience


def temperatures(record: RunRecord, effort: int) -> Sequence[float]:
    """Return the temperatures at which a run samples a task in an iteration.

    Args:
        record: the run.
        effort: that of the iteration; above 0 it searches, which knows no temperature.

    Raises:
        UsageError: if the run's configuration names none.
    """
    if effort > 0:
        return (UNTEMPERED,)
    found = record.configuration.get("temperatures")
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise UsageError(f"run {record.id} was not made by `hardwon improve`: no temperatures")
    return [float(str(value)) for value in found]


def won_so_far(journal: Journal, run: int) -> tuple[Experience, ...]:
    """Return an answer for each task that a run has solved, those that were imported first.

    Of an iteration that was cut short, what it has solved by then counts: it was paid for, and is
    right. Going on, the run will remember such a task by the best of all its samples.
    """
    known = journal.experiences(run)
    return (*journal.imported(run), *known, *_unfinished(journal, run, known))


def _unfinished(journal: Journal, run: int, known: Sequence[Experience]) -> Iterator[Experience]:
    record = journal.run_record(run)
    tasks = {task.digest: task for task in journal.tasks(run)}
    remembered = {item.task.digest for item in known}
    for step in journal.iterations(run):
        if step.finished_at is not None:
            continue
        for digest in step.tasks:
            if digest in remembered:
                continue
            outcome = Outcome(
                tasks[digest], step.index, tuple(_batches(journal, record, step, digest))
            )
            if outcome.solved:
                yield keep_best(outcome, random.Random(0))


def _batches(
    journal: Journal, record: RunRecord, step: IterationRecord, digest: str
) -> Iterator[Batch]:
    for temperature in temperatures(record, step.effort):
        rows = journal.samples(record.id, step.index, digest, temperature)
        yield Batch(temperature, tuple(rows.values()))
