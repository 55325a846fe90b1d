"""Journals on a server, and what is said when it cannot be used; several processes share one."""

import multiprocessing
import sys
import threading
from urllib.parse import quote

import pytest
from journal_places import NewPlace
from journal_values import JUDGE, make_experience, make_sample, make_task
from sqlalchemy import make_url

from hardwon.journal import Journal, JournalError, database, without_password

pytest_plugins = ["journal_databases"]

TASKS = [make_task("first"), make_task("other")]
SECRET = "s3cret"


def refusal(url: str) -> str:
    """Return why a journal cannot be opened; it never tells the password."""
    with pytest.raises(JournalError) as caught:
        Journal.open(url)
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"postgresql://u:{SECRET}@127.0.0.1:1/runs", "no server answers there; check that it"),
        (f"postgres://u:{SECRET}@127.0.0.1:1/runs", "no server answers there"),
        (f"postgresql+psycopg://u:{SECRET}@127.0.0.1:1/runs", "no server answers there"),
        (f"postgresql://u@127.0.0.1:1/runs?password={SECRET}", "no server answers there"),
        (f"postgresql+psycopg2://u:{SECRET}@host/runs", "by the driver 'postgresql+psycopg2'"),
        (f"postgresql://u:{SECRET}@host:port/runs", "is not the URL of a database; write it like"),
        (f"mysql://u:{SECRET}@host/runs", "cannot be kept in 'mysql'"),
    ],
)
def test_what_cannot_be_reached_is_said_without_the_password(url: str, reason: str) -> None:
    assert reason in refusal(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"postgresql://u:{SECRET}@host:5/runs", "postgresql://u@host:5/runs"),
        (
            f"postgres://u@host/runs?password={SECRET}&sslmode=require&sslpassword={SECRET}",
            "postgresql://u@host/runs?sslmode=require",
        ),
        ("sqlite:////tmp/runs.db", "sqlite:////tmp/runs.db"),
        ("runs.db", "runs.db"),
    ],
)
def test_a_url_is_written_down_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert "install it by `pip install 'hardwon[postgres]'`" in refusal("postgresql://host/runs")


def test_a_wrong_password_and_a_wrong_name_are_told_apart(server: str) -> None:
    url = make_url(server)

    password, database = url.set(password=SECRET), url.set(database="nowhere")
    for wrong, reason in (
        (password, "the user name or the password is wrong"),
        (database, "the server has no such database"),
    ):
        assert reason in refusal(wrong.render_as_string(hide_password=False))


def test_a_user_who_may_not_write_is_told_so(postgres: NewPlace) -> None:
    place = postgres()
    Journal.open(place).close()
    reading = f"{place}{quote(' -c default_transaction_read_only=on')}"
    with Journal.open(reading) as journal:
        assert journal.runs() == []
        with pytest.raises(JournalError, match="it is read-only; connect to a server and as a"):
            journal.begin_run({}, TASKS)


def test_tables_of_something_else_are_left_alone(postgres: NewPlace) -> None:
    import psycopg

    place = postgres()
    with psycopg.connect(place) as connection:
        connection.execute("CREATE TABLE songs (title text)")
    assert "it is a database of something else" in refusal(place)


def test_a_newer_journal_on_a_server_is_refused(postgres: NewPlace) -> None:
    import psycopg

    place = postgres()
    Journal.open(place).close()
    with psycopg.connect(place) as connection:
        connection.execute("UPDATE journal_schema SET version = 99")
    assert "its schema has version 99, but this Hardwon reads versions up to" in refusal(place)


def test_an_empty_database_that_is_only_read_says_so(postgres: NewPlace) -> None:
    with pytest.raises(JournalError, match="nothing is recorded in it yet"):
        Journal.open(postgres(), read_only=True)


def test_a_writer_that_waits_in_vain_says_so(
    postgres: NewPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_TIMEOUT", 0.05)
    place = postgres()
    with Journal.open(place) as journal, Journal.open(place) as other:
        with (
            other._database.writing(),
            pytest.raises(JournalError, match="another process has kept it locked"),
        ):
            journal.begin_run({}, TASKS)
        assert journal.begin_run({}, TASKS) == 1


def test_a_journal_goes_on_after_its_connections_were_cut(postgres: NewPlace, server: str) -> None:
    import psycopg

    with Journal.open(postgres()) as journal:
        with journal._database.reading() as mine:
            pid = mine.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        journal.begin_run({}, TASKS)
        with psycopg.connect(server, autocommit=True) as connection:
            ended = connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,)).fetchone()
            assert ended == (True,)
        assert len(journal.runs()) == 1


def _run(place: str, seed: int) -> None:
    """Play a run beside others that record the same programs in another order."""
    with Journal.open(place) as journal:
        run = journal.begin_run({"seed": seed}, TASKS)
        for index, task in enumerate(TASKS):
            journal.begin_iteration(run, index, 0, journal.experiences(run), TASKS[index:])
            for start in range(0, 24, 6):
                order = [(position * (seed + 1)) % 7 for position in range(start, start + 6)]
                rows = [make_sample(start + at, f"p{n}") for at, n in enumerate(order)]
                journal.record_samples(run, index, task.digest, 0.7, rows, judge=JUDGE)
            solved = make_experience(task, "p0", iteration=index, counts=(24, 24))
            journal.record_experience(run, solved)
            journal.finish_iteration(run, index)
        journal.finish_run(run, "all tasks are solved")


def test_several_processes_share_a_journal_from_its_creation_on(place: str) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hardwon.journal", "psycopg"])
    processes = [context.Process(target=_run, args=(place, seed)) for seed in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    with Journal.open(place, create=False) as journal:
        assert journal.verify() == []
        runs = {run.id: run.configuration["seed"] for run in journal.runs()}
        assert sorted(map(str, runs.values())) == list("0123")
        assert {journal.totals(run).samples for run in runs} == {48}


def test_a_reader_sees_one_state_while_others_write(place: str) -> None:
    with Journal.open(place) as journal:
        run = journal.begin_run({}, TASKS)
        journal.begin_iteration(run, 0, 0, [], TASKS)
        done = threading.Event()

        def write() -> None:
            with Journal.open(place) as other:
                rows = [make_sample(index, f"p{index}") for index in range(8)]
                other.record_samples(run, 0, TASKS[0].digest, 0.7, rows, judge=JUDGE)
            done.set()

        with journal._database.reading() as connection:
            count = connection.exec_driver_sql("SELECT count(*) FROM samples").scalar_one()
            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
            assert done.is_set(), "a writer need not wait for readers"
            again = connection.exec_driver_sql("SELECT count(*) FROM samples").scalar_one()
        assert (count, again) == (0, 0)
        assert journal.totals(run).samples == 8
