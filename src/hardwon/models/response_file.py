"""Answers of models in one SQLite file, shared by all runs of a user."""

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from pydantic import ValidationError
from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    select,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import CreateTable

from hardwon.records import Completion, Exchange

LOCK_TIMEOUT = 30.0
"""Seconds to wait for another process to end its transaction."""
VERSION = 1
"""Of the tables; a file of another version is not touched."""

_RESPONSES = Table(
    "responses",
    MetaData(),
    Column("key", String(64), primary_key=True),
    Column("model", Text, nullable=False),
    Column("completion", Text, nullable=False),
    Column("kept_at", String(32), nullable=False),
    sqlite_with_rowid=False,
)
_REASONS = {
    sqlite3.SQLITE_NOTADB: "it is not a database; remove it or choose another file",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; remove it, its answers are lost",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the path and its permissions",
    sqlite3.SQLITE_READONLY: "it is read-only; make the file and its folder writable",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk",
    sqlite3.SQLITE_BUSY: f"another process has kept it locked for {LOCK_TIMEOUT:.0f} s",
}


class CacheError(Exception):
    """The cache of answers cannot be used. Says which file and why."""


def default_cache_path() -> Path:
    """Return where a user's answers are: $HARDWON_CACHE, or in the user's folder for caches."""
    if chosen := os.environ.get("HARDWON_CACHE"):
        return Path(chosen).expanduser() / "responses.db"
    # The specification says that a relative path there is to be ignored.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not base.is_absolute():
        base = Path.home() / ".cache"
    return base / "hardwon" / "responses.db"


class ResponseFile:
    """A `ResponseStore` in a file. Any number of processes may use it at the same time.

    Prompts are not in it: they are part of the keys, and nothing else is needed to find an answer.
    """

    def __init__(self, path: Path) -> None:
        """Open a file, or create it together with its folder.

        Raises:
            CacheError: if that cannot be done.
        """
        self.path = path
        try:
            # Answers may hold what a prompt held; they are nobody else's business.
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise CacheError(f"{path}: the folder cannot be created ({error.strerror})") from error
        self._engine: Engine = create_engine(
            URL.create("sqlite", database=str(path)), connect_args={"timeout": LOCK_TIMEOUT}
        )
        event.listen(self._engine, "connect", _set_up)
        try:
            with self._transaction() as connection:
                self._prepare(connection)
        except BaseException:
            self.close()
            raise

    def find(self, key: str) -> Completion | None:
        """Return the completion kept under a key, if there is one.

        Raises:
            CacheError: if the file fails or does not hold what it should.
        """
        with self._transaction() as connection:
            query = select(_RESPONSES.c.completion).where(_RESPONSES.c.key == key)
            text = connection.scalar(query)
        if text is None:
            return None
        try:
            # Not by Pydantic's own reader, which refuses the lone surrogates that models do write.
            return Completion.model_validate(json.loads(text))
        except (ValueError, ValidationError) as error:
            raise CacheError(f"{self.path}: the answer {key[:16]} is damaged; remove it") from error

    def keep(self, exchange: Exchange) -> None:
        """Keep an exchange, unless there is one under its key.

        Raises:
            CacheError: if the file fails; nothing is kept then.
        """
        row = {
            "key": exchange.key,
            "model": exchange.model,
            # Pure ASCII, since a database takes no lone surrogates.
            "completion": json.dumps(exchange.completion.model_dump(mode="python")),
            "kept_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        with self._transaction() as connection:
            connection.execute(insert(_RESPONSES).on_conflict_do_nothing(), row)

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _prepare(self, connection: Connection) -> None:
        version = connection.exec_driver_sql("PRAGMA user_version").scalar()
        if version == 0:
            # Another process may be doing the same.
            connection.execute(CreateTable(_RESPONSES, if_not_exists=True))
            connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise CacheError(
                f"{self.path}: it is of version {version}, and this one reads {VERSION}; "
                "choose another file"
            )

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            code = getattr(error.orig, "sqlite_errorcode", None)
            # The low byte of SQLite's extended codes is the general one.
            reason = None if code is None else _REASONS.get(code & 0xFF)
            raise CacheError(f"{self.path}: {reason or error.orig}") from error


def _set_up(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    # After a power failure the last answers may be missing; the file is whole all the same.
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
