"""Runs and their tasks."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from json import loads

from sqlalchemy import Connection, func, insert, select, update

from hardwon.journal.compare import setting_differences, task_differences
from hardwon.journal.content import read_task, task_content, to_json
from hardwon.journal.database import insert_missing
from hardwon.journal.entries import JSON, RunRecord, RunState
from hardwon.journal.errors import JournalError, JournalMismatchError, NoRunError
from hardwon.journal.schema import ImportRow, RunRow, RunTaskRow, TaskRow
from hardwon.records import Task, digest_of


def begin(connection: Connection, configuration: Mapping[str, JSON], tasks: Sequence[Task]) -> int:
    """Insert a run and return its number."""
    _check_once(tasks)
    settings = dict(configuration)
    run = connection.scalars(
        insert(RunRow).returning(RunRow.id),
        {
            "configuration": to_json(settings),
            "configuration_digest": digest_of(settings),
            "created_at": datetime.now(UTC),
            "hardwon_version": version("hardwon"),
            "state": RunState.RUNNING,
        },
    ).one()
    insert_tasks(connection, tasks)
    _join(connection, run, tasks, wave=0)
    claim_imports(connection, run)
    return run


def resume(
    connection: Connection,
    configuration: Mapping[str, JSON],
    tasks: Sequence[Task],
    *,
    number: int | None,
    grow: bool,
) -> int:
    """Return a run, by default the latest, after checking that it is the same experiment."""
    run = number
    if run is None:
        run = connection.scalar(select(RunRow.id).order_by(RunRow.id.desc()).limit(1))
    if run is None:
        raise NoRunError("the journal holds no run that could be resumed; begin one")
    known = _task_names(connection, run)
    # A task that goes by the name of a recorded one is not new but changed.
    names = set(known.values())
    given = [task for task in tasks if not grow or task.test_name in names]
    differences = [
        *setting_differences(record(connection, run).configuration, configuration),
        *task_differences(known, given, waves=_waves(connection, run)),
    ]
    JournalMismatchError.raise_if(
        differences,
        f"run {run} is of another experiment; give what is recorded, or begin a new run",
    )
    if grow:
        extend(connection, run, tasks)
    return run


def extend(connection: Connection, run: int, tasks: Sequence[Task]) -> list[Task]:
    """Let tasks join a run that are not among its own yet, and return them."""
    record(connection, run)  # which tells that there is such a run
    known = set(task_digests(connection, run))
    new = [task for task in tasks if task.digest not in known]
    if new:
        _check_once(new)
        insert_tasks(connection, new)
        _join(connection, run, new, wave=next_wave(connection, run))
        reopen(connection, run)
    return new


def next_wave(connection: Connection, run: int) -> int:
    """Return the number of the wave in which something joins that joins now."""
    latest = [
        connection.scalar(select(func.max(table.wave)).where(table.run == run))
        for table in (RunTaskRow, ImportRow)
    ]
    return 1 + max((wave for wave in latest if wave is not None), default=0)


def reopen(connection: Connection, run: int) -> None:
    """Let a run go on that may have ended."""
    connection.execute(
        update(RunRow).where(RunRow.id == run).values(state=RunState.RUNNING, ending=None)
    )


def claim_imports(connection: Connection, run: int) -> None:
    """Give a run the experiences that were brought here before there was one."""
    connection.execute(update(ImportRow).where(ImportRow.run.is_(None)).values(run=run, wave=0))


def finish(connection: Connection, run: int, ending: str) -> None:
    """Record the ending of a run, if it has none yet."""
    recorded = record(connection, run).ending
    if recorded is None:
        connection.execute(
            update(RunRow).where(RunRow.id == run).values(state=RunState.FINISHED, ending=ending)
        )
    elif recorded != ending:
        raise JournalMismatchError(
            f"run {run} has ended already", [f"ending: recorded {recorded!r}, now {ending!r}"]
        )


def records(connection: Connection) -> list[RunRecord]:
    """Return all runs, oldest first."""
    numbers = connection.scalars(select(RunRow.id).order_by(RunRow.id)).all()
    return [record(connection, run) for run in numbers]


def record(connection: Connection, run: int) -> RunRecord:
    """Return one run, or raise NoRunError."""
    row = connection.execute(
        select(
            RunRow.configuration,
            RunRow.created_at,
            RunRow.hardwon_version,
            RunRow.state,
            RunRow.ending,
        ).where(RunRow.id == run)
    ).one_or_none()
    if row is None:
        raise NoRunError(f"the journal holds no run {run}")
    configuration, created_at, hardwon_version, state, ending = row
    return RunRecord(
        id=run,
        configuration=loads(configuration),
        created_at=created_at,
        hardwon_version=hardwon_version,
        state=RunState(state),
        ending=ending,
    )


def tasks(connection: Connection, run: int) -> list[Task]:
    """Return the tasks of a run, in order."""
    contents = connection.scalars(
        select(TaskRow.content)
        .join(RunTaskRow, RunTaskRow.task == TaskRow.digest)
        .where(RunTaskRow.run == run)
        .order_by(RunTaskRow.position)
    )
    return [read_task(content) for content in contents]


def tasks_by_wave(connection: Connection, run: int) -> dict[int, list[Task]]:
    """Return the tasks that joined a run together, in order."""
    rows = connection.execute(
        select(RunTaskRow.wave, TaskRow.content)
        .join(TaskRow, TaskRow.digest == RunTaskRow.task)
        .where(RunTaskRow.run == run)
        .order_by(RunTaskRow.position)
    )
    found: dict[int, list[Task]] = {}
    for wave, content in rows:
        found.setdefault(wave, []).append(read_task(content))
    return found


def insert_tasks(connection: Connection, tasks: Sequence[Task]) -> None:
    """Insert tasks that are not there yet."""
    insert_missing(
        connection,
        TaskRow,
        [
            {
                "digest": task.digest,
                "test_name": task.test_name,
                "content": to_json(task_content(task)),
            }
            for task in tasks
        ],
    )


def task_digests(connection: Connection, run: int, *, wave: int | None = None) -> list[str]:
    """Return the digests of a run's tasks, or of those of one wave, in order."""
    chosen = select(RunTaskRow.task).where(RunTaskRow.run == run)
    if wave is not None:
        chosen = chosen.where(RunTaskRow.wave == wave)
    return list(connection.scalars(chosen.order_by(RunTaskRow.position)))


