"""Which version of the tables a database has, and how it gets the present one."""

from sqlalchemy import Connection, func, insert, inspect, select

from hardwon.journal.errors import JournalError
from hardwon.journal.schema import SCHEMA_VERSION, Base, SchemaRow

_SCRIPTS = "hardwon.journal:migrations"


def version_of(connection: Connection, name: str) -> int | None:
    """Return the version of the tables; None if the database is empty.

    Args:
        connection: to the database.
        name: what to call the database in errors.

    Raises:
        JournalError: if it holds something else, or tables that only a later Hardwon knows.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return None
    if SchemaRow.__tablename__ not in tables:
        raise JournalError(
            f"journal {name}: it is a database of something else; choose another one"
        )
    version: int | None = connection.scalar(select(func.max(SchemaRow.version)))
    if version is None or not 1 <= version <= SCHEMA_VERSION:
        raise JournalError(
            f"journal {name}: its schema has version {version}, but this Hardwon reads versions up "
            f"to {SCHEMA_VERSION}; install the version of Hardwon that wrote it, or a later one"
        )
    return version


def create(connection: Connection) -> None:
    """Create all tables in an empty database.

    The tables come from the mapping and not from the migrations, so that only journals of older
    versions pay for loading Alembic; a test holds the two together.
    """
    Base.metadata.create_all(connection)
    connection.execute(insert(SchemaRow), {"version": SCHEMA_VERSION})


def upgrade(connection: Connection, version: int) -> None:
    """Bring older tables to the present version, inside the connection's transaction."""
    from alembic import command  # noqa: PLC0415 - most journals are never upgraded
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    config.attributes["connection"] = connection
    # Version 1 knew no Alembic, and new journals are made without it: say where to begin.
    command.stamp(config, str(version))
    command.upgrade(config, "head")
