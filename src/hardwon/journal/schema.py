"""The tables of a journal, version 2; `migrations/` brings older ones up to it.

Rows are added and completed, never changed or deleted. Content (tasks, programs, verdicts, prompts
and their messages) is named by its hash and shared by all runs of a journal; the rest belongs to
one run.
"""

from datetime import datetime
from typing import Annotated

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    MetaData,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hardwon.journal.columns import ExactText, UtcDateTime
from hardwon.journal.entries import RunState
from hardwon.records import NO_PROGRAM

SCHEMA_VERSION = 2

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
    """The one row that tells which version of these tables a database has.

    Alembic's own table says the same in its way; this one tells versions of Hardwon that do not
    know Alembic yet that a journal is too new for them.
    """

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
    wave: Mapped[int] = mapped_column(server_default="0")
    """How many times the run had grown when the task joined; 0 if the run began with it."""


class IterationRow(Base):
    """An iteration of a run."""

    __tablename__ = "iterations"
    __table_args__ = (
        CheckConstraint("(digest IS NULL) = (finished_at IS NULL)", name="digest_when_finished"),
    )

    run: Mapped[int] = mapped_column(ForeignKey(RunRow.id), primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    stratum: Mapped[int]
    effort: Mapped[int] = mapped_column(server_default="0")
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
    samples: Mapped[int | None]
    """How many samples of the task the iteration has; None until it is complete."""
    correct: Mapped[int | None]
    """The correct ones among them."""


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
    requests: Mapped[int] = mapped_column(server_default="0")
    cached_tokens: Mapped[int] = mapped_column(server_default="0")
    thinking_tokens: Mapped[int] = mapped_column(server_default="0")
    usd: Mapped[float] = mapped_column(server_default="0")
    note: Mapped[str | None]
    exchanges: Mapped[str] = mapped_column(server_default="[]")
    """Keys of the exchanges that led to it, as JSON."""
    digest: Mapped[Digest | None]
    """None in samples that version 1 recorded."""


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


class ImportRow(Base):
    """A verified answer that comes from elsewhere and that a run begins, or goes on, with."""

    __tablename__ = "imports"
    __table_args__ = (
        ForeignKeyConstraint(
            ["task", "judge", "program"], [VerdictRow.task, VerdictRow.judge, VerdictRow.program]
        ),
        UniqueConstraint("run", "digest"),
        UniqueConstraint("run", "task"),
        CheckConstraint("(run IS NULL) = (wave IS NULL)", name="wave_of_a_run"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    run: Mapped[int | None] = mapped_column(ForeignKey(RunRow.id))
    """None while it waits for the first run of the journal."""
    wave: Mapped[int | None]
    """How many times the run had grown when it came; 0 if the run began with it."""
    digest: Mapped[Digest]
    task: Mapped[Digest] = mapped_column(ForeignKey(TaskRow.digest))
    program: Mapped[Digest] = mapped_column(ForeignKey(ProgramRow.digest))
    judge: Mapped[Digest]
    """The judge that found it correct before it was let in."""
    normal_form: Mapped[str]
    code_lines: Mapped[int]
    success_rate: Mapped[float]
    correct: Mapped[int]
    samples: Mapped[int]


class ImportDemonstrationRow(Base):
    """An imported experience that an iteration shows; shares positions with `demonstrations`."""

    __tablename__ = "import_demonstrations"
    __table_args__ = (
        ForeignKeyConstraint(["run", "iteration"], [IterationRow.run, IterationRow.iteration]),
        ForeignKeyConstraint(["run", "experience"], [ImportRow.run, ImportRow.digest]),
    )

    run: Mapped[int] = mapped_column(primary_key=True)
    iteration: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    experience: Mapped[Digest]


class MessageRow(Base):
    """A distinct message that was sent to some model."""

    __tablename__ = "messages"

    digest: Mapped[Digest] = mapped_column(primary_key=True)
    speaker: Mapped[str]
    text: Mapped[str]


class PromptRow(Base):
    """A distinct conversation that some model was to continue."""

    __tablename__ = "prompts"

    digest: Mapped[Digest] = mapped_column(primary_key=True)


class PromptMessageRow(Base):
    """A message in a conversation."""

    __tablename__ = "prompt_messages"

    prompt: Mapped[Digest] = mapped_column(ForeignKey(PromptRow.digest), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    message: Mapped[Digest] = mapped_column(ForeignKey(MessageRow.digest))
    stable: Mapped[bool]


class ExchangeRow(Base):
    """A request of a run to a model, with its completion."""

    __tablename__ = "exchanges"

    run: Mapped[int] = mapped_column(ForeignKey(RunRow.id), primary_key=True)
    key: Mapped[Digest] = mapped_column(primary_key=True)
    role: Mapped[str]
    model: Mapped[str]
    prompt: Mapped[Digest] = mapped_column(ForeignKey(PromptRow.digest))
    parameters: Mapped[str]
    """As JSON."""
    sample: Mapped[int]
    """Which of the samples of this prompt."""
    completion: Mapped[str]
    """As JSON."""
    digest: Mapped[Digest]
    """Hash of the role and the completion; the key covers the rest."""
    recorded_at: Mapped[datetime]
