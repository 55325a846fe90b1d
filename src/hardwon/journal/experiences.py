"""Experiences: the answers that a run remembers."""

from sqlalchemy import Connection, select

from hardwon.journal.compare import value_differences
from hardwon.journal.content import experience_content, experience_digest, read_task
from hardwon.journal.database import insert_missing
from hardwon.journal.errors import JournalMismatchError
from hardwon.journal.iterations import check_attempted
from hardwon.journal.samples import insert_programs
from hardwon.journal.schema import ExperienceRow, ProgramRow, RunTaskRow, TaskRow
from hardwon.records import Experience


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
    return [
        Experience(
            task=read_task(row.content),
            impl=row.text,
            normal_form=row.normal_form,
            code_lines=row.code_lines,
            success_rate=row.success_rate,
            correct=row.correct,
            samples=row.samples,
            iteration=row.iteration,
        )
        for row in rows
    ]
