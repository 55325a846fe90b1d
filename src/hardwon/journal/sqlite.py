"""Whatever holds for SQLite alone."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from hardwon.journal.backends import WRITES
from hardwon.journal.errors import JournalError

_REASONS = {
    sqlite3.SQLITE_NOTADB: "it is not a database; choose another file for the journal",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a copy or start a new journal",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check the path and the folder's permissions",
    sqlite3.SQLITE_PERM: "access is denied; check the permissions of the file and its folder",
    sqlite3.SQLITE_READONLY: "it is read-only; make the file and its folder writable",
    sqlite3.SQLITE_FULL: "the disk is full; free some space and resume, all that was recorded "
    "before is safe",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk and its free space",
    sqlite3.SQLITE_BUSY: "another process has kept it locked for too long; try again when that "
    "one is done",
}
_ENDINGS = ("-wal", "-shm", "-journal")
"""Of the files that SQLite keeps beside a database."""


class Sqlite:
    """A journal in a file."""

    def __init__(self, url: URL, *, create: bool, read_only: bool) -> None:
        self.name = url.database or "in memory"
        self._read_only = read_only
        self._file = _file_of(url)
        if self._file is not None:
            _check_place(self._file, create=create and not read_only)
        self._url = url
        if read_only and self._file is not None:
            self._url = _reading(self._file)

    def engine(self, lock_timeout: float) -> Engine:
        """See `Backend.engine`."""
        engine = create_engine(self._url, connect_args={"timeout": lock_timeout})
        event.listen(engine, "connect", _set_up_to_read if self._read_only else _set_up)
        event.listen(engine, "begin", _begin)
        return engine

    def reason(self, error: DBAPIError) -> str | None:
        """See `Backend.reason`."""
        code = getattr(error.orig, "sqlite_errorcode", None)
        # The low byte of SQLite's extended codes is the general one.
        return None if code is None else _REASONS.get(code & 0xFF)

    def back_up(self, version: int) -> None:
        """See `Backend.back_up`; the copy is named `FILE.vVERSION`."""
        if self._file is None:
            return
        copy = self._file.with_name(f"{self._file.name}.v{version}")
        # Made under another name first: a copy that a crash left behind may be half a copy.
        part = copy.with_name(f"{copy.name}.part")
        _copy(self._file, part)
        part.replace(copy)

    @contextmanager
    def upgraded_copy(self, version: int) -> Iterator["Sqlite"]:
        """See `Backend.upgraded_copy`."""
        del version
        if self._file is None:
            raise JournalError(f"journal {self.name}: it is of an older version; name its file")
        with tempfile.TemporaryDirectory(prefix="hardwon-journal-") as folder:
            copy = Path(folder) / self._file.name
            _copy(self._file, copy)
            yield Sqlite(URL.create("sqlite", database=str(copy)), create=False, read_only=False)

    def storage_faults(self, connection: Connection) -> Iterator[str]:
        """See `Backend.storage_faults`."""
        for line in connection.scalars(text("PRAGMA integrity_check(20)")):
            if line != "ok":
                yield f"the file itself is damaged: {line}"


def _file_of(url: URL) -> Path | None:
    """Return the file; None for a journal in memory, and where the user has a URI of SQLite's."""
    if url.database in {None, "", ":memory:"} or url.query.get("uri"):
        return None
    return Path(str(url.database))


def _check_place(file: Path, *, create: bool) -> None:
    if file.is_dir():
        raise JournalError(f"journal {file}: it is a folder; name a file in it")
    if not file.parent.is_dir():
        raise JournalError(f"journal {file}: the folder {file.parent} does not exist; create it")
    if not create and not file.exists():
        raise JournalError(f"journal {file}: it does not exist; check the path")


def _reading(file: Path) -> URL:
    """Return a URL by which a file is read and left as it is, with nothing beside it.

    Whoever may not write cannot tidy up either. So a journal that nobody has open is opened to be
    written, and then is not (`PRAGMA query_only`).
    """
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        query = {"mode": "ro"}  # in use, or left by a process that was killed
    elif os.access(file, os.W_OK) and os.access(file.parent, os.W_OK):
        query = {"mode": "rw"}
    else:
        query = {"mode": "ro", "immutable": "1"}  # nobody can change it here
    name = f"file:{quote(os.fsencode(file.absolute()))}"
    return URL.create("sqlite", database=name, query={**query, "uri": "true"})


def _copy(file: Path, target: Path) -> None:
    for ending in ("", *_ENDINGS):
        target.with_name(f"{target.name}{ending}").unlink(missing_ok=True)
    source = create_engine(_reading(file))
    try:
        with source.connect() as old, closing(sqlite3.connect(target)) as new:
            connection: Any = old.connection.driver_connection
            connection.backup(new)
    finally:
        source.dispose()


def _set_up(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    """Prepare a new connection: readers beside a writer, links that must hold, our own BEGIN."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _set_up_to_read(connection: DBAPIConnection, _record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    """Begin a transaction; writers take the lock at once.

    A transaction that reads first and writes later would fail, without any waiting, if another
    process wrote in between.
    """
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
