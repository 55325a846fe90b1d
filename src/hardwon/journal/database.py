"""The connection to a journal's database: transactions, and errors in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from hardwon.journal import schema, versions
from hardwon.journal.backends import LOCK_TIMEOUT, WRITES, Backend
from hardwon.journal.errors import JournalError
from hardwon.journal.postgres import Postgres
from hardwon.journal.sqlite import Sqlite

_INSERTS: dict[str, Callable[[type[schema.Base]], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
"""The one statement that each database has in a dialect of its own."""


class Database:
    """An open database with the journal's tables in it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._engine = backend.engine(LOCK_TIMEOUT)
        self._writer = self._engine.execution_options(**{WRITES: True})
        self._held = ExitStack()

    @classmethod
    def open(cls, path_or_url: str | Path, *, create: bool, read_only: bool = False) -> "Database":
        """Open a database; see `Journal.open`.

        Raises:
            JournalError: if it cannot be opened or is not a journal that this version reads.
        """
        database = cls(_backend_of(path_or_url, create=create, read_only=read_only))
        try:
            if read_only:
                return database._ready_to_read()
            database._prepare()
        except BaseException:
            database.close()
            raise
        return database

    def _prepare(self, *, keep_copy: bool = True) -> None:
        """Make the tables, or bring them to the present version."""
        if self._version() == schema.SCHEMA_VERSION:
            return
        with self.writing() as connection:
            # Asked again, because another process may have been faster.
            version = versions.version_of(connection, self._backend.name)
            if version is None:
                versions.create(connection)
            elif version < schema.SCHEMA_VERSION:
                if keep_copy:
                    self._back_up(version)
                versions.upgrade(connection, version)

    def _back_up(self, version: int) -> None:
        try:
            self._backend.back_up(version)
        except (OSError, DBAPIError) as error:
            raise JournalError(
                f"journal {self._backend.name}: a copy of it, to be kept before it is upgraded, "
                f"cannot be written beside it ({error}); free some space or make the folder "
                "writable"
            ) from error

    def _ready_to_read(self) -> "Database":
        """Return itself, or an upgraded copy of an older journal."""
        version = self._version()
        if version == schema.SCHEMA_VERSION:
            return self
        if version is None:
            raise JournalError(f"journal {self._backend.name}: nothing is recorded in it yet")
        copies = ExitStack()
        try:
            backend = copies.enter_context(self._backend.upgraded_copy(version))
            copy = Database(backend)
            copies.callback(copy._engine.dispose)
            copy._prepare(keep_copy=False)
        except BaseException:
            copies.close()
            raise
        self.close()
        copy._held = copies
        return copy

    def _version(self) -> int | None:
        with self.reading() as connection:
            return versions.version_of(connection, self._backend.name)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._held.close()

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

    def storage_faults(self) -> list[str]:
        """Return a line for each thing that the database itself finds damaged."""
        with self.reading() as connection:
            return list(self._backend.storage_faults(connection))

    @contextmanager
    def _failing_in_words(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            reason = self._backend.reason(error) or str(error.orig).strip()
            raise JournalError(f"journal {self._backend.name}: {reason}") from error


def insert_missing(
    connection: Connection, table: type[schema.Base], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert rows, passing over those whose key is taken, even if the rest of the row differs."""
    if rows:
        statement = _INSERTS[connection.dialect.name](table).on_conflict_do_nothing()
        connection.execute(statement, rows)


def without_password(path_or_url: str) -> str:
    """Return a URL fit to be shown and written down: without its password, wherever it stands.

    Raises:
        JournalError: if it is no URL.
    """
    if "://" not in path_or_url:
        return path_or_url
    url = _url_of(path_or_url)._replace(password=None)
    secrets = [name for name in url.query if "password" in name]
    return url.difference_update_query(secrets).render_as_string(hide_password=False)


def _backend_of(path_or_url: str | Path, *, create: bool, read_only: bool) -> Backend:
    """Return the backend for a file or a URL.

    Args:
        path_or_url: a file, or a URL as SQLAlchemy reads it.
        create: whether a file may be created.
        read_only: whether nothing will be written.

    Raises:
        JournalError: if it names no database that can hold a journal.
    """
    url = _url_of(path_or_url)
    match url.get_backend_name():
        case "sqlite":
            return Sqlite(url, create=create, read_only=read_only)
        case "postgresql":
            return Postgres(url)
        case other:
            raise JournalError(
                f"a journal cannot be kept in {other!r}; give a file, or a URL that begins with "
                "sqlite:/// or postgresql://"
            )


def _url_of(path_or_url: str | Path) -> URL:
    """Return the URL that names a database; a text without `://` is a file.

    Raises:
        JournalError: if it is no URL.
    """
    if isinstance(path_or_url, Path) or "://" not in path_or_url:
        return URL.create("sqlite", database=str(path_or_url))
    # The short form that many services hand out.
    text = path_or_url.replace("postgres://", "postgresql://", 1)
    try:
        return make_url(text)
    except (ArgumentError, ValueError) as error:
        # Says nothing of what was given: a password may be in it.
        raise JournalError(
            "what begins with "
            f"{path_or_url.partition('://')[0]!r} is not the URL of a database; "
            "write it like postgresql://USER@HOST:PORT/DATABASE"
        ) from error
