"""Journals of older versions go on, and nothing of them is lost."""

import multiprocessing
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from journal_places import NewPlace
from journal_values import JUDGE, WRONG, make_experience, make_sample, make_task
from sqlalchemy import Connection

from hardwon.journal import JSON, Journal, JournalError, schema, versions
from hardwon.journal.database import Database

pytest_plugins = ["journal_databases"]

OLD = Path(__file__).parent / "journal-v1.sql"
"""A journal as version 1 wrote it: two tasks, a complete iteration and one under way."""
SEAL = "4fc0d12de80e4287a61228c2168cf22bed37359804e0d5c63ca2e57ec8b020fc"
"""What version 1 derived of the complete iteration."""
TASK, HARD = make_task("scan/maximum"), make_task("hard", dims=("K",))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    file = tmp_path / "runs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(OLD.read_text(encoding="utf-8"))
    return file


def version_of(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        (version,) = connection.execute("SELECT version FROM journal_schema").fetchone()
    return int(version)


def dump(file: Path) -> str:
    with closing(sqlite3.connect(file)) as connection:
        return "\n".join(connection.iterdump())


def test_an_old_journal_is_upgraded_and_verifies(old: Path) -> None:
    with Journal.open(old) as journal:
        assert journal.verify() == []
        assert journal.iterations(1)[0].digest == SEAL
        assert journal.tasks(1) == [TASK, HARD]
        assert journal.experiences(1) == [make_experience(TASK)]
        assert journal.samples(1, 0, HARD.digest, 0.7)[1].answer.impl == "return E1  # é\0\ud800"
    assert version_of(old) == schema.SCHEMA_VERSION


def test_a_run_of_an_old_journal_goes_on_to_the_digests_of_a_new_one(
    old: Path, tmp_path: Path
) -> None:
    settings: dict[str, JSON] = {"seed": 1, "samples": 3, "temperatures": [0.7]}
    seals = []
    for place in (old, tmp_path / "new.db"):
        with Journal.open(place) as journal:
            if place == old:
                run = journal.resume_run(settings, [TASK, HARD])
            else:
                run = journal.begin_run(settings, [TASK, HARD])
                journal.begin_iteration(run, 0, 0, [], [TASK, HARD])
                with Journal.open(old, read_only=True) as other:
                    for task in (TASK, HARD):
                        rows = list(other.samples(1, 0, task.digest, 0.7).values())
                        journal.record_samples(run, 0, task.digest, 0.7, rows, judge=JUDGE)
                journal.record_experience(run, make_experience(TASK))
                journal.finish_iteration(run, 0)
            journal.begin_iteration(run, 1, 0, [make_experience(TASK)], [HARD])
            rows = [make_sample(index, "return E9", WRONG) for index in range(3)]
            journal.record_samples(run, 1, HARD.digest, 0.7, rows, judge=JUDGE)
            journal.finish_iteration(run, 1)
            assert journal.verify() == []
            seals.append([step.digest for step in journal.iterations(run)])
    assert seals[0] == seals[1]


def test_a_copy_is_kept_before_an_upgrade(old: Path) -> None:
    before = dump(old)
    Journal.open(old).close()
    assert dump(old.with_name("runs.db.v1")) == before
    assert dump(old) != before


def test_an_old_journal_that_is_only_read_is_left_alone(old: Path) -> None:
    before = old.read_bytes()
    with Journal.open(old, read_only=True) as journal:
        assert journal.verify() == []
        assert journal.experiences(1) == [make_experience(TASK)]
    assert old.read_bytes() == before
    assert [file.name for file in old.parent.iterdir()] == ["runs.db"]


def test_an_upgrade_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = dump(old)

    def fail(connection: Connection, version: int) -> None:
        versions_upgrade(connection, version)
        raise KeyboardInterrupt

    versions_upgrade = versions.upgrade
    monkeypatch.setattr(versions, "upgrade", fail)
    with pytest.raises(KeyboardInterrupt):
        Journal.open(old)
    assert dump(old) == before


def test_what_cannot_be_copied_is_not_upgraded(old: Path) -> None:
    old.with_name("runs.db.v1").mkdir()
    with pytest.raises(JournalError, match=r"runs\.db: a copy of it, .* cannot be written"):
        Journal.open(old)
    assert version_of(old) == 1


def _open(file: Path) -> None:
    Journal.open(file).close()


def test_several_processes_may_upgrade_at_the_same_time(old: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    processes = [context.Process(target=_open, args=(old,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with Journal.open(old) as journal:
        assert journal.verify() == []


def test_the_migrations_lead_to_the_tables_of_the_mapping(place: str) -> None:
    with (
        closing(Database.open(place, create=True)) as opened,
        opened.writing() as connection,
    ):
        schema.Base.metadata.drop_all(connection)
        _from_nothing(connection)
        found = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(found, schema.Base.metadata) == []
        constraints = {
            table.name: sorted(str(item.name) for item in table.constraints)
            for table in schema.Base.metadata.sorted_tables
        }
        assert _constraints(connection) == constraints


def _from_nothing(connection: Connection) -> None:
    """Run all migrations, the first one included, which no journal needs any more."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "hardwon.journal:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _constraints(connection: Connection) -> dict[str, list[str]]:
    from sqlalchemy import MetaData

    found = MetaData()
    found.reflect(connection)
    return {
        name: sorted(str(item.name) for item in table.constraints)
        for name, table in found.tables.items()
        if name != "alembic_version"
    }


def test_a_migrated_journal_holds_the_version_that_a_new_one_holds(
    old: Path, new_place: NewPlace
) -> None:
    Journal.open(old).close()
    place = new_place()
    for where in (place, place, old):
        with closing(Database.open(where, create=True)) as opened, opened.reading() as connection:
            assert versions.version_of(connection, "it") == schema.SCHEMA_VERSION
