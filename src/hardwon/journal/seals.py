"""What is in an iteration, and the chain of digests that seals it.

The digest of an iteration covers the digest of the one before, and that of the first covers the
run's configuration and tasks. So a change anywhere in a run's past shows.
"""

from typing import NamedTuple

from sqlalchemy import Connection, func, select, union_all

from hardwon.journal.content import is_correct
from hardwon.journal.rows import VERDICT_OF_SAMPLE, additions, exchange_keys
from hardwon.journal.runs import task_digests
from hardwon.journal.schema import (
    DemonstrationRow,
    ExchangeRow,
    ImportDemonstrationRow,
    IterationRow,
    IterationTaskRow,
    RunRow,
    RunTaskRow,
    SampleRow,
    VerdictRow,
)
from hardwon.records import digest_of


def attempted_digests(connection: Connection, run: int, index: int) -> tuple[str, ...]:
    """Return the tasks that an iteration attempts, in the order of the run."""
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


def shown_digests(connection: Connection, run: int, index: int) -> tuple[str, ...]:
    """Return the experiences that an iteration shows, in the order of the prompt."""
    shown = union_all(
        *(
            select(table.position, table.experience).where(
                table.run == run, table.iteration == index
            )
            for table in (DemonstrationRow, ImportDemonstrationRow)
        )
    ).subquery()
    return tuple(connection.scalars(select(shown.c.experience).order_by(shown.c.position)))


class Counts(NamedTuple):
    """What an iteration has of one task."""

    samples: int
    correct: int


def sample_counts(connection: Connection, run: int, index: int) -> dict[str, Counts]:
    """Count the samples of each attempted task, by its digest."""
    found = dict.fromkeys(attempted_digests(connection, run, index), Counts(0, 0))
    rows = connection.execute(
        select(SampleRow.task, VerdictRow.content, func.count())
        .join(VerdictRow, VERDICT_OF_SAMPLE)
        .where(SampleRow.run == run, SampleRow.iteration == index)
        .group_by(SampleRow.task, VerdictRow.content)
    )
    for task, content, number in rows:
        known = found.get(task, Counts(0, 0))
        right = number if is_correct(content) else 0
        found[task] = Counts(known.samples + number, known.correct + right)
    return found


def derived_digest(connection: Connection, run: int, index: int) -> str:
    """Hash all that is recorded of an iteration, and the recorded digest of the one before.

    What version 1 did not record is left out where it says nothing, so that old digests hold.
    """
    row = connection.execute(
        select(IterationRow.stratum, IterationRow.effort).where(
            IterationRow.run == run, IterationRow.iteration == index
        )
    ).one()
    content: dict[str, object] = {
        "parent": _parent_digest(connection, run, index),
        "stratum": row.stratum,
        "tasks": attempted_digests(connection, run, index),
        "demonstrations": shown_digests(connection, run, index),
        "samples": _sample_rows(connection, run, index),
    }
    if row.effort:
        content["effort"] = row.effort
    exchanges = _exchanges(connection, run, index)
    if exchanges:
        content["exchanges"] = exchanges
    return digest_of(content)


def _parent_digest(connection: Connection, run: int, index: int) -> str | None:
    if index > 0:
        return connection.scalar(
            select(IterationRow.digest).where(
                IterationRow.run == run, IterationRow.iteration == index - 1
            )
        )
    configuration = connection.scalar(select(RunRow.configuration_digest).where(RunRow.id == run))
    # Tasks that joined later are sealed by the iterations that attempt them.
    tasks = task_digests(connection, run, wave=0)
    return digest_of({"configuration": configuration, "tasks": tasks})


def _sample_rows(connection: Connection, run: int, index: int) -> list[list[object]]:
    rows = connection.execute(
        select(SampleRow.__table__, VerdictRow.digest.label("verdict"))
        .join(VerdictRow, VERDICT_OF_SAMPLE)
        .where(SampleRow.run == run, SampleRow.iteration == index)
    ).mappings()
    columns = (
        *("task", "temperature", "sample", "program", "judge", "verdict"),
        *("input_tokens", "output_tokens", "steps"),
    )
    found = []
    for row in rows:
        added = additions(dict(row))
        found.append([*(row[name] for name in columns), *([added] if added else [])])
    # Sorted here, because databases differ in how they order text.
    return sorted(found, key=lambda values: (values[0], values[1], values[2]))


def _exchanges(connection: Connection, run: int, index: int) -> dict[str, str]:
    """Return the digests of the completions that an iteration's samples came from, by key."""
    named = connection.scalars(
        select(SampleRow.exchanges).where(
            SampleRow.run == run, SampleRow.iteration == index, SampleRow.exchanges != "[]"
        )
    )
    keys = {key for text in named for key in exchange_keys(text)}
    if not keys:
        return {}
    rows = connection.execute(
        select(ExchangeRow.key, ExchangeRow.digest).where(ExchangeRow.run == run)
    )
    return {key: digest for key, digest in rows if key in keys}
