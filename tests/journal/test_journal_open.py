"""A journal that cannot be opened or written says why, and what to do."""

import multiprocessing
import os
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from journal_values import JUDGE, make_sample, make_task
from sqlalchemy import URL, Engine, event
from sqlalchemy.schema import CreateTable

from hardwon.journal import Journal, JournalError, database, schema

TASK = make_task()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal with a run that waits for samples."""
    file = tmp_path / "runs.db"
    with Journal.open(file) as journal:
        run = journal.begin_run({}, [TASK])
        journal.begin_iteration(run, 0, 0, [], [TASK])
    return file


@contextmanager
def every_connection(pragma: str) -> Iterator[None]:
    """Run a pragma on each database connection that is made meanwhile."""

    def run(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    event.listen(Engine, "connect", run)
    try:
        yield
    finally:
        event.remove(Engine, "connect", run)


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


def test_a_journal_is_opened_by_path_or_by_url(file: Path) -> None:
    for name in (file, str(file), f"sqlite:///{file}"):
        with Journal.open(name, create=False) as journal:
            assert journal.tasks(1) == [TASK]


def test_a_journal_may_have_any_file_name(tmp_path: Path) -> None:
    file = tmp_path / "a run?mode=ro#1 %20é.db"
    with Journal.open(file) as journal:
        journal.begin_run({}, [TASK])
    assert file.is_file()


def _text(folder: Path) -> Path:
    file = folder / "notes.txt"
    file.write_text("not a database " * 100)
    return file


def _other_database(folder: Path) -> Path:
    file = folder / "other.db"
    execute(file, "CREATE TABLE songs (title TEXT)")
    return file


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        (_text, "notes.txt: it is not a database; choose another"),
        (_other_database, "other.db: it is a database of something else; choose another one"),
        (lambda folder: folder, "it is a folder; name a file"),
        (lambda folder: folder / "no" / "runs.db", "does not exist; create it"),
        (lambda folder: "mysql://host/runs", "'mysql'; give a file, or a URL that begins with"),
        (lambda folder: "://runs", "is not the URL of a database"),
        (lambda folder: f"sqlite:///file:{folder}/no.db?mode=ro&uri=true", "cannot be opened"),
    ],
)
def test_what_cannot_be_opened_is_refused_with_the_reason(
    tmp_path: Path, place: Callable[[Path], Path | str], reason: str
) -> None:
    with pytest.raises(JournalError) as caught:
        Journal.open(place(tmp_path))
    assert reason in str(caught.value)


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    file = _other_database(tmp_path)
    with pytest.raises(JournalError):
        Journal.open(file)
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


def test_a_missing_journal_is_created_only_on_request(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    with pytest.raises(JournalError, match="does not exist; check the path"):
        Journal.open(file, create=False)
    assert not file.exists()


def test_an_empty_file_becomes_a_journal(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    file.touch()
    with Journal.open(file) as journal:
        assert journal.begin_run({}, [TASK]) == 1


@pytest.mark.parametrize(
    ("statement", "version"),
    [
        (f"UPDATE journal_schema SET version = {schema.SCHEMA_VERSION + 1}", "version 3"),
        ("DELETE FROM journal_schema", "version None"),
    ],
)
def test_another_schema_version_is_refused(file: Path, statement: str, version: str) -> None:
    execute(file, statement)
    with pytest.raises(JournalError) as caught:
        Journal.open(file)
    assert f"its schema has {version}, but this Hardwon reads versions up to 2" in str(caught.value)
    assert "install the version of Hardwon that wrote it, or a later one" in str(caught.value)


def test_a_read_only_journal_can_be_read_and_says_that_it_is(file: Path) -> None:
    url = f"sqlite:///file:{file}?mode=ro&uri=true"
    with Journal.open(url) as journal:
        assert journal.tasks(1) == [TASK]
        with pytest.raises(JournalError, match="read-only; make the file and its folder writable"):
            journal.begin_run({}, [TASK])


def test_a_full_disk_says_so_and_keeps_what_was_recorded(file: Path) -> None:
    kept = [make_sample(0)]
    with Journal.open(file) as journal:
        journal.record_samples(1, 0, TASK.digest, 0.7, kept, judge=JUDGE)
    with every_connection("max_page_count = 1"), Journal.open(file) as journal:
        rows = [make_sample(index, f"p{index}") for index in range(1, 200)]
        with pytest.raises(JournalError, match="disk is full; free some space and resume"):
            journal.record_samples(1, 0, TASK.digest, 0.7, rows, judge=JUDGE)
        assert journal.samples(1, 0, TASK.digest, 0.7) == dict(enumerate(kept))
        assert journal.verify() == []


def test_a_damaged_file_says_so(file: Path) -> None:
    page = 4096
    content = bytearray(file.read_bytes())
    content[page:] = bytes(len(content) - page)
    file.write_bytes(content)
    with pytest.raises(JournalError, match="damaged; restore it"), Journal.open(file) as journal:
        journal.verify()


def test_a_writer_that_waits_in_vain_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Journal.open(file) as journal:
            assert journal.tasks(1) == [TASK], "readers need not wait"
            with pytest.raises(JournalError, match="another process has kept it locked"):
                journal.begin_run({}, [TASK])


def test_a_writer_need_not_wait_for_readers(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.01)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN")
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        with Journal.open(file) as journal:
            journal.begin_run({}, [TASK])
        assert other.execute("SELECT count(*) FROM runs").fetchone() == (1,), "not its snapshot"


def test_links_are_enforced_while_writing(file: Path) -> None:
    with (
        closing(database.Database.open(file, create=False)) as opened,
        pytest.raises(JournalError, match="FOREIGN KEY"),
        opened.writing() as connection,
    ):
        row = {"run": 7, "task": TASK.digest, "position": 0}
        database.insert_missing(connection, schema.RunTaskRow, [row])


@pytest.mark.parametrize("name", ["sqlite", "postgresql"])
def test_the_tables_can_be_stated_for_either_database(name: str) -> None:
    dialect = URL.create(name).get_dialect()()
    for table in schema.Base.metadata.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))


def test_reading_leaves_nothing_behind(file: Path) -> None:
    before = file.read_bytes()
    with Journal.open(file, read_only=True) as journal:
        assert journal.tasks(1) == [TASK]
        with pytest.raises(JournalError, match="read-only"):
            journal.begin_run({}, [TASK])
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_what_a_killed_process_left_in_the_log_is_read_and_left_there(
    file: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    with Journal.open(file) as journal:
        journal.begin_run({}, [TASK])
        for ending in ("", "-wal"):
            name = f"{file.name}{ending}"
            (copy / name).write_bytes(file.with_name(name).read_bytes())
    log = (copy / f"{file.name}-wal").read_bytes()
    with Journal.open(copy / file.name, read_only=True) as journal:
        assert len(journal.runs()) == 2
    assert (copy / f"{file.name}-wal").read_bytes() == log


def _read_as_somebody_else(file: Path, pipe: Connection) -> None:
    os.setuid(65534)
    with Journal.open(file, read_only=True) as journal:
        pipe.send(len(journal.runs()))


@pytest.mark.skipif(os.getuid() != 0, reason="has to become a user who may not write")
def test_a_journal_in_a_folder_that_nobody_may_write_can_be_read(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folder is nobody else's business
        folder = Path(name)
        file = folder / "runs.db"
        with Journal.open(file) as journal:
            journal.begin_run({}, [TASK])
        folder.chmod(0o555)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["hardwon.journal"])
        result, pipe = context.Pipe(duplex=False)
        process = context.Process(target=_read_as_somebody_else, args=(file, pipe))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert result.recv() == 1
        assert list(folder.iterdir()) == [file]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one mebibyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        said = mounted.stderr.strip()
    except OSError as error:
        pytest.skip(f"cannot mount a disk: {error}")
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a disk: {said}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_run_goes_on_when_a_full_disk_has_space_again(tiny_disk: Path, tmp_path: Path) -> None:
    def play(file: Path) -> list[str | None]:
        with Journal.open(file) as journal:
            run = journal.begin_run({}, [TASK]) if not journal.runs() else 1
            journal.begin_iteration(run, 0, 0, [], [TASK])
            for start in range(len(journal.samples(run, 0, TASK.digest, 0.7)), 400, 10):
                rows = [make_sample(n, f"{n} {'x' * 900}") for n in range(start, start + 10)]
                journal.record_samples(run, 0, TASK.digest, 0.7, rows, judge=JUDGE)
            journal.finish_iteration(run, 0)
            return [step.digest for step in journal.iterations(run)]

    file = tiny_disk / "runs.db"
    with pytest.raises(JournalError, match=r"the disk is full|check the disk and its free space"):
        play(file)
    grow = ["mount", "-o", "remount,size=8m", str(tiny_disk)]
    with Journal.open(file, read_only=True) as journal:
        kept = len(journal.samples(1, 0, TASK.digest, 0.7))
        assert journal.verify() == []
    assert 0 < kept < 400
    subprocess.run(grow, check=True)
    assert play(file) == play(tmp_path / "whole.db")
