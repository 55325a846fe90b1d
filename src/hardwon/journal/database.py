"""The connection to a journal's database: transactions, and errors in words.

Whatever holds for SQLite alone is in this module.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from hardwon.journal import schema
from hardwon.journal.errors import JournalError

LOCK_TIMEOUT = 30.0
"""Seconds to wait for another process to end its transaction."""

_WRITES = "journal_writes"
"""Execution option of the connections that mean to write."""

_REASONS = {
    sqlite3.SQLITE_NOTADB: "it is not a database; choose another file for the journal",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a copy or start a new journal",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the path and the folder's permissions",
    sqlite3.SQLITE_PERM: "access is denied; check the permissions of the file and its folder",
    sqlite3.SQLITE_READONLY: "it is read-only; make the file and its folder writable",
    sqlite3.SQLITE_FULL: "the disk is full; free some space and resume, all that was recorded "
    "before is safe",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk and its free space",
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for {LOCK_TIMEOUT:.0f} s; "
    "try again when that one is done",
}

_INSERTS: dict[str, Callable[[type[schema.Base]], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The one statement that each database has in a dialect of its own."""


class Database:
    """An open database with the journal's tables in it."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{_WRITES: True})
        self._name = name

    @classmethod
    def open(cls, path_or_url: str | Path, *, create: bool) -> "Database":
        """Open a database; if it is empty or does not exist yet, create the tables.

        Args:
            path_or_url: a file, or a URL as SQLAlchemy reads it.
            create: whether a file that does not exist is created.

        Raises:
            JournalError: if it cannot be opened or is not a journal that this version reads.
        """
        url = _url_of(path_or_url)
        _check_place(url, create=create)
        engine = create_engine(url, connect_args={"timeout": LOCK_TIMEOUT})
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin)
        database = cls(engine, url.database or "in memory")
        try:
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self) -> None:
        with self.reading() as connection:
            ready = schema.is_ready(connection, self._name)
        if not ready:
            with self.writing() as connection:
                # Asked again, because another process may have been faster.
                if not schema.is_ready(connection, self._name):
                    schema.create(connection)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the journal, whatever others write meanwhile.

        Raises:
            JournalError: if the database fails.
        """
        with self._failing_in_words(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are recorded all together, or not at all.

        Raises:
            JournalError: if the database fails; nothing of the transaction is recorded then.
        """
        with self._failing_in_words(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _failing_in_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            # The low byte of SQLite's extended codes is the general one.
            reason = None if code is None else _REASONS.get(code & 0xFF)
            raise JournalError(f"journal {self._name}: {reason or error.orig}") from error


def insert_missing(
    connection: Connection, table: type[schema.Base], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows, passing over those whose key is taken, even if the rest of the row differs."""
    if rows:
        statement = _INSERTS[connection.dialect.name](table).on_conflict_do_nothing()
        connection.execute(statement, rows)


def _url_of(path_or_url: str | Path) -> URL:
    if isinstance(path_or_url, Path) or "://" not in path_or_url:
        return URL.create("sqlite", database=str(path_or_url))
    try:
        url = make_url(path_or_url)
    except ArgumentError as error:
        raise JournalError(f"{path_or_url!r} is not the URL of a database") from error
    if url.get_backend_name() != "sqlite":
        raise JournalError(
            f"a journal cannot be kept in {url.get_backend_name()!r} yet; "
            "give a file, or a URL that begins with sqlite:///"
        )
    return url


def _check_place(url: URL, *, create: bool) -> None:
    if url.database in {None, "", ":memory:"} or url.query.get("uri"):
        return
    file = Path(str(url.database))
    if file.is_dir():
        raise JournalError(f"journal {file}: it is a folder; name a file in it")
    if not file.parent.is_dir():
        raise JournalError(f"journal {file}: the folder {file.parent} does not exist; create it")
    if not create and not file.exists():
        raise JournalError(f"journal {file}: it does not exist; check the path")


def _set_up(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Prepare a new connection: readers beside a writer, links that must hold, our own BEGIN."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Begin a transaction; writers take the lock at once.

    A transaction that reads first and writes later would fail, without any waiting, if another
    process wrote in between.
    """
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
