"""The summary of a run, derived from its journal alone."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from hardwon.api.recorded import temperatures, won_so_far
from hardwon.journal import Journal, SampleRecord, experience_digest
from hardwon.records import Experience, Record, Usage

RUNNING = "not finished"
_REASONS = 3


class TaskSummary(Record):
    """What a run did for one task."""

    solved: bool
    samples: int
    """All samples, of all iterations and temperatures."""
    correct: int
    """The correct ones among them."""
    iteration: int | None
    """The iteration that solved it, from 0; -1 for answers that were imported."""
    success_rate: float | None
    """Share of correct samples at the best temperature of that iteration."""


class IterationSummary(Record):
    """What one iteration did."""

    index: int
    stratum: int
    """How far the selection had got, from 0, the hardest demonstrations alone."""
    effort: int
    """0 for sampling; above, the stages of a deepening search."""
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
    usage: Usage
    """The steps of all samples, and what was asked of models, each request once: requests that two
    samples share, and those whose sample a cap kept from being finished."""
    without_program: dict[str, int]
    """The commonest things that proposers said of samples without a program, with how often."""
    configuration: dict[str, Any]
    hardwon: str
    """The version that began the run."""


@dataclass
class _Tally:
    """Samples, counted."""

    samples: Counter[str] = field(default_factory=Counter)
    """By the digest of the task."""
    correct: Counter[str] = field(default_factory=Counter)
    """The correct ones among them."""
    steps: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    """What proposers said of samples without a program."""

    def add(self, task: str, rows: Collection[SampleRecord]) -> None:
        """Count samples of a task."""
        self.samples[task] += len(rows)
        for row in rows:
            self.correct[task] += row.verdict.correct
            self.steps += row.answer.usage.steps
            if row.answer.impl is None and row.answer.note is not None:
                self.notes[row.answer.note] += 1


def summarise(journal: Journal, run: int, *, stopped: str | None = None) -> Summary:
    """Count what a run did.

    Args:
        journal: where it is recorded.
        run: its number.
        stopped: the cap that stopped it, if one did.
    """
    record = journal.run_record(run)
    tasks = journal.tasks(run)
    names = {task.digest: task.test_name for task in tasks}
    won = won_so_far(journal, run)
    solved = {item.task.digest: item for item in won}
    shown = {experience_digest(item): item.task.test_name for item in won}
    tally = _Tally()
    iterations: list[IterationSummary] = []
    for step in journal.iterations(run):
        before = tally.samples.total(), tally.correct.total()
        for digest in step.tasks:
            for temperature in temperatures(record, step.effort):
                tally.add(digest, journal.samples(run, step.index, digest, temperature).values())
        iterations.append(
            IterationSummary(
                index=step.index,
                stratum=step.stratum,
                effort=step.effort,
                demonstrations=tuple(shown[digest] for digest in step.demonstrations),
                attempted=len(step.tasks),
                solved=tuple(e.task.test_name for e in won if e.iteration == step.index),
                samples=tally.samples.total() - before[0],
                correct=tally.correct.total() - before[1],
            )
        )
    return Summary(
        total=len(tasks),
        solved=sum(digest in solved for digest in names),
        ending=record.ending or stopped or RUNNING,
        tasks={
            name: TaskSummary(
                solved=digest in solved,
                samples=tally.samples[digest],
                correct=tally.correct[digest],
                iteration=solved[digest].iteration if digest in solved else None,
                success_rate=solved[digest].success_rate if digest in solved else None,
            )
            for digest, name in names.items()
        },
        iterations=tuple(iterations),
        usage=asked_of_models(journal, run).model_copy(update={"steps": tally.steps}),
        without_program=dict(
            sorted(tally.notes.items(), key=lambda item: (-item[1], item[0]))[:_REASONS]
        ),
        configuration=dict(record.configuration),
        hardwon=record.hardwon_version,
    )


def library_of(journal: Journal, run: int) -> tuple[Experience, ...]:
    """Return the answers to the tasks of a run, its own and those that were imported for it."""
    wanted = {task.digest for task in journal.tasks(run)}
    return tuple(item for item in won_so_far(journal, run) if item.task.digest in wanted)


def asked_of_models(journal: Journal, run: int) -> Usage:
    """Return what a run's requests to models have cost so far."""
    # In an order that an interruption does not change, since sums of money are rounded.
    spent = {item.key: item.completion.usage for item in journal.exchanges(run)}
    return sum((spent[key] for key in sorted(spent)), Usage())
