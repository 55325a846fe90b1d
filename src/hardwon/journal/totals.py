"""Totals of a run, counted by the database."""

from sqlalchemy import Connection, func, select

from hardwon.journal.content import is_correct
from hardwon.journal.entries import RunTotals
from hardwon.journal.rows import VERDICT_OF_SAMPLE
from hardwon.journal.runs import record
from hardwon.journal.schema import (
    ExperienceRow,
    ImportRow,
    IterationRow,
    RunTaskRow,
    SampleRow,
    VerdictRow,
)
from hardwon.records import Usage


def totals(connection: Connection, run: int) -> RunTotals:
    """Count what a run amounts to so far."""
    record(connection, run)  # which tells that there is such a run
    counts = {
        table.__tablename__: connection.scalar(
            select(func.count()).select_from(table).where(table.run == run)
        )
        for table in (RunTaskRow, ExperienceRow, ImportRow, IterationRow)
    }
    cost = connection.execute(
        select(*(func.sum(getattr(SampleRow, name)).label(name) for name in Usage.model_fields))
        .select_from(SampleRow)
        .where(SampleRow.run == run)
    ).one()
    samples = correct = 0
    verdicts = connection.execute(
        select(VerdictRow.content, func.count())
        .join(SampleRow, VERDICT_OF_SAMPLE)
        .where(SampleRow.run == run)
        .group_by(VerdictRow.content)
    )
    for content, number in verdicts:
        samples += number
        correct += number if is_correct(content) else 0
    return RunTotals(
        tasks=counts[RunTaskRow.__tablename__],
        solved=counts[ExperienceRow.__tablename__],
        imported=counts[ImportRow.__tablename__],
        iterations=counts[IterationRow.__tablename__],
        samples=samples,
        correct=correct,
        usage=Usage(**{name: value or 0 for name, value in cost._mapping.items()}),
    )
