"""Version 2: exchanges with models, costs, waves of tasks, and experiences from elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "2"
down_revision = "1"
branch_labels = None
depends_on = None

DIGEST = sa.String(64)


def upgrade() -> None:
    """Add columns, whose defaults are what version 1 meant, and tables."""
    for table, column in (
        ("run_tasks", sa.Column("wave", sa.Integer(), server_default="0", nullable=False)),
        ("iterations", sa.Column("effort", sa.Integer(), server_default="0", nullable=False)),
        ("iteration_tasks", sa.Column("samples", sa.Integer(), nullable=True)),
        ("iteration_tasks", sa.Column("correct", sa.Integer(), nullable=True)),
        ("samples", sa.Column("requests", sa.Integer(), server_default="0", nullable=False)),
        ("samples", sa.Column("cached_tokens", sa.Integer(), server_default="0", nullable=False)),
        ("samples", sa.Column("thinking_tokens", sa.Integer(), server_default="0", nullable=False)),
        ("samples", sa.Column("usd", sa.Double(), server_default="0", nullable=False)),
        ("samples", sa.Column("note", sa.Text(), nullable=True)),
        ("samples", sa.Column("exchanges", sa.Text(), server_default="[]", nullable=False)),
        ("samples", sa.Column("digest", DIGEST, nullable=True)),
    ):
        op.add_column(table, column)
    _create_imports()
    _create_exchanges()
    op.execute("UPDATE journal_schema SET version = 2")


def _create_imports() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=True),
        sa.Column("wave", sa.Integer(), nullable=True),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("task", DIGEST, nullable=False),
        sa.Column("program", DIGEST, nullable=False),
        sa.Column("judge", DIGEST, nullable=False),
        sa.Column("normal_form", sa.Text(), nullable=False),
        sa.Column("code_lines", sa.Integer(), nullable=False),
        sa.Column("success_rate", sa.Double(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_imports"),
        sa.UniqueConstraint("run", "digest", name="uq_imports_run_digest"),
        sa.UniqueConstraint("run", "task", name="uq_imports_run_task"),
        sa.CheckConstraint("(run IS NULL) = (wave IS NULL)", name="ck_imports_wave_of_a_run"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_imports_run"),
        sa.ForeignKeyConstraint(["task"], ["tasks.digest"], name="fk_imports_task"),
        sa.ForeignKeyConstraint(["program"], ["programs.digest"], name="fk_imports_program"),
        sa.ForeignKeyConstraint(
            ["task", "judge", "program"],
            ["verdicts.task", "verdicts.judge", "verdicts.program"],
            name="fk_imports_task_judge_program",
        ),
    )
    op.create_table(
        "import_demonstrations",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("experience", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("run", "iteration", "position", name="pk_import_demonstrations"),
        sa.ForeignKeyConstraint(
            ["run", "iteration"],
            ["iterations.run", "iterations.iteration"],
            name="fk_import_demonstrations_run_iteration",
        ),
        sa.ForeignKeyConstraint(
            ["run", "experience"],
            ["imports.run", "imports.digest"],
            name="fk_import_demonstrations_run_experience",
        ),
    )


def _create_exchanges() -> None:
    op.create_table(
        "messages",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_messages"),
    )
    op.create_table(
        "prompts",
        sa.Column("digest", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_prompts"),
    )
    op.create_table(
        "prompt_messages",
        sa.Column("prompt", DIGEST, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("message", DIGEST, nullable=False),
        sa.Column("stable", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("prompt", "position", name="pk_prompt_messages"),
        sa.ForeignKeyConstraint(["prompt"], ["prompts.digest"], name="fk_prompt_messages_prompt"),
        sa.ForeignKeyConstraint(
            ["message"], ["messages.digest"], name="fk_prompt_messages_message"
        ),
    )
    op.create_table(
        "exchanges",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("key", DIGEST, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt", DIGEST, nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("completion", sa.Text(), nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run", "key", name="pk_exchanges"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_exchanges_run"),
        sa.ForeignKeyConstraint(["prompt"], ["prompts.digest"], name="fk_exchanges_prompt"),
    )
