"""Version 1: runs, their tasks, iterations, samples and experiences (Hardwon 0.1)."""

import sqlalchemy as sa
from alembic import op

revision = "1"
down_revision = None
branch_labels = None
depends_on = None

DIGEST = sa.String(64)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "journal_schema",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_journal_schema"),
    )
    op.create_table(
        "tasks",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("test_name", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_tasks"),
    )
    op.create_table(
        "programs",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_programs"),
        sa.CheckConstraint(
            "(text IS NULL) = (digest = 'no program')", name="ck_programs_text_or_marker"
        ),
    )
    op.create_table(
        "verdicts",
        sa.Column("task", DIGEST, nullable=False),
        sa.Column("judge", DIGEST, nullable=False),
        sa.Column("program", DIGEST, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("task", "judge", "program", name="pk_verdicts"),
        sa.ForeignKeyConstraint(["task"], ["tasks.digest"], name="fk_verdicts_task"),
        sa.ForeignKeyConstraint(["program"], ["programs.digest"], name="fk_verdicts_program"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("configuration", sa.Text(), nullable=False),
        sa.Column("configuration_digest", DIGEST, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("hardwon_version", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ending", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.CheckConstraint(
            "(ending IS NULL AND state = 'running') OR (ending IS NOT NULL AND state = 'finished')",
            name="ck_runs_state_agrees_with_ending",
        ),
    )
    op.create_table(
        "run_tasks",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("task", DIGEST, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run", "task", name="pk_run_tasks"),
        sa.UniqueConstraint("run", "position", name="uq_run_tasks_run_position"),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_run_tasks_run"),
        sa.ForeignKeyConstraint(["task"], ["tasks.digest"], name="fk_run_tasks_task"),
    )
    op.create_table(
        "iterations",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("stratum", sa.Integer(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("digest", DIGEST, nullable=True),
        sa.PrimaryKeyConstraint("run", "iteration", name="pk_iterations"),
        sa.CheckConstraint(
            "(digest IS NULL) = (finished_at IS NULL)", name="ck_iterations_digest_when_finished"
        ),
        sa.ForeignKeyConstraint(["run"], ["runs.id"], name="fk_iterations_run"),
    )
    op.create_table(
        "iteration_tasks",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("task", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("run", "iteration", "task", name="pk_iteration_tasks"),
        sa.ForeignKeyConstraint(
            ["run", "iteration"],
            ["iterations.run", "iterations.iteration"],
            name="fk_iteration_tasks_run_iteration",
        ),
        sa.ForeignKeyConstraint(
            ["run", "task"],
            ["run_tasks.run", "run_tasks.task"],
            name="fk_iteration_tasks_run_task",
        ),
    )
    op.create_table(
        "samples",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("task", DIGEST, nullable=False),
        sa.Column("temperature", sa.Double(), nullable=False),
        sa.Column("sample", sa.Integer(), nullable=False),
        sa.Column("program", DIGEST, nullable=False),
        sa.Column("judge", DIGEST, nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "run", "iteration", "task", "temperature", "sample", name="pk_samples"
        ),
        sa.ForeignKeyConstraint(
            ["run", "iteration", "task"],
            ["iteration_tasks.run", "iteration_tasks.iteration", "iteration_tasks.task"],
            name="fk_samples_run_iteration_task",
        ),
        sa.ForeignKeyConstraint(
            ["task", "judge", "program"],
            ["verdicts.task", "verdicts.judge", "verdicts.program"],
            name="fk_samples_task_judge_program",
        ),
        sa.ForeignKeyConstraint(["program"], ["programs.digest"], name="fk_samples_program"),
    )
    op.create_table(
        "experiences",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("task", DIGEST, nullable=False),
        sa.Column("program", DIGEST, nullable=False),
        sa.Column("normal_form", sa.Text(), nullable=False),
        sa.Column("code_lines", sa.Integer(), nullable=False),
        sa.Column("success_rate", sa.Double(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=False),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("run", "digest", name="pk_experiences"),
        sa.UniqueConstraint("run", "task", name="uq_experiences_run_task"),
        sa.ForeignKeyConstraint(
            ["run", "iteration", "task"],
            ["iteration_tasks.run", "iteration_tasks.iteration", "iteration_tasks.task"],
            name="fk_experiences_run_iteration_task",
        ),
        sa.ForeignKeyConstraint(["program"], ["programs.digest"], name="fk_experiences_program"),
    )
    op.create_table(
        "demonstrations",
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("experience", DIGEST, nullable=False),
        sa.PrimaryKeyConstraint("run", "iteration", "position", name="pk_demonstrations"),
        sa.ForeignKeyConstraint(
            ["run", "iteration"],
            ["iterations.run", "iterations.iteration"],
            name="fk_demonstrations_run_iteration",
        ),
        sa.ForeignKeyConstraint(
            ["run", "experience"],
            ["experiences.run", "experiences.digest"],
            name="fk_demonstrations_run_experience",
        ),
    )
    op.execute("INSERT INTO journal_schema (version) VALUES (1)")
