"""The summary of a run, derived from its journal."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import hardwon
from hardwon.journal import Journal, experience_digest
from hardwon.learning import Result
from hardwon.records import Record, Task


class TaskSummary(Record):
    """What a run did for one task."""

    solved: bool
    samples: int
    """All samples, of all iterations and temperatures."""
    correct: int
    """The correct ones among them."""
    iteration: int | None
    """The iteration that solved it, from 0."""
    success_rate: float | None
    """Share of correct samples at the best temperature of that iteration."""


class IterationSummary(Record):
    """What one iteration did."""

    index: int
    stratum: int
    """How far the selection had got, from 0, the hardest demonstrations alone."""
    demonstrations: tuple[str, ...]
    """Tasks whose answers were shown, hardest first."""
    attempted: int
    solved: tuple[str, ...]
    """Tasks solved for the first time."""
    samples: int
    correct: int


class Summary(Record):
    """`summary.json` of a run directory."""

    total: int
    solved: int
    ending: str
    tasks: dict[str, TaskSummary]
    iterations: tuple[IterationSummary, ...]
    configuration: dict[str, Any]
    hardwon: str
    """The version that wrote it."""


def summarise(
    journal: Journal,
    run: int,
    result: Result,
    tasks: Sequence[Task],
    configuration: Mapping[str, Any],
) -> Summary:
    """Count what a finished run did."""
    names = {task.digest: task.test_name for task in tasks}
    digests = {experience.task.digest: experience for experience in result.memory}
    shown = {experience_digest(e): e.task.test_name for e in result.memory}
    samples: Counter[str] = Counter()
    correct: Counter[str] = Counter()
    iterations: list[IterationSummary] = []
    temperatures: Sequence[float] = configuration["temperatures"]
    for record in journal.iterations(run):
        here = there = 0
        for digest in record.tasks:
            for temperature in temperatures:
                rows = journal.samples(run, record.index, digest, temperature).values()
                right = sum(row.verdict.correct for row in rows)
                samples[digest] += len(rows)
                correct[digest] += right
                here, there = here + len(rows), there + right
        iterations.append(
            IterationSummary(
                index=record.index,
                stratum=record.stratum,
                demonstrations=tuple(shown[digest] for digest in record.demonstrations),
                attempted=len(record.tasks),
                solved=tuple(
                    e.task.test_name for e in result.memory if e.iteration == record.index
                ),
                samples=here,
                correct=there,
            )
        )
    return Summary(
        total=len(tasks),
        solved=len(result.memory),
        ending=result.ending,
        tasks={
            name: TaskSummary(
                solved=digest in digests,
                samples=samples[digest],
                correct=correct[digest],
                iteration=digests[digest].iteration if digest in digests else None,
                success_rate=digests[digest].success_rate if digest in digests else None,
            )
            for digest, name in names.items()
        },
        iterations=tuple(iterations),
        configuration=dict(configuration),
        hardwon=hardwon.__version__,
    )
