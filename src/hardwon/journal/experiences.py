"""Experiences: the answers that a run remembers, its own and those from elsewhere."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from hardwon.journal.compare import value_differences
from hardwon.journal.content import experience_content, experience_digest, read_task
from hardwon.journal.database import insert_missing
from hardwon.journal.entries import SampleRecord, Wave
from hardwon.journal.errors import JournalError, JournalMismatchError
from hardwon.journal.iterations import check_attempted
from hardwon.journal.runs import insert_tasks, next_wave, record, reopen, tasks_by_wave
from hardwon.journal.samples import insert_programs, insert_verdicts
from hardwon.journal.schema import ExperienceRow, ImportRow, ProgramRow, RunRow, RunTaskRow, TaskRow
from hardwon.records import Answer, Experience, Verdict

FROM_ELSEWHERE = -1
"""The iteration of an experience that no iteration of the run has won."""


def add(connection: Connection, run: int, experience: Experience) -> None:
    """Insert an experience, or check that it is recorded in the same way."""
    task = experience.task
    check_attempted(connection, run, experience.iteration, task.digest)
    insert_programs(connection, [experience.impl])
    insert_missing(
        connection,
        ExperienceRow,
        [
            {
                "run": run,
                "digest": experience_digest(experience),
                **experience_content(experience),
            }
        ],
    )
    recorded = next(known for known in find(connection, run) if known.task.digest == task.digest)
    JournalMismatchError.raise_if(
        value_differences(experience_content(recorded), experience_content(experience)),
        f"run {run} has another experience of the task {task.test_name}",
    )


def find(connection: Connection, run: int) -> list[Experience]:
    """Return the experiences of a run: by iteration, then in the order of the run's tasks."""
    rows = connection.execute(
        select(
            TaskRow.content,
            ProgramRow.text,
            ExperienceRow.normal_form,
            ExperienceRow.code_lines,
            ExperienceRow.success_rate,
            ExperienceRow.correct,
            ExperienceRow.samples,
            ExperienceRow.iteration,
        )
        .join(TaskRow, TaskRow.digest == ExperienceRow.task)
        .join(ProgramRow, ProgramRow.digest == ExperienceRow.program)
        .join(
            RunTaskRow,
            (RunTaskRow.run == ExperienceRow.run) & (RunTaskRow.task == ExperienceRow.task),
        )
        .where(ExperienceRow.run == run)
        .order_by(ExperienceRow.iteration, RunTaskRow.position)
    )
    return [_experience(row, row.iteration) for row in rows]


def bring_in(
    connection: Connection,
    run: int | None,
    imports: Sequence[tuple[Experience, Verdict]],
    judge: str,
) -> list[Experience]:
    """Insert experiences from elsewhere, and return those that were not there yet.

    Args:
        connection: to the database.
        run: the run that goes on with them; None if they wait for the first run of the journal.
        imports: each with the verdict that lets it in.
        judge: digest of the configuration of the judge that said so.
    """
    if run is None and connection.scalar(select(RunRow.id).limit(1)) is not None:
        raise JournalError("the journal holds runs already; say which one the experiences join")
    if run is not None:
        record(connection, run)  # which tells that there is such a run
    new = _not_yet_recorded(connection, run, imports)
    if not new:
        return []
    insert_tasks(connection, [experience.task for experience, _ in new])
    insert_programs(connection, [experience.impl for experience, _ in new])
    for experience, verdict in new:
        answer = Answer(index=0, impl=experience.impl)
        insert_verdicts(
            connection,
            experience.task.digest,
            [SampleRecord(answer=answer, verdict=verdict)],
            judge,
        )
    wave = None if run is None else next_wave(connection, run)
    connection.execute(
        insert(ImportRow),
        [
            {
                "run": run,
                "wave": wave,
                "judge": judge,
                "digest": experience_digest(experience),
                **{
                    name: value
                    for name, value in experience_content(experience).items()
                    if name != "iteration"
                },
            }
            for experience, _ in new
        ],
    )
    if run is not None:
        reopen(connection, run)
    return [experience for experience, _ in new]


def _not_yet_recorded(
    connection: Connection, run: int | None, imports: Sequence[tuple[Experience, Verdict]]
) -> list[tuple[Experience, Verdict]]:
    """Check imports against what is recorded, and return the new ones, the first of each task."""
    own = [] if run is None else find(connection, run)
    recorded = [*imported(connection, run), *own]
    known = {experience.task.digest: experience for experience in recorded}
    new: list[tuple[Experience, Verdict]] = []
    for given, verdict in imports:
        experience = given.model_copy(update={"iteration": FROM_ELSEWHERE})
        first = known.setdefault(experience.task.digest, experience)
        JournalMismatchError.raise_if(
            value_differences(experience_content(first), experience_content(experience)),
            f"another experience of the task {experience.task.test_name} is recorded",
        )
        if not verdict.correct:
            raise JournalError(f"the answer to {experience.task.test_name} is not correct")
        if first is experience:
            new.append((experience, verdict))
    return new


def waves(connection: Connection, run: int) -> list[Wave]:
    """Return what the run began with, and what joined it later."""
    tasks = tasks_by_wave(connection, run)
    numbers = connection.scalars(select(ImportRow.wave).where(ImportRow.run == run).distinct())
    found = {number for number in numbers if number is not None}
    return [
        Wave(
            index=index,
            tasks=tuple(tasks.get(index, ())),
            imported=tuple(imported(connection, run, wave=index)),
        )
        for index in range(1 + max(found | tasks.keys(), default=0))
    ]


def imported(
    connection: Connection, run: int | None, *, wave: int | None = None
) -> list[Experience]:
    """Return the experiences from elsewhere: of a run or a wave of it, or those that wait."""
    chosen = (
        select(
            TaskRow.content,
            ProgramRow.text,
            ImportRow.normal_form,
            ImportRow.code_lines,
            ImportRow.success_rate,
            ImportRow.correct,
            ImportRow.samples,
        )
        .join(TaskRow, TaskRow.digest == ImportRow.task)
        .join(ProgramRow, ProgramRow.digest == ImportRow.program)
        .where(ImportRow.run.is_(None) if run is None else ImportRow.run == run)
        .order_by(ImportRow.id)
    )
    if wave is not None:
        chosen = chosen.where(ImportRow.wave == wave)
    return [_experience(row, FROM_ELSEWHERE) for row in connection.execute(chosen)]


def _experience(row: Row[*tuple[Any, ...]], iteration: int) -> Experience:
    return Experience(
        task=read_task(row.content),
        impl=row.text,
        normal_form=row.normal_form,
        code_lines=row.code_lines,
        success_rate=row.success_rate,
        correct=row.correct,
        samples=row.samples,
        iteration=iteration,
    )
