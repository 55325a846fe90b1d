"""A sound journal verifies; whatever is changed behind its back is named."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from test_journal_values import (
    CORRECT,
    GAVE_UP,
    JUDGE,
    WRONG,
    make_experience,
    make_sample,
    make_task,
)

from hardwon.journal import (
    Journal,
    JournalError,
    experience_digest,
    verdict_digest,
)
from hardwon.records import program_digest

TASK, HARD = make_task("scan/maximum"), make_task("hard", dims=("K",))
GOOD, BAD = program_digest("return E0"), program_digest("return E9")
EXPERIENCE = experience_digest(make_experience(TASK))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A journal of two complete iterations, the second with a demonstration from the first."""
    file = tmp_path / "runs.db"
    with Journal.open(file) as journal:
        run = journal.begin_run({"seed": 1}, [TASK, HARD])
        journal.begin_iteration(run, 0, 0, [], [TASK, HARD])
        rows = [
            make_sample(0),
            make_sample(1, "return E9", WRONG),
            make_sample(2, None, GAVE_UP),
        ]
        journal.record_samples(run, 0, TASK.digest, 0.7, rows, judge=JUDGE)
        journal.record_experience(run, make_experience(TASK))
        journal.finish_iteration(run, 0)
        journal.begin_iteration(run, 1, 0, [make_experience(TASK)], [HARD])
        rows = [make_sample(0, "return E9", WRONG)]
        journal.record_samples(run, 1, HARD.digest, 0.7, rows, judge=JUDGE)
        journal.finish_iteration(run, 1)
        assert journal.verify() == []
    return file


def tamper(file: Path, statement: str, *values: object) -> None:
    """Change a journal past all its checks; the change must hit something."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        assert connection.execute(statement, values).rowcount > 0


def faults(file: Path) -> list[str]:
    with Journal.open(file) as journal:
        return journal.verify()


FIRST, SECOND = "iteration 0 of run 1", "iteration 1 of run 1"
CHANGED = "stratum, demonstrations, tasks or samples"


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE programs SET text = text || '#' WHERE text = 'return E0'", [GOOD[:12]]),
        ("UPDATE programs SET text = '' WHERE text IS NULL", ["program no program"]),
        ("UPDATE tasks SET content = replace(content, 'fp32', 'fp16')", ["content has changed"]),
        ("UPDATE tasks SET content = '{'", [TASK.digest[:12], HARD.digest[:12]]),
        ("UPDATE tasks SET test_name = 'easy' WHERE test_name = 'hard'", ["(easy): its name"]),
        (
            f"UPDATE verdicts SET content = replace(content, 'false', 'true') "
            f"WHERE program = '{BAD}' AND task = '{HARD.digest}'",
            [f"program {BAD[:12]} for task {HARD.digest[:12]}: its content has changed"],
        ),
        ("UPDATE verdicts SET content = '[]'", [f"verdict of judge {JUDGE[:12]}"]),
        ("UPDATE runs SET configuration = '{\"seed\":2}'", ["run 1: its configuration"]),
        ("UPDATE runs SET configuration_digest = 'f'", ["run 1: its configuration", FIRST]),
        ("UPDATE run_tasks SET position = 2 - position", [FIRST]),
        ("UPDATE iterations SET stratum = 1 WHERE iteration = 1", [f"{SECOND}: its {CHANGED}"]),
        ("UPDATE iterations SET digest = 'f' WHERE iteration = 0", [FIRST, SECOND]),
        (
            "UPDATE iterations SET digest = NULL, finished_at = NULL WHERE iteration = 0",
            [f"{SECOND}: the iteration before it is not complete"],
        ),
        ("DELETE FROM iterations WHERE iteration = 0", [f"{SECOND}: the iteration before it is"]),
        ("UPDATE samples SET output_tokens = 0 WHERE iteration = 1", [f"{SECOND}: its {CHANGED}"]),
        (
            f"UPDATE samples SET program = '{GOOD}' WHERE sample = 1",
            [f"{FIRST}: its {CHANGED}"],
        ),
        ("DELETE FROM samples WHERE sample = 2", [f"{FIRST}: its {CHANGED}"]),
        (
            "DELETE FROM samples WHERE sample = 0 AND iteration = 0",
            [FIRST, "no correct sample of its program"],
        ),
        ("UPDATE experiences SET code_lines = 1", [f"experience {EXPERIENCE[:12]} of run 1"]),
        ("UPDATE experiences SET correct = 2", ["its success rate 0.333", "is not 2 of 3"]),
        ("UPDATE experiences SET samples = 0", ["is not 1 of 0"]),
        (
            f"UPDATE experiences SET program = '{BAD}'",
            [f"no correct sample of its program {BAD[:12]}"],
        ),
        ("DELETE FROM demonstrations", [f"{SECOND}: its {CHANGED}"]),
    ],
)
def test_a_change_is_named(file: Path, statement: str, named: list[str]) -> None:
    tamper(file, statement)
    found = "\n".join(faults(file))
    assert all(name in found for name in named), found


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        (
            f"DELETE FROM programs WHERE digest = '{BAD}'",
            f"programs: no row has digest {BAD[:12]}, but samples refers to it (2 x)",
        ),
        (
            f"DELETE FROM tasks WHERE digest = '{HARD.digest}'",
            f"tasks: no row has digest {HARD.digest[:12]}, but run_tasks refers to it (1 x)",
        ),
        (
            f"DELETE FROM verdicts WHERE program = '{GOOD}'",
            f"verdicts: no row has task {TASK.digest[:12]}, judge {JUDGE[:12]}, "
            f"program {GOOD[:12]}, but samples refers to it (1 x)",
        ),
        (
            "DELETE FROM experiences",
            f"experiences: no row has run 1, digest {EXPERIENCE[:12]}, "
            "but demonstrations refers to it (1 x)",
        ),
        ("DELETE FROM runs", "runs: no row has id 1, but iterations refers to it (2 x)"),
        (
            "DELETE FROM iteration_tasks WHERE iteration = 1",
            f"iteration_tasks: no row has run 1, iteration 1, task {HARD.digest[:12]}, "
            "but samples refers to it (1 x)",
        ),
    ],
)
def test_a_missing_row_is_named(file: Path, statement: str, missing: str) -> None:
    tamper(file, statement)
    assert missing in faults(file)


def test_a_change_of_a_verdict_is_found_even_if_its_digest_is_changed_too(file: Path) -> None:
    tamper(file, "UPDATE verdicts SET digest = ?", verdict_digest(CORRECT))
    tamper(
        file,
        "UPDATE verdicts SET content = (SELECT content FROM verdicts WHERE program = ?)",
        GOOD,
    )
    found = faults(file)
    assert [line.split(":")[0] for line in found] == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("UPDATE tasks SET content = '{}'", lambda journal: journal.tasks(1)),
        ("UPDATE tasks SET content = '{'", lambda journal: journal.experiences(1)),
        ("UPDATE verdicts SET content = '{}'", lambda j: j.verdicts(TASK.digest, JUDGE)),
        ("UPDATE verdicts SET content = '[]'", lambda j: j.samples(1, 0, TASK.digest, 0.7)),
    ],
)
def test_what_cannot_be_read_is_an_error_of_the_journal(
    file: Path, statement: str, read: Callable[[Journal], object]
) -> None:
    tamper(file, statement)
    with Journal.open(file) as journal, pytest.raises(JournalError, match="cannot be read"):
        read(journal)


def test_nothing_in_a_journal_tells_where_it_lies(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        text = "\n".join(connection.iterdump())
    assert "return E9" in text
    assert str(file.parent) not in text
