"""Checks a journal against itself: hashes and counts are derived again, links followed.

Hashes are derived from what is stored, not from records read from it: a later version of Hardwon
with more fields in a record still verifies the journals of this one.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from json import loads
from typing import Any

from sqlalchemy import ColumnElement, Connection, ForeignKeyConstraint, and_, func, select

from hardwon.journal import exchanges, iterations
from hardwon.journal.content import completion_digest, is_correct, message_digest
from hardwon.journal.errors import JournalError
from hardwon.journal.rows import VERDICT_OF_SAMPLE, exchange_keys, row_digest
from hardwon.journal.runs import task_name
from hardwon.journal.schema import (
    Base,
    ExchangeRow,
    ExperienceRow,
    ImportRow,
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
    yield from _experience_faults(connection)
    yield from _import_faults(connection)
    yield from _prompt_faults(connection)
    yield from _exchange_faults(connection)
    for table in Base.metadata.sorted_tables:
        for link in sorted(table.foreign_key_constraints, key=lambda link: tuple(link.column_keys)):
            yield from _link_faults(connection, link)


def _program_faults(connection: Connection) -> Iterator[str]:
    for digest, text in connection.execute(select(ProgramRow.digest, ProgramRow.text)):
        found = program_digest(text)
        if found != digest:
            users = _samples_with(connection, SampleRow.program == digest)
            yield (
                f"program {_short(digest)}: its text has changed, {_other(digest, found)}{users}"
            )


def _task_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(TaskRow.digest, TaskRow.test_name, TaskRow.content))
    for digest, name, content in rows:
        found = _json_digest(content)
        if found != digest:
            yield (
                f"task {_short(digest)} ({name}): its content has changed, {_other(digest, found)}"
            )
        elif loads(content)["test_name"] != name:
            yield (
                f"task {_short(digest)} ({name}): its name has changed: expected "
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
        found = _json_digest(content)
        if found != digest:
            users = _samples_with(
                connection,
                (SampleRow.task == task)
                & (SampleRow.judge == judge)
                & (SampleRow.program == program),
            )
            yield (
                f"verdict of judge {_short(judge)} on program {_short(program)} for task "
                f"{_task(connection, task)}: its content has changed, "
                f"{_other(digest, found)}{users}"
            )


def _run_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(RunRow.id, RunRow.configuration, RunRow.configuration_digest))
    for run, configuration, digest in rows:
        found = _json_digest(configuration)
        if found != digest:
            yield f"run {run}: its configuration has changed, {_other(digest, found)}"


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
                f"{_sample(connection, row)}: its program, verdict, cost or note has changed, "
                f"{_other(row['digest'], found)}"
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
    counted: dict[tuple[int, int], dict[str, iterations.Counts]] = {}
    for run, index, task, samples, correct in rows:
        if (run, index) not in counted:
            counted[run, index] = iterations.sample_counts(connection, run, index)
        found = counted[run, index].get(task, iterations.Counts(0, 0))
        where = f"run {run}, iteration {index}, task {_task(connection, task)}"
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
            found = iterations.derived_digest(connection, run, index)
        except JournalError as error:
            yield f"{name}: {error}"
            continue
        if digest != found:
            yield (
                f"{name}: its stratum, demonstrations, tasks or samples, or what it builds on, "
                f"have changed, {_other(digest, found)}"
            )


def _experience_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(ExperienceRow.__table__)).mappings().all()
    batches = _batches(connection)
    efforts = _efforts(connection)
    solved = _solutions(connection)
    for row in rows:
        run, task = row["run"], row["task"]
        name = f"experience {_short(row['digest'])} of run {run}, task {_task(connection, task)}"
        yield from _content_faults(name, dict(row), row["iteration"])
        if (run, row["iteration"], task, row["program"]) not in solved:
            yield (
                f"{name}: iteration {row['iteration']} has no correct sample of its program "
                f"{_short(row['program'])}"
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
                f"which are {_listed(counts)}, found {row['correct']} of {row['samples']}"
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
                f"run {run}, iteration {index}, task {_task(connection, task)}: expected an "
                f"experience, since correct samples are {_listed(counts)}, found none"
            )


def _import_faults(connection: Connection) -> Iterator[str]:
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
        task = _task(connection, row["task"])
        name = f"imported experience {_short(row['digest'])} of {run}, task {task}"
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
        yield f"{name}: it has changed, {_other(row['digest'], found)}"
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
        if _json_digest(content) == digest and is_correct(content)
    }


def _prompt_faults(connection: Connection) -> Iterator[str]:
    rows = connection.execute(select(MessageRow.digest, MessageRow.speaker, MessageRow.text))
    for digest, speaker, text in rows:
        try:
            found = message_digest(Message(speaker=Speaker(speaker), text=text))
        except ValueError:
            found = None
        if found != digest:
            yield f"message {_short(digest)}: it has changed, {_other(digest, found)}"
    for digest in connection.scalars(select(PromptRow.digest)).all():
        try:
            again = exchanges.prompt(connection, digest).digest
        except JournalError:
            continue  # one of its messages is named above
        if again != digest:
            yield f"prompt {_short(digest)}: its messages have changed, {_other(digest, again)}"


def _exchange_faults(connection: Connection) -> Iterator[str]:
    known: dict[int, set[str]] = defaultdict(set)
    for row in connection.execute(select(ExchangeRow.__table__)).mappings():
        run, key = row["run"], row["key"]
        known[run].add(key)
        name = f"run {run}, exchange {_short(key)}"
        request = _parsed(row["parameters"])
        found = digest_of([row["model"], row["prompt"], request, row["sample"]])
        if found != key:
            yield f"{name}: its request has changed, {_other(key, found)}"
        answer = completion_digest(row["role"], _parsed(row["completion"]))
        if answer != row["digest"]:
            yield f"{name}: its completion has changed, {_other(row['digest'], answer)}"
    rows = connection.execute(
        select(SampleRow.__table__).where(SampleRow.exchanges != "[]")
    ).mappings()
    for row in rows:
        try:
            keys: Sequence[str] = exchange_keys(row["exchanges"])
        except JournalError as error:
            yield f"{_sample(connection, row)}: {error}"
            continue
        for key in keys:
            if key not in known[row["run"]]:
                yield f"{_sample(connection, row)}: its exchange {_short(key)} is missing"


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
            f"{end.name} {_short(value)}" for (_, end), value in zip(ends, values, strict=True)
        )
        yield f"{target.name}: no row has {key}, but {source.name} refers to it ({count} x)"


def _samples_with(connection: Connection, condition: ColumnElement[bool]) -> str:
    """Say which samples a thing belongs to: the first of them, and how many there are."""
    rows = connection.execute(
        select(SampleRow.__table__)
        .where(condition)
        .order_by(SampleRow.run, SampleRow.iteration, SampleRow.temperature, SampleRow.sample)
    ).mappings()
    found = rows.all()
    if not found:
        return ""
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"; it is that of {_sample(connection, found[0])}{others}"


def _sample(connection: Connection, row: Any) -> str:
    return (
        f"run {row['run']}, iteration {row['iteration']}, task {_task(connection, row['task'])}, "
        f"sample {row['sample']} at temperature {row['temperature']}"
    )


def _task(connection: Connection, digest: str) -> str:
    """Name a task so that it can be found in the journal and by a reader."""
    name = task_name(connection, digest)
    return _short(digest) if name == digest else f"{name} ({_short(digest)})"


def _listed(counts: Sequence[tuple[int, int]]) -> str:
    lines = [f"{correct} of {samples}" for correct, samples in counts]
    return ", ".join(dict.fromkeys(lines)) or "none"


def _other(expected: str, found: str | None) -> str:
    what = "something unreadable" if found is None else _short(found)
    return f"expected {_short(expected)}, found {what}"


def _parsed(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


def _json_digest(text: str) -> str | None:
    """Hash the value that a JSON text states; None if it states none."""
    try:
        return digest_of(loads(text))
    except ValueError:
        return None


def _short(value: Any) -> str:
    """Shorten a digest to what tells it apart."""
    return str(value)[:12]
