"""Samples, the programs in them and the verdicts on those."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from hardwon.journal.compare import value_differences
from hardwon.journal.content import (
    read_verdict,
    to_json,
    verdict_content,
    verdict_digest,
)
from hardwon.journal.database import insert_missing
from hardwon.journal.entries import SampleRecord
from hardwon.journal.errors import JournalMismatchError
from hardwon.journal.iterations import check_attempted, is_complete
from hardwon.journal.rows import VERDICT_OF_SAMPLE, exchange_keys, row_digest
from hardwon.journal.runs import task_name
from hardwon.journal.schema import ProgramRow, SampleRow, VerdictRow
from hardwon.records import Answer, Usage, Verdict, program_digest


class Batch(NamedTuple):
    """What samples are recorded together: those of one task at one temperature."""

    run: int
    iteration: int
    task: str
    """The task's digest."""
    temperature: float


def add(
    connection: Connection,
    batch: Batch,
    records: Sequence[SampleRecord],
    judge: str,
) -> None:
    """Insert samples, or check that they are recorded in the same way."""
    check_attempted(connection, batch.run, batch.iteration, batch.task)
    if not is_complete(connection, batch.run, batch.iteration):
        _insert(connection, batch, records, judge)
    # Reading back covers every way to differ: an earlier record, another process, an index twice.
    JournalMismatchError.raise_if(
        _differences(_read(connection, batch), records, judge),
        f"iteration {batch.iteration} of run {batch.run} holds other samples of the task "
        f"{task_name(connection, batch.task)} at temperature {batch.temperature}",
    )


def find(connection: Connection, batch: Batch) -> dict[int, SampleRecord]:
    """Return the samples of one task at one temperature, by index."""
    recorded = _read(connection, batch)
    return {index: record for index, (_, record) in recorded.items()}


def insert_programs(connection: Connection, impls: Iterable[str | None]) -> None:
    """Insert programs that are not there yet."""
    texts = {program_digest(impl): impl for impl in impls}
    insert_missing(
        connection,
        ProgramRow,
        [{"digest": digest, "text": text} for digest, text in texts.items()],
    )


def insert_verdicts(
    connection: Connection, task: str, records: Sequence[SampleRecord], judge: str
) -> None:
    """Insert verdicts that are not there yet; their programs must be."""
    insert_missing(
        connection,
        VerdictRow,
        [
            {
                "task": task,
                "judge": judge,
                "program": program_digest(record.answer.impl),
                "digest": verdict_digest(record.verdict),
                "content": to_json(verdict_content(record.verdict)),
                "seconds": record.verdict.seconds,
            }
            for record in records
        ],
    )


def verdict(connection: Connection, task: str, impl: str | None, judge: str) -> Verdict | None:
    """Return the verdict on one program; None if it has not been judged."""
    row = connection.execute(
        select(VerdictRow.content, VerdictRow.seconds).where(
            VerdictRow.task == task,
            VerdictRow.judge == judge,
            VerdictRow.program == program_digest(impl),
        )
    ).one_or_none()
    return None if row is None else read_verdict(*row)


def verdicts(connection: Connection, task: str, judge: str) -> dict[str, Verdict]:
    """Return all verdicts on answers to a task, by the program's digest."""
    rows = connection.execute(
        select(VerdictRow.program, VerdictRow.content, VerdictRow.seconds).where(
            VerdictRow.task == task, VerdictRow.judge == judge
        )
    )
    return {program: read_verdict(content, seconds) for program, content, seconds in rows}


def _insert(
    connection: Connection,
    batch: Batch,
    records: Sequence[SampleRecord],
    judge: str,
) -> None:
    insert_programs(connection, (record.answer.impl for record in records))
    insert_verdicts(connection, batch.task, records, judge)
    insert_missing(
        connection,
        SampleRow,
        [
            row | {"digest": row_digest(row, verdict_digest(record.verdict))}
            for record in records
            for row in [_row(batch, record, judge)]
        ],
    )


def _row(batch: Batch, record: SampleRecord, judge: str) -> dict[str, Any]:
    answer = record.answer
    return {
        **batch._asdict(),
        "sample": answer.index,
        "program": program_digest(answer.impl),
        "judge": judge,
        **answer.usage.model_dump(),
        "note": answer.note,
        "exchanges": to_json(answer.exchanges),
    }


def _read(connection: Connection, batch: Batch) -> dict[int, tuple[str, SampleRecord]]:
    """Return judge and sample, by index."""
    rows = connection.execute(
        select(
            SampleRow.sample,
            SampleRow.judge,
            SampleRow.note,
            SampleRow.exchanges,
            ProgramRow.text,
            VerdictRow.content,
            VerdictRow.seconds,
            *(getattr(SampleRow, name) for name in Usage.model_fields),
        )
        .join(ProgramRow, ProgramRow.digest == SampleRow.program)
        .join(VerdictRow, VERDICT_OF_SAMPLE)
        .where(
            SampleRow.run == batch.run,
            SampleRow.iteration == batch.iteration,
            SampleRow.task == batch.task,
            SampleRow.temperature == batch.temperature,
        )
        .order_by(SampleRow.sample)
    )
    return {
        row.sample: (
            row.judge,
            SampleRecord(
                answer=Answer(
                    index=row.sample,
                    impl=row.text,
                    usage=Usage(**{name: getattr(row, name) for name in Usage.model_fields}),
                    exchanges=exchange_keys(row.exchanges),
                    note=row.note,
                ),
                verdict=read_verdict(row.content, row.seconds),
            ),
        )
        for row in rows
    }


def _differences(
    recorded: Mapping[int, tuple[str, SampleRecord]], given: Sequence[SampleRecord], judge: str
) -> Iterator[str]:
    for record in given:
        index = record.answer.index
        if index not in recorded:
            yield f"sample {index}: not recorded, although the iteration is complete"
            continue
        for line in value_differences(_values(*recorded[index]), _values(judge, record)):
            yield f"sample {index}, {line}"


def _values(judge: str, record: SampleRecord) -> dict[str, Any]:
    """Name each value in which two samples can differ."""
    return {
        "judge": judge,
        "program": program_digest(record.answer.impl),
        **record.answer.usage.model_dump(),
        "note": record.answer.note,
        "exchanges": record.answer.exchanges,
        **{f"verdict.{name}": value for name, value in verdict_content(record.verdict).items()},
    }
