"""Whatever holds for PostgreSQL alone."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from hardwon.journal.backends import WRITES
from hardwon.journal.errors import JournalError

_CONNECT_TIMEOUT = 10
"""Seconds until a server that does not answer counts as missing."""
_TAKE_TURNS = (
    "SELECT pg_advisory_xact_lock(hashtextextended('hardwon journal ' || current_schema(), 0))"
)
"""Waits until no other process writes to the same journal: to the tables of the same schema."""

_STATES = {
    "25006": "it is read-only; connect to a server and as a user that may write",
    "28000": "the server refuses this user; check the user name and the server's pg_hba.conf",
    "28P01": "the user name or the password is wrong; correct the URL, PGPASSWORD or ~/.pgpass",
    "3D000": "the server has no such database; create it, or correct its name in the URL",
    "42501": "the user may not do that; grant the rights to create tables and to write",
    "53100": "the server's disk is full; free some space and resume, all that was recorded before "
    "is safe",
    "53300": "the server has no connection to spare; close some, or raise max_connections",
    "55P03": "another process has kept it locked for too long; try again when that one is done",
    "57P03": "the server is not ready yet; try again in a moment",
    "XX001": "the database is damaged; restore it from a copy or start a new journal",
    "XX002": "an index is damaged; rebuild it by REINDEX, or restore the database from a copy",
}
"""By SQLSTATE (PostgreSQL's manual, appendix A)."""

_LOST = "the connection was lost; check the server and resume, all that was recorded before is safe"
_UNREACHABLE = "no server answers there; check that it runs, and the host and the port in the URL"
_PHRASES = (
    ("password authentication failed", _STATES["28P01"]),
    ("no password supplied", "it wants a password; give it by PGPASSWORD, ~/.pgpass or the URL"),
    (r"database \".*\" does not exist", _STATES["3D000"]),
    (r"role \".*\" does not exist", _STATES["28000"]),
    ("no pg_hba.conf entry|authentication failed", _STATES["28000"]),
    ("too many clients|connection slots", _STATES["53300"]),
    ("starting up|shutting down|recovery mode", _STATES["57P03"]),
    ("server closed the connection|terminating connection|connection is lost", _LOST),
    (
        "refused|timeout|No such file|could not translate|resolve host|unreachable|"
        "Name or service|name resolution",
        _UNREACHABLE,
    ),
)
"""What the client library says where it gives no SQLSTATE, which is so until it is connected."""


class Postgres:
    """A journal on a server. Psycopg is the driver, whichever one the URL leaves open."""

    def __init__(self, url: URL) -> None:
        if url.drivername not in {"postgresql", "postgresql+psycopg"}:
            raise JournalError(
                f"a journal is not kept by the driver {url.drivername!r}; begin the URL with "
                "postgresql://"
            )
        self._url = url.set(drivername="postgresql+psycopg")
        # Neither a password nor the query, which may hold one, is ever shown.
        shown = url.set(drivername="postgresql", query={})
        self.name = shown.render_as_string(hide_password=True)

    def engine(self, lock_timeout: float) -> Engine:
        """See `Backend.engine`."""
        settings: dict[str, Any] = {"application_name": "hardwon"}
        if "connect_timeout" not in self._url.query:
            settings["connect_timeout"] = _CONNECT_TIMEOUT
        try:
            # Asking before each transaction lets a run survive a server that restarts.
            engine = create_engine(self._url, connect_args=settings, pool_pre_ping=True)
        except ImportError as error:
            raise JournalError(
                f"journal {self.name}: the driver for PostgreSQL is not installed; "
                "install it by `pip install 'hardwon[postgres]'`"
            ) from error

        def begin(connection: Connection) -> None:
            if connection.get_execution_options().get(WRITES, False):
                wait = round(1000 * lock_timeout)
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait}")
                connection.exec_driver_sql(_TAKE_TURNS)
            else:
                connection.exec_driver_sql(
                    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                )

        event.listen(engine, "begin", begin)
        return engine

    def reason(self, error: DBAPIError) -> str | None:
        """See `Backend.reason`."""
        known = _STATES.get(getattr(error.orig, "sqlstate", None) or "")
        if known is not None:
            return known
        said = str(error.orig)
        for phrase, reason in _PHRASES:
            if re.search(phrase, said):
                return reason
        return _LOST if error.connection_invalidated else None

    def back_up(self, version: int) -> None:
        """Do nothing: the upgrade is one transaction, and copies are the server's affair."""

    def upgraded_copy(self, version: int) -> AbstractContextManager["Postgres"]:
        """See `Backend.upgraded_copy`; a server's database is not copied."""
        raise JournalError(
            f"journal {self.name}: its schema has the older version {version}; go on with a run in "
            "it, which upgrades it, or read it with the version of Hardwon that wrote it"
        )

    def storage_faults(self, connection: Connection) -> Iterator[str]:
        """Yield nothing: the server checks its own pages when it reads them."""
        del connection
        yield from ()
