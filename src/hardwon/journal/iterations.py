"""Iterations: what they select, what they attempt, and the chain of digests that seals them.

The digest of an iteration covers the digest of the one before, and that of the first covers the
run's configuration and tasks. So a change anywhere in a run's past shows.
"""

from collections.abc import Sequence
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
    IterationRow,
    IterationTaskRow,
    RunRow,
    RunTaskRow,
    SampleRow,
    VerdictRow,
)
from hardwon.records import Experience, Task, digest_of


def begin(
    connection: Connection,
    run: int,
    index: int,
    *,
    stratum: int,
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
        _insert(connection, run, index, stratum=stratum, demonstrations=selected, tasks=attempted)
        return
    differences = value_differences(
        {
            "stratum": recorded.stratum,
            "demonstrations": recorded.demonstrations,
            "tasks": sorted(recorded.tasks),
        },
        {"stratum": stratum, "demonstrations": selected, "tasks": sorted(attempted)},
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
            IterationRow.started_at,
            IterationRow.finished_at,
            IterationRow.digest,
        ).where(IterationRow.run == run, IterationRow.iteration == index)
    ).one_or_none()
    if row is None:
        return None
    stratum, started_at, finished_at, digest = row
    return IterationRecord(
        index=index,
        stratum=stratum,
        demonstrations=_demonstrations(connection, run, index),
        tasks=_attempted(connection, run, index),
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
    if task not in _attempted(connection, run, index):
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


def derived_digest(connection: Connection, run: int, index: int) -> str:
    """Hash all that is recorded of an iteration, and the recorded digest of the one before."""
    return digest_of(
        {
            "parent": _parent_digest(connection, run, index),
            "stratum": connection.scalar(
                select(IterationRow.stratum).where(
                    IterationRow.run == run, IterationRow.iteration == index
                )
            ),
            "tasks": _attempted(connection, run, index),
            "demonstrations": _demonstrations(connection, run, index),
            "samples": _sample_rows(connection, run, index),
        }
    )


def _parent_digest(connection: Connection, run: int, index: int) -> str | None:
    if index > 0:
        return connection.scalar(
            select(IterationRow.digest).where(
                IterationRow.run == run, IterationRow.iteration == index - 1
            )
        )
    configuration = connection.scalar(select(RunRow.configuration_digest).where(RunRow.id == run))
    return digest_of({"configuration": configuration, "tasks": task_digests(connection, run)})


def _sample_rows(connection: Connection, run: int, index: int) -> list[list[object]]:
    rows = connection.execute(
        select(
            SampleRow.task,
            SampleRow.temperature,
            SampleRow.sample,
            SampleRow.program,
            SampleRow.judge,
            VerdictRow.digest,
            SampleRow.input_tokens,
            SampleRow.output_tokens,
            SampleRow.steps,
        )
        .join(
            VerdictRow,
            (VerdictRow.task == SampleRow.task)
            & (VerdictRow.judge == SampleRow.judge)
            & (VerdictRow.program == SampleRow.program),
        )
        .where(SampleRow.run == run, SampleRow.iteration == index)
    ).all()
    # Sorted here, because databases differ in how they order text.
    return [list(row) for row in sorted(rows, key=lambda row: (row[0], row[1], row[2]))]


def _demonstrations(connection: Connection, run: int, index: int) -> tuple[str, ...]:
    return tuple(
        connection.scalars(
            select(DemonstrationRow.experience)
            .where(DemonstrationRow.run == run, DemonstrationRow.iteration == index)
            .order_by(DemonstrationRow.position)
        )
    )


def _attempted(connection: Connection, run: int, index: int) -> tuple[str, ...]:
    return tuple(
        connection.scalars(
            select(IterationTaskRow.task)
            .join(
                RunTaskRow,
                (RunTaskRow.run == IterationTaskRow.run)
                & (RunTaskRow.task == IterationTaskRow.task),
            )
            .where(IterationTaskRow.run == run, IterationTaskRow.iteration == index)
            .order_by(RunTaskRow.position)
        )
    )


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
    remembered = set(
        connection.scalars(select(ExperienceRow.digest).where(ExperienceRow.run == run))
    )
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
    run: int,
    index: int,
    *,
    stratum: int,
    demonstrations: Sequence[str],
    tasks: set[str],
) -> None:
    connection.execute(
        insert(IterationRow),
        {"run": run, "iteration": index, "stratum": stratum, "started_at": datetime.now(UTC)},
    )
    insert_missing(
        connection,
        IterationTaskRow,
        [{"run": run, "iteration": index, "task": task} for task in tasks],
    )
    insert_missing(
        connection,
        DemonstrationRow,
        [
            {"run": run, "iteration": index, "position": position, "experience": experience}
            for position, experience in enumerate(demonstrations)
        ],
    )
