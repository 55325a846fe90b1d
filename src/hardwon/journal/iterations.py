"""Iterations: what they select, what they attempt, and how far they are."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from hardwon.journal.compare import value_differences
from hardwon.journal.content import experience_digest
from hardwon.journal.database import insert_missing
from hardwon.journal.entries import IterationRecord
from hardwon.journal.errors import JournalError, JournalMismatchError
from hardwon.journal.runs import record as run_record
from hardwon.journal.runs import task_digests, task_name
from hardwon.journal.schema import (
    DemonstrationRow,
    ExperienceRow,
    ImportDemonstrationRow,
    ImportRow,
    IterationRow,
    IterationTaskRow,
)
from hardwon.journal.seals import (
    attempted_digests,
    derived_digest,
    sample_counts,
    shown_digests,
)
from hardwon.records import Experience, Task


def begin(
    connection: Connection,
    run: int,
    index: int,
    *,
    stratum: int,
    effort: int,
    demonstrations: Sequence[Experience],
    tasks: Sequence[Task],
) -> None:
    """Insert an iteration, or check that it has been begun in the same way."""
    selected = tuple(experience_digest(experience) for experience in demonstrations)
    attempted = {task.digest for task in tasks}
    recorded = find(connection, run, index)
    if recorded is None:
        _check_turn(connection, run, index)
        _check_known(connection, run, demonstrations, tasks)
        row = {"run": run, "iteration": index, "stratum": stratum, "effort": effort}
        _insert(connection, row, demonstrations=selected, tasks=attempted)
        return
    differences = value_differences(
        {
            "stratum": recorded.stratum,
            "effort": recorded.effort,
            "demonstrations": recorded.demonstrations,
            "tasks": sorted(recorded.tasks),
        },
        {
            "stratum": stratum,
            "effort": effort,
            "demonstrations": selected,
            "tasks": sorted(attempted),
        },
    )
    JournalMismatchError.raise_if(
        differences, f"iteration {index} of run {run} has been begun otherwise"
    )


def finish(connection: Connection, run: int, index: int) -> None:
    """Mark an iteration as complete and seal it, if it is not complete yet."""
    recorded = find(connection, run, index)
    if recorded is None:
        raise JournalError(f"iteration {index} of run {run} has not been begun")
    if recorded.finished_at is None:
        for task, counts in sample_counts(connection, run, index).items():
            connection.execute(
                update(IterationTaskRow)
                .where(
                    IterationTaskRow.run == run,
                    IterationTaskRow.iteration == index,
                    IterationTaskRow.task == task,
                )
                .values(samples=counts.samples, correct=counts.correct)
            )
        connection.execute(
            update(IterationRow)
            .where(IterationRow.run == run, IterationRow.iteration == index)
            .values(finished_at=datetime.now(UTC), digest=derived_digest(connection, run, index))
        )


def find(connection: Connection, run: int, index: int) -> IterationRecord | None:
    """Return one iteration; None if it has not been begun."""
    row = connection.execute(
        select(
            IterationRow.stratum,
            IterationRow.effort,
            IterationRow.started_at,
            IterationRow.finished_at,
            IterationRow.digest,
        ).where(IterationRow.run == run, IterationRow.iteration == index)
    ).one_or_none()
    if row is None:
        return None
    stratum, effort, started_at, finished_at, digest = row
    return IterationRecord(
        index=index,
        stratum=stratum,
        effort=effort,
        demonstrations=shown_digests(connection, run, index),
        tasks=attempted_digests(connection, run, index),
        started_at=started_at,
        finished_at=finished_at,
        digest=digest,
    )


def records(connection: Connection, run: int) -> list[IterationRecord]:
    """Return the iterations of a run, in order."""
    indices = connection.scalars(
        select(IterationRow.iteration)
        .where(IterationRow.run == run)
        .order_by(IterationRow.iteration)
    ).all()
    found = (find(connection, run, index) for index in indices)
    return [record for record in found if record is not None]


def check_attempted(connection: Connection, run: int, index: int, task: str) -> None:
    """Check that an iteration attempts a task."""
    if task not in attempted_digests(connection, run, index):
        raise JournalError(
            f"iteration {index} of run {run} does not attempt the task "
            f"{task_name(connection, task)}; begin the iteration with it first"
        )


def is_complete(connection: Connection, run: int, index: int) -> bool:
    """Tell whether an iteration is complete."""
    digest = connection.scalar(
        select(IterationRow.digest).where(IterationRow.run == run, IterationRow.iteration == index)
    )
    return digest is not None


def _check_turn(connection: Connection, run: int, index: int) -> None:
    """Check that the iteration is the next one of a run that goes on."""
    ending = run_record(connection, run).ending
    if ending is not None:
        raise JournalError(f"run {run} has ended ({ending}) and takes no iteration {index}")
    if index == 0:
        return
    before = find(connection, run, index - 1)
    if before is None or before.finished_at is None:
        raise JournalError(
            f"iteration {index} of run {run} cannot begin before iteration {index - 1} is complete"
        )


def _check_known(
    connection: Connection, run: int, demonstrations: Sequence[Experience], tasks: Sequence[Task]
) -> None:
    """Check that the demonstrations and the tasks are those of the run."""
    remembered = {
        digest
        for table in (ExperienceRow, ImportRow)
        for digest in connection.scalars(select(table.digest).where(table.run == run))
    }
    for experience in demonstrations:
        if experience_digest(experience) not in remembered:
            raise JournalError(
                f"the demonstration of {experience.task.test_name} is no recorded experience of "
                f"run {run}"
            )
    listed = set(task_digests(connection, run))
    for task in tasks:
        if task.digest not in listed:
            raise JournalError(f"{task.test_name} is not among the tasks of run {run}")


def _insert(
    connection: Connection,
    row: Mapping[str, int],
    *,
    demonstrations: Sequence[str],
    tasks: set[str],
) -> None:
    connection.execute(insert(IterationRow), {**row, "started_at": datetime.now(UTC)})
    key = {name: row[name] for name in ("run", "iteration")}
    insert_missing(connection, IterationTaskRow, [{**key, "task": task} for task in tasks])
    imported = set(connection.scalars(select(ImportRow.digest).where(ImportRow.run == row["run"])))
    for table, is_import in ((DemonstrationRow, False), (ImportDemonstrationRow, True)):
        insert_missing(
            connection,
            table,
            [
                {**key, "position": position, "experience": experience}
                for position, experience in enumerate(demonstrations)
                if (experience in imported) == is_import
            ],
        )
