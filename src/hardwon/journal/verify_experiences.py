"""Checks what a journal holds of experiences against the samples that they came from."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from hardwon.journal.content import is_correct
from hardwon.journal.fault_wording import (
    difference,
    json_digest,
    listed_counts,
    short,
    task_label,
)
from hardwon.journal.rows import VERDICT_OF_SAMPLE
from hardwon.journal.schema import (
    ExperienceRow,
    ImportRow,
    IterationRow,
    RunRow,
    SampleRow,
    VerdictRow,
)
from hardwon.records import digest_of


def experience_faults(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with what runs remembered of their own tasks."""
    rows = connection.execute(select(ExperienceRow.__table__)).mappings().all()
    batches = _batches(connection)
    efforts = _efforts(connection)
    solved = _solutions(connection)
    for row in rows:
        run, task = row["run"], row["task"]
        name = (
            f"experience {short(row['digest'])} of run {run}, task {task_label(connection, task)}"
        )
        yield from _content_faults(name, dict(row), row["iteration"])
        if (run, row["iteration"], task, row["program"]) not in solved:
            yield (
                f"{name}: iteration {row['iteration']} has no correct sample of its program "
                f"{short(row['program'])}"
            )
        counts = batches.get((run, row["iteration"], task), [])
        if efforts.get((run, row["iteration"])):
            # What had to be searched for is rated by all the samples that were in vain before.
            earlier = sum(
                batch[-1][1]
                for (other, index, of), batch in batches.items()
                if (other, of) == (run, task) and index < row["iteration"]
            )
            counts = [(correct, samples + earlier) for correct, samples in counts]
        if (row["correct"], row["samples"]) not in counts:
            yield (
                f"{name}: expected the counts of a temperature of iteration {row['iteration']}, "
                f"which are {listed_counts(counts)}, found {row['correct']} of {row['samples']}"
            )
    yield from _forgotten(connection, {(row["run"], row["task"]) for row in rows}, batches)


def _forgotten(
    connection: Connection,
    remembered: set[tuple[int, str]],
    batches: dict[tuple[int, int, str], list[tuple[int, int]]],
) -> Iterator[str]:
    """Name tasks with correct samples that a run which has gone on since does not remember."""
    last = dict(
        connection.execute(
            select(IterationRow.run, func.max(IterationRow.iteration)).group_by(IterationRow.run)
        ).all()
    )
    ended = set(connection.scalars(select(RunRow.id).where(RunRow.ending.is_not(None))))
    for (run, index, task), counts in sorted(batches.items()):
        gone_on = run in ended or index < last.get(run, 0)
        if gone_on and any(correct for correct, _ in counts) and (run, task) not in remembered:
            yield (
                f"run {run}, iteration {index}, task {task_label(connection, task)}: expected an "
                f"experience, since correct samples are {listed_counts(counts)}, found none"
            )


def import_faults(connection: Connection) -> Iterator[str]:
    """Yield what is wrong with what runs were given."""
    rows = connection.execute(
        select(ImportRow.__table__, VerdictRow.content).outerjoin(
            VerdictRow,
            (VerdictRow.task == ImportRow.task)
            & (VerdictRow.judge == ImportRow.judge)
            & (VerdictRow.program == ImportRow.program),
        )
    ).mappings()
    for row in rows:
        run = "no run yet" if row["run"] is None else f"run {row['run']}"
        task = task_label(connection, row["task"])
        name = f"imported experience {short(row['digest'])} of {run}, task {task}"
        yield from _content_faults(name, dict(row), -1)
        if row["content"] is None or not is_correct(row["content"]):
            yield f"{name}: expected a verdict that its program is correct, found none"


def _content_faults(name: str, row: dict[str, Any], iteration: int) -> Iterator[str]:
    """Yield what is wrong with an experience in itself."""
    columns = (
        *("task", "program", "normal_form", "code_lines"),
        *("success_rate", "correct", "samples"),
    )
    found = digest_of({column: row[column] for column in columns} | {"iteration": iteration})
    if found != row["digest"]:
        yield f"{name}: it has changed, {difference(row['digest'], found)}"
    correct, samples, rate = row["correct"], row["samples"], row["success_rate"]
    if not samples or not math.isclose(rate, correct / samples):
        yield f"{name}: its success rate {rate} is not {correct} of {samples}"


def _efforts(connection: Connection) -> dict[tuple[int, int], int]:
    rows = connection.execute(select(IterationRow.run, IterationRow.iteration, IterationRow.effort))
    return {(run, index): effort for run, index, effort in rows}


def _batches(connection: Connection) -> dict[tuple[int, int, str], list[tuple[int, int]]]:
    """Return (correct, samples) per temperature and, last, over all; by run, iteration, task."""
    found: dict[tuple[int, int, str], dict[float, tuple[int, int]]] = defaultdict(dict)
    rows = connection.execute(
        select(
            SampleRow.run,
            SampleRow.iteration,
            SampleRow.task,
            SampleRow.temperature,
            VerdictRow.content,
            func.count(),
        )
        .join(VerdictRow, VERDICT_OF_SAMPLE)
        .group_by(
            SampleRow.run,
            SampleRow.iteration,
            SampleRow.task,
            SampleRow.temperature,
            VerdictRow.content,
        )
    )
    for run, index, task, temperature, content, number in rows:
        correct, samples = found[run, index, task].get(temperature, (0, 0))
        right = number if is_correct(content) else 0
        found[run, index, task][temperature] = (correct + right, samples + number)
    return {
        key: [
            *(counts for _, counts in sorted(batch.items())),
            (sum(right for right, _ in batch.values()), sum(all_ for _, all_ in batch.values())),
        ]
        for key, batch in found.items()
    }


def _solutions(connection: Connection) -> set[tuple[int, int, str, str]]:
    """Return run, iteration, task and program of each experience that a verdict bears out."""
    rows = connection.execute(
        select(
            SampleRow.run,
            SampleRow.iteration,
            SampleRow.task,
            SampleRow.program,
            VerdictRow.digest,
            VerdictRow.content,
        )
        .join(
            ExperienceRow,
            (ExperienceRow.run == SampleRow.run)
            & (ExperienceRow.iteration == SampleRow.iteration)
            & (ExperienceRow.task == SampleRow.task)
            & (ExperienceRow.program == SampleRow.program),
        )
        .join(VerdictRow, VERDICT_OF_SAMPLE)
    )
    return {
        (run, iteration, task, program)
        for run, iteration, task, program, digest, content in rows
        if json_digest(content) == digest and is_correct(content)
    }
