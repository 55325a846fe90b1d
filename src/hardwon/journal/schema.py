"""The tables of a journal, version 1.

Rows are added and completed, never changed or deleted. Content (tasks, programs, verdicts) is
named by its hash and shared by all runs of a journal; the rest belongs to one run.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import (
    CheckConstraint,
    Connection,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hardwon.journal.entries import RunState
from hardwon.journal.errors import JournalError
from hardwon.records import NO_PROGRAM

SCHEMA_VERSION = 1

_ESCAPED = "escaped:"
_REFUSED = re.compile("[\0\ud800-\udfff]")


class ExactText(TypeDecorator[str]):
    """Text that comes back character by character.

    Models write NUL characters and lone surrogates now and then, which databases refuse. Such
    texts, and those that begin with the mark, are stored escaped, behind a mark; others as is.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: D102
        if value is None or not (value.startswith(_ESCAPED) or _REFUSED.search(value)):
            return value
        return _ESCAPED + value.encode("unicode_escape").decode("ascii")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: D102
        if not isinstance(value, str) or not value.startswith(_ESCAPED):
            return value
        try:
            return value.removeprefix(_ESCAPED).encode("ascii").decode("unicode_escape")
        except UnicodeError:
            return value  # Not written by us: let `verify` find it.


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, kept in UTC by databases that know no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: D102
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: D102
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


Digest = Annotated[str, mapped_column(String(64))]
"""64 hex digits, or `NO_PROGRAM` in place of a program."""


class Base(DeclarativeBase):
    """The tables below. Every constraint has a name, so that migrations can refer to it."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {str: ExactText(), datetime: UtcDateTime()}  # noqa: RUF012


class SchemaRow(Base):
    """The one row that tells which version of these tables a database has."""

    __tablename__ = "journal_schema"

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class TaskRow(Base):
    """A question that some run asks."""

    __tablename__ = "tasks"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    test_name: Mapped[str]
    content: Mapped[str]
    """The task without its answer, as JSON."""


class ProgramRow(Base):
    """A distinct answer."""

    __tablename__ = "programs"
    __table_args__ = (
        CheckConstraint(f"(text IS NULL) = (digest = '{NO_PROGRAM}')", name="text_or_marker"),
    )

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    text: Mapped[str | None]
    """None in one row only, the one that stands for answers without a program."""


class VerdictRow(Base):
    """What one configuration of the judge says of one program as an answer to one task."""

    __tablename__ = "verdicts"

    task: Mapped[Digest] = mapped_column(ForeignKey(TaskRow.digest), primary_key=True)
    judge: Mapped[Digest] = mapped_column(primary_key=True)
    program: Mapped[Digest] = mapped_column(ForeignKey(ProgramRow.digest), primary_key=True)
    digest: Mapped[Digest]
    content: Mapped[str]
    """The verdict without its seconds, as JSON."""
    seconds: Mapped[float]


class RunRow(Base):
    """A run of the learning loop."""

    __tablename__ = "runs"
    __table_args__ = (
        CheckConstraint(
            f"(ending IS NULL AND state = '{RunState.RUNNING}') OR "
            f"(ending IS NOT NULL AND state = '{RunState.FINISHED}')",
            name="state_agrees_with_ending",
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    configuration: Mapped[str]
    """As JSON."""
    configuration_digest: Mapped[Digest]
    created_at: Mapped[datetime]
    hardwon_version: Mapped[str]
    state: Mapped[str]
    ending: Mapped[str | None]


class RunTaskRow(Base):
    """A task of a run."""

    __tablename__ = "run_tasks"
    __table_args__ = (UniqueConstraint("run", "position"),)

    run: Mapped[int] = mapped_column(ForeignKey(RunRow.id), primary_key=True)
    task: Mapped[Digest] = mapped_column(ForeignKey(TaskRow.digest), primary_key=True)
    position: Mapped[int]


class IterationRow(Base):
    """An iteration of a run."""

    __tablename__ = "iterations"
    __table_args__ = (
        CheckConstraint("(digest IS NULL) = (finished_at IS NULL)", name="digest_when_finished"),
    )

    run: Mapped[int] = mapped_column(ForeignKey(RunRow.id), primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    stratum: Mapped[int]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    digest: Mapped[Digest | None]


class IterationTaskRow(Base):
    """A task that an iteration attempts."""

    __tablename__ = "iteration_tasks"
    __table_args__ = (
        ForeignKeyConstraint(["run", "iteration"], [IterationRow.run, IterationRow.iteration]),
        ForeignKeyConstraint(["run", "task"], [RunTaskRow.run, RunTaskRow.task]),
    )

    run: Mapped[int] = mapped_column(primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[Digest] = mapped_column(primary_key=True)


class SampleRow(Base):
    """One sample."""

    __tablename__ = "samples"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run", "iteration", "task"],
            [IterationTaskRow.run, IterationTaskRow.iteration, IterationTaskRow.task],
        ),
        ForeignKeyConstraint(
            ["task", "judge", "program"], [VerdictRow.task, VerdictRow.judge, VerdictRow.program]
        ),
    )

    run: Mapped[int] = mapped_column(primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    task: Mapped[Digest] = mapped_column(primary_key=True)
    temperature: Mapped[float] = mapped_column(primary_key=True)
    sample: Mapped[int] = mapped_column(primary_key=True)
    """The answer's index."""
    program: Mapped[Digest] = mapped_column(ForeignKey(ProgramRow.digest))
    judge: Mapped[Digest]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    steps: Mapped[int]


class ExperienceRow(Base):
    """The answer that a run remembers of a task that it has solved."""

    __tablename__ = "experiences"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run", "iteration", "task"],
            [IterationTaskRow.run, IterationTaskRow.iteration, IterationTaskRow.task],
        ),
        UniqueConstraint("run", "task"),
    )

    run: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[Digest] = mapped_column(primary_key=True)
    task: Mapped[Digest]
    program: Mapped[Digest] = mapped_column(ForeignKey(ProgramRow.digest))
    normal_form: Mapped[str]
    code_lines: Mapped[int]
    success_rate: Mapped[float]
    correct: Mapped[int]
    samples: Mapped[int]
    iteration: Mapped[int]


class DemonstrationRow(Base):
    """An experience that an iteration shows to the proposer."""

    __tablename__ = "demonstrations"
    __table_args__ = (
        ForeignKeyConstraint(["run", "iteration"], [IterationRow.run, IterationRow.iteration]),
        ForeignKeyConstraint(["run", "experience"], [ExperienceRow.run, ExperienceRow.digest]),
    )

    run: Mapped[int] = mapped_column(primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    experience: Mapped[Digest]


def is_ready(connection: Connection, name: str) -> bool:
    """Tell whether the database holds a journal that this version reads; False if it is empty.

    Args:
        connection: to the database.
        name: what to call the database in errors.

    Raises:
        JournalError: if it holds something else.
    """
    tables = inspect(connection).get_table_names()
    if not tables:
        return False
    if SchemaRow.__tablename__ not in tables:
        raise JournalError(
            f"journal {name}: it is a database of something else; choose another file"
        )
    version = connection.scalar(select(func.max(SchemaRow.version)))
    if version != SCHEMA_VERSION:
        raise JournalError(
            f"journal {name}: its schema has version {version}, but this Hardwon reads version "
            f"{SCHEMA_VERSION}; install the version of Hardwon that wrote it, or a later one"
        )
    return True


def create(connection: Connection) -> None:
    """Create all tables in an empty database."""
    Base.metadata.create_all(connection)
    connection.execute(insert(SchemaRow), {"version": SCHEMA_VERSION})
