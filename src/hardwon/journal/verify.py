"""Checks a journal against itself: hashes are derived again, links followed to their ends.

Hashes are derived from what is stored, not from records read from it: a later version of Hardwon
with more fields in a record still verifies the journals of this one.
"""

import math
from collections.abc import Iterator
from json import loads
from typing import Any

from sqlalchemy import Connection, ForeignKeyConstraint, and_, func, select

from hardwon.journal import iterations
from hardwon.journal.schema import (
    Base,
    ExperienceRow,
    IterationRow,
    ProgramRow,
    RunRow,
    SampleRow,
    TaskRow,
    VerdictRow,
)
from hardwon.records import digest_of, program_digest


def find_faults(connection: Connection) -> Iterator[str]:
    """Yield a line for each thing that is wrong; nothing if all is as it was recorded."""
    yield from _program_faults(connection)
    yield from _task_faults(connection)
    yield from _verdict_faults(connection)
    yield from _run_faults(connection)
    yield from _iteration_faults(connection)
    yield from _experience_faults(connection)
    for table in Base.metadata.sorted_tables:
        for link in sorted(table.foreign_key_constraints, key=lambda link: tuple(link.column_keys)):
            yield from _link_faults(connection, link)


def _program_faults(connection: Connection) -> Iterator[str]:
    for digest, text in connection.execute(select(ProgramRow.digest, ProgramRow.text)):
        if program_digest(text) != digest:
            yield f"program {_short(digest)}: its text has changed"


def _task_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(TaskRow.digest, TaskRow.test_name, TaskRow.content))
    for digest, name, content in rows:
        if _json_digest(content) != digest:
            yield f"task {_short(digest)} ({name}): its content has changed"
        elif loads(content)["test_name"] != name:
            yield f"task {_short(digest)} ({name}): its name has changed"


def _verdict_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(
            VerdictRow.task,
            VerdictRow.judge,
            VerdictRow.program,
            VerdictRow.digest,
            VerdictRow.content,
        )
    )
    for task, judge, program, digest, content in rows:
        if _json_digest(content) != digest:
            yield (
                f"verdict of judge {_short(judge)} on program {_short(program)} for task "
                f"{_short(task)}: its content has changed"
            )


def _run_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(RunRow.id, RunRow.configuration, RunRow.configuration_digest))
    for run, configuration, digest in rows:
        if _json_digest(configuration) != digest:
            yield f"run {run}: its configuration has changed"


def _iteration_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(IterationRow.run, IterationRow.iteration, IterationRow.digest).order_by(
            IterationRow.run, IterationRow.iteration
        )
    ).all()
    for position, (run, index, digest) in enumerate(rows):
        before = rows[position - 1] if position and rows[position - 1].run == run else None
        if index != (0 if before is None else before.iteration + 1):
            yield f"iteration {index} of run {run}: the iteration before it is missing"
        if before is not None and before.digest is None:
            yield f"iteration {index} of run {run}: the iteration before it is not complete"
        if digest is not None and digest != iterations.derived_digest(connection, run, index):
            yield (
                f"iteration {index} of run {run}: its stratum, demonstrations, tasks or samples, "
                "or what it builds on, have changed"
            )


def _experience_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(
            ExperienceRow.run,
            ExperienceRow.digest,
            ExperienceRow.task,
            ExperienceRow.program,
            ExperienceRow.normal_form,
            ExperienceRow.code_lines,
            ExperienceRow.success_rate,
            ExperienceRow.correct,
            ExperienceRow.samples,
            ExperienceRow.iteration,
        )
    )
    solved = _solutions(connection)
    for row in rows:
        content = row._asdict()
        run, digest = content.pop("run"), content.pop("digest")
        name = f"experience {_short(digest)} of run {run}, task {_short(row.task)}"
        if digest_of(content) != digest:
            yield f"{name}: it has changed"
        if not row.samples or not math.isclose(row.success_rate, row.correct / row.samples):
            yield (
                f"{name}: its success rate {row.success_rate} is not {row.correct} of {row.samples}"
            )
        if (run, row.iteration, row.task, row.program) not in solved:
            yield (
                f"{name}: iteration {row.iteration} has no correct sample of its program "
                f"{_short(row.program)}"
            )


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
        .join(
            VerdictRow,
            (VerdictRow.task == SampleRow.task)
            & (VerdictRow.judge == SampleRow.judge)
            & (VerdictRow.program == SampleRow.program),
        )
    )
    return {
        (run, iteration, task, program)
        for run, iteration, task, program, digest, content in rows
        if _json_digest(content) == digest and loads(content)["correct"]
    }


def _link_faults(connection: Connection, link: ForeignKeyConstraint) -> Iterator[str]:
    """Name the rows that a table's rows refer to and that are missing."""
    source, target = link.table, link.referred_table
    ends = [(element.parent, element.column) for element in link.elements]
    rows = connection.execute(
        select(*(start for start, _ in ends), func.count())
        .select_from(source.outerjoin(target, and_(*(start == end for start, end in ends))))
        .where(ends[0][1].is_(None))
        .group_by(*(start for start, _ in ends))
    )
    for *values, count in rows:
        key = ", ".join(
            f"{end.name} {_short(value)}" for (_, end), value in zip(ends, values, strict=True)
        )
        yield f"{target.name}: no row has {key}, but {source.name} refers to it ({count} x)"


def _json_digest(text: str) -> str | None:
    """Hash the value that a JSON text states; None if it states none."""
    try:
        return digest_of(loads(text))
    except ValueError:
        return None


def _short(value: Any) -> str:
    """Shorten a digest to what tells it apart."""
    return str(value)[:12]
