"""Databases for the tests of the journal: a file, and a schema on a PostgreSQL server."""

import os
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from journal_places import NewPlace

from hardwon.journal import Journal

SERVER = "HARDWON_TEST_POSTGRES"
"""Names the URL of a server on which the tests may make schemas; see `.ci/postgres`."""


@pytest.fixture(scope="session")
def server() -> str:
    """The URL of a PostgreSQL server."""
    if SERVER not in os.environ:
        pytest.skip(f"needs a PostgreSQL server, named by {SERVER} (see .ci/postgres)")
    return os.environ[SERVER]


@pytest.fixture
def postgres(server: str) -> Iterator[NewPlace]:
    """Makes schemas on the server, and drops them in the end."""
    import psycopg

    made: list[str] = []
    with closing(psycopg.connect(server, autocommit=True)) as connection:

        def new() -> str:
            name = f"journal_{secrets.token_hex(8)}"
            connection.execute(f"CREATE SCHEMA {name}".encode())
            made.append(name)
            return f"{server}?options={quote(f'-csearch_path={name}')}"

        yield new
        for name in made:
            connection.execute(f"DROP SCHEMA {name} CASCADE".encode())


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> NewPlace:
    """Either kind of database."""
    if request.param == "postgresql":
        place: NewPlace = request.getfixturevalue("postgres")
        return place
    numbers = iter(range(1000))
    return lambda: str(tmp_path / f"runs-{next(numbers)}.db")


@pytest.fixture
def place(new_place: NewPlace) -> str:
    """Where an empty journal can be made."""
    return new_place()


@pytest.fixture
def journal(place: str) -> Iterator[Journal]:
    """An empty journal."""
    with Journal.open(place) as journal:
        yield journal