def task_name(connection: Connection, digest: str) -> str:
    """Return the name of a task for a message; its digest if no run has it."""
    name = connection.scalar(select(TaskRow.test_name).where(TaskRow.digest == digest))
    return digest if name is None else name


def _task_names(connection: Connection, run: int) -> dict[str, str]:
    rows = connection.execute(
        select(TaskRow.digest, TaskRow.test_name)
        .join(RunTaskRow, RunTaskRow.task == TaskRow.digest)
        .where(RunTaskRow.run == run)
        .order_by(RunTaskRow.position)
    )
    return dict(rows.all())


def _waves(connection: Connection, run: int) -> dict[str, int]:
    rows = connection.execute(select(RunTaskRow.task, RunTaskRow.wave).where(RunTaskRow.run == run))
    return dict(rows.all())


def _join(connection: Connection, run: int, tasks: Sequence[Task], *, wave: int) -> None:
    first = len(task_digests(connection, run))
    insert_missing(
        connection,
        RunTaskRow,
        [
            {"run": run, "task": task.digest, "position": position, "wave": wave}
            for position, task in enumerate(tasks, start=first)
        ],
    )


def _check_once(tasks: Sequence[Task]) -> None:
    repeated = [digest for digest, n in Counter(task.digest for task in tasks).items() if n > 1]
    if repeated:
        names = sorted({task.test_name for task in tasks if task.digest in repeated})
        raise JournalError(f"a run needs each task once, but some come again: {', '.join(names)}")
