"""What a journal needs of a database, beyond the queries that all of them share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

LOCK_TIMEOUT = 30.0
"""Seconds to wait for another process to end its transaction."""

WRITES = "journal_writes"
"""Execution option of the connections that mean to write."""


class Backend(Protocol):
    """Whatever one kind of database does in its own way."""

    @property
    def name(self) -> str:
        """What to call the database in messages. Holds no password."""
        ...

    def engine(self, lock_timeout: float) -> Engine:
        """Return an engine whose transactions begin as the journal needs them.

        Readers see one state throughout. Writers, told by the execution option `WRITES`, come one
        at a time, because a transaction looks first what is recorded and writes then.
        """
        ...

    def reason(self, error: DBAPIError) -> str | None:
        """Put an error into words that tell what would help; None if it is an unusual one."""
        ...

    def back_up(self, version: int) -> None:
        """Keep a copy of a journal that is about to be upgraded, where the database is a file."""
        ...

    def upgraded_copy(self, version: int) -> AbstractContextManager["Backend"]:
        """Give a copy that may be upgraded, of an older journal that is to be read only."""
        ...

    def storage_faults(self, connection: Connection) -> Iterator[str]:
        """Yield a line for each thing that the database itself finds damaged."""
        ...
