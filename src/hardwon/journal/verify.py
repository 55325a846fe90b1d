"""Checks a journal against itself: hashes and counts are derived again, links followed.

Hashes are derived from what is stored, not from records read from it: a later version of Hardwon
with more fields in a record still verifies the journals of this one.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from json import loads

from sqlalchemy import Connection, ForeignKeyConstraint, and_, func, select

from hardwon.journal import exchanges, iterations, seals
from hardwon.journal.content import completion_digest, message_digest
from hardwon.journal.errors import JournalError
from hardwon.journal.fault_wording import (
    difference,
    json_digest,
    json_value,
    sample_label,
    samples_with,
    short,
    task_label,
)
from hardwon.journal.rows import VERDICT_OF_SAMPLE, exchange_keys, row_digest
from hardwon.journal.schema import (
    Base,
    ExchangeRow,
    IterationRow,
    IterationTaskRow,
    MessageRow,
    ProgramRow,
    PromptRow,
    RunRow,
    SampleRow,
    TaskRow,
    VerdictRow,
)
from hardwon.journal.verify_experiences import experience_faults, import_faults
from hardwon.records import Message, Speaker, digest_of, program_digest


def find_faults(connection: Connection) -> Iterator[str]:
    """Yield a line for each thing that is wrong; nothing if all is as it was recorded."""
    yield from _program_faults(connection)
    yield from _task_faults(connection)
    yield from _verdict_faults(connection)
    yield from _run_faults(connection)
    yield from _sample_faults(connection)
    yield from _count_faults(connection)
    yield from _iteration_faults(connection)
    yield from experience_faults(connection)
    yield from import_faults(connection)
    yield from _prompt_faults(connection)
    yield from _exchange_faults(connection)
    for table in Base.metadata.sorted_tables:
        for link in sorted(table.foreign_key_constraints, key=lambda link: tuple(link.column_keys)):
            yield from _link_faults(connection, link)


def _program_faults(connection: Connection) -> Iterator[str]:
    for digest, text in connection.execute(select(ProgramRow.digest, ProgramRow.text)):
        found = program_digest(text)
        if found != digest:
            users = samples_with(connection, SampleRow.program == digest)
            yield (
                f"program {short(digest)}: its text has changed, {difference(digest, found)}{users}"
            )


def _task_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(TaskRow.digest, TaskRow.test_name, TaskRow.content))
    for digest, name, content in rows:
        found = json_digest(content)
        if found != digest:
            yield (
                f"task {short(digest)} ({name}): its content has changed, "
                f"{difference(digest, found)}"
            )
        elif loads(content)["test_name"] != name:
            yield (
                f"task {short(digest)} ({name}): its name has changed: expected "
                f"{loads(content)['test_name']}, found {name}"
            )


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
        found = json_digest(content)
        if found != digest:
            users = samples_with(
                connection,
                (SampleRow.task == task)
                & (SampleRow.judge == judge)
                & (SampleRow.program == program),
            )
            yield (
                f"verdict of judge {short(judge)} on program {short(program)} for task "
                f"{task_label(connection, task)}: its content has changed, "
                f"{difference(digest, found)}{users}"
            )


def _run_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(RunRow.id, RunRow.configuration, RunRow.configuration_digest))
    for run, configuration, digest in rows:
        found = json_digest(configuration)
        if found != digest:
            yield f"run {run}: its configuration has changed, {difference(digest, found)}"


def _sample_faults(connection: Connection) -> Iterator[str]:
    """Name samples that are not as they were recorded, as far as they were hashed one by one."""
    rows = connection.execute(
        select(SampleRow.__table__, VerdictRow.digest.label("verdict"))
        .join(VerdictRow, VERDICT_OF_SAMPLE)
        .order_by(SampleRow.run, SampleRow.iteration)
    ).mappings()
    for row in rows:
        found = row_digest(dict(row), row["verdict"])
        if row["digest"] not in {None, found}:
            yield (
                f"{sample_label(connection, row)}: its program, verdict, cost or note has changed, "
                f"{difference(row['digest'], found)}"
            )


def _count_faults(connection: Connection) -> Iterator[str]:
    """Name the tasks of complete iterations whose samples are not those that were counted."""
    rows = connection.execute(
        select(
            IterationTaskRow.run,
            IterationTaskRow.iteration,
            IterationTaskRow.task,
            IterationTaskRow.samples,
            IterationTaskRow.correct,
        ).order_by(IterationTaskRow.run, IterationTaskRow.iteration)
    ).all()
    missing = _gaps(connection)
    counted: dict[tuple[int, int], dict[str, seals.Counts]] = {}
    for run, index, task, samples, correct in rows:
        if (run, index) not in counted:
            counted[run, index] = seals.sample_counts(connection, run, index)
        found = counted[run, index].get(task, seals.Counts(0, 0))
        where = f"run {run}, iteration {index}, task {task_label(connection, task)}"
        if samples is not None and samples != found.samples:
            yield f"{where}: expected {samples} samples, found {found.samples}"
        if correct is not None and correct != found.correct:
            yield f"{where}: expected {correct} correct samples, found {found.correct}"
        if iterations.is_complete(connection, run, index):
            for temperature, sample in missing.get((run, index, task), ()):
                yield f"{where}: sample {sample} at temperature {temperature} is missing"


def _gaps(connection: Connection) -> dict[tuple[int, int, str], list[tuple[float, int]]]:
    """Return temperature and index of samples that are missing before others of their batch."""
    batches: dict[tuple[int, int, str, float], set[int]] = defaultdict(set)
    rows = connection.execute(
        select(
            SampleRow.run,
            SampleRow.iteration,
            SampleRow.task,
            SampleRow.temperature,
            SampleRow.sample,
        )
    )
    for run, index, task, temperature, sample in rows:
        batches[run, index, task, temperature].add(sample)
    gaps: dict[tuple[int, int, str], list[tuple[float, int]]] = defaultdict(list)
    for (run, index, task, temperature), there in sorted(batches.items()):
        gaps[run, index, task] += [
            (temperature, sample) for sample in range(max(there)) if sample not in there
        ]
    return gaps


def _iteration_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(
        select(IterationRow.run, IterationRow.iteration, IterationRow.digest).order_by(
            IterationRow.run, IterationRow.iteration
        )
    ).all()
    for position, (run, index, digest) in enumerate(rows):
        before = rows[position - 1] if position and rows[position - 1].run == run else None
        name = f"iteration {index} of run {run}"
        if index != (0 if before is None else before.iteration + 1):
            yield f"{name}: the iteration before it is missing"
        if before is not None and before.digest is None:
            yield f"{name}: the iteration before it is not complete"
        if digest is None:
            continue
        try:
            found = seals.derived_digest(connection, run, index)
        except JournalError as error:
            yield f"{name}: {error}"
            continue
        if digest != found:
            yield (
                f"{name}: its stratum, demonstrations, tasks or samples, or what it builds on, "
                f"have changed, {difference(digest, found)}"
            )


def _prompt_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(MessageRow.digest, MessageRow.speaker, MessageRow.text))
    for digest, speaker, text in rows:
        try:
            found = message_digest(Message(speaker=Speaker(speaker), text=text))
        except ValueError:
            found = None
        if found != digest:
            yield f"message {short(digest)}: it has changed, {difference(digest, found)}"
    for digest in connection.scalars(select(PromptRow.digest)).all():
        try:
            again = exchanges.prompt(connection, digest).digest
        except JournalError:
            continue  # one of its messages is named above
        if again != digest:
            yield f"prompt {short(digest)}: its messages have changed, {difference(digest, again)}"


def _exchange_faults(connection: Connection) -> Iterator[str]:
    known: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(select(ExchangeRow.__table__)).mappings():
        run, key = row["run"], row["key"]
        known[run].add(key)
        name = f"run {run}, exchange {short(key)}"
        request = json_value(row["parameters"])
        found = digest_of([row["model"], row["prompt"], request, row["sample"]])
        if found != key:
            yield f"{name}: its request has changed, {difference(key, found)}"
        answer = completion_digest(row["role"], json_value(row["completion"]))
        if answer != row["digest"]:
            yield f"{name}: its completion has changed, {difference(row['digest'], answer)}"
    rows = connection.execute(
        select(SampleRow.__table__).where(SampleRow.exchanges != "[]")
    ).mappings()
    for row in rows:
        try:
            keys: Sequence[str] = exchange_keys(row["exchanges"])
        except JournalError as error:
            yield f"{sample_label(connection, row)}: {error}"
            continue
        for key in keys:
            if key not in known[row["run"]]:
                yield f"{sample_label(connection, row)}: its exchange {short(key)} is missing"


def _link_faults(connection: Connection, link: ForeignKeyConstraint) -> Iterator[str]:
    """Name the rows that a table's rows refer to and that are missing."""
    source, target = link.table, link.referred_table
    ends = [(element.parent, element.column) for element in link.elements]
    rows = connection.execute(
        select(*(start for start, _ in ends), func.count())
        .select_from(source.outerjoin(target, and_(*(start == end for start, end in ends))))
        .where(ends[0][1].is_(None), *(start.is_not(None) for start, _ in ends))
        .group_by(*(start for start, _ in ends))
    )
    for *values, count in rows:
        key = ", ".join(
            f"{end.name} {short(value)}" for (_, end), value in zip(ends, values, strict=True)
        )
        yield f"{target.name}: no row has {key}, but {source.name} refers to it ({count} x)"
