"""A sound journal verifies; whatever is changed behind its back is named."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from journal_values import (
    CORRECT,
    GAVE_UP,
    JUDGE,
    WRONG,
    make_experience,
    make_sample,
    make_task,
)
from test_journal_exchanges import make_exchange

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
EXCHANGE = make_exchange()
FOREIGN = make_task("foreign")
IMPORT = experience_digest(make_experience(FOREIGN, iteration=-1))
HERE = f"run 1, iteration 0, task scan/maximum ({TASK.digest[:12]})"
THERE = f"run 1, iteration 1, task hard ({HARD.digest[:12]})"


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
        journal.responses(run).keep(EXCHANGE)
        judged = make_sample(0, "return E9", WRONG)
        answer = judged.answer.model_copy(update={"exchanges": (EXCHANGE.key,), "note": "so"})
        rows = [judged.model_copy(update={"answer": answer})]
        journal.record_samples(run, 1, HARD.digest, 0.7, rows, judge=JUDGE)
        journal.finish_iteration(run, 1)
        journal.record_imports(run, [(make_experience(FOREIGN), CORRECT)], judge=JUDGE)
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
            [f"program {BAD[:12]} for task hard ({HARD.digest[:12]}): its content has changed"],
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
        # Where it happened, what was expected and what is there.
        (
            "DELETE FROM samples WHERE iteration = 0 AND sample = 1",
            [
                f"{HERE}: expected 3 samples, found 2",
                f"{HERE}: sample 1 at temperature 0.7 is missing",
            ],
        ),
        (
            "DELETE FROM samples WHERE iteration = 1",
            [f"{THERE}: expected 1 samples, found 0"],
        ),
        (
            f"UPDATE samples SET program = '{GOOD}' WHERE sample = 1",
            [
                f"{HERE}, sample 1 at temperature 0.7: its program, verdict, cost or note",
                f"{HERE}: expected 1 correct samples, found 2",
            ],
        ),
        (
            f"UPDATE verdicts SET content = replace(content, 'false', 'true') "
            f"WHERE program = '{BAD}' AND task = '{HARD.digest}'",
            [f"that of {THERE}, sample 0 at temperature 0.7"],
        ),
        (
            "UPDATE programs SET text = 'return E8' WHERE text = 'return E9'",
            [f"that of {HERE}, sample 1 at temperature 0.7 and 1 more"],
        ),
        *(
            (f"UPDATE samples SET {column} = 7 WHERE iteration = 1", [f"{THERE}, sample 0", SECOND])
            for column in ("requests", "cached_tokens", "thinking_tokens", "usd", "steps", "note")
        ),
        ("UPDATE samples SET exchanges = '{' WHERE iteration = 1", [f"{THERE}, sample 0", SECOND]),
        ("UPDATE samples SET exchanges = '[]' WHERE iteration = 1", [f"{THERE}, sample 0", SECOND]),
        ("UPDATE samples SET digest = 'f' WHERE iteration = 1", [f"{THERE}, sample 0"]),
        ("UPDATE iterations SET effort = 2 WHERE iteration = 1", [f"{SECOND}: its {CHANGED}"]),
        ("UPDATE iteration_tasks SET samples = 9 WHERE iteration = 1", ["expected 9 samples, f"]),
        ("UPDATE iteration_tasks SET correct = 3 WHERE iteration = 1", ["3 correct samples, f"]),
        (
            "DELETE FROM experiences",
            [f"{HERE}: expected an experience, since correct samples are 1 of 3, found none"],
        ),
        (
            "UPDATE experiences SET correct = 2, samples = 6",
            ["which are 1 of 3, found 2 of 6"],
        ),
        ("UPDATE imports SET code_lines = 9", [f"imported experience {IMPORT[:12]} of run 1"]),
        (
            f"UPDATE imports SET program = '{BAD}'",
            [f"task foreign ({FOREIGN.digest[:12]}): expected a verdict that its program is"],
        ),
        (
            "UPDATE exchanges SET completion = replace(completion, 'E0', 'E1')",
            [f"run 1, exchange {EXCHANGE.key[:12]}: its completion has changed"],
        ),
        ("UPDATE exchanges SET completion = '{'", ["its completion has changed"]),
        ("UPDATE exchanges SET role = 'guardian'", ["its completion has changed"]),
        ("UPDATE exchanges SET model = 'other'", ["its request has changed"]),
        ("UPDATE exchanges SET sample = 1", ["its request has changed"]),
        ("UPDATE exchanges SET parameters = '{}'", ["its request has changed"]),
        ("UPDATE exchanges SET digest = 'f'", ["its completion has changed", SECOND]),
        (
            "DELETE FROM exchanges",
            [f"{THERE}, sample 0 at temperature 0.7: its exchange {EXCHANGE.key[:12]} is missing"],
        ),
        ("UPDATE messages SET text = 'Write two.' WHERE text = 'Write one.'", ["message "]),
        ("UPDATE messages SET speaker = 'nobody' WHERE text = 'Write one.'", ["message "]),
        (
            "DELETE FROM prompt_messages WHERE position = 1",
            [f"prompt {EXCHANGE.prompt.digest[:12]}: its messages have changed"],
        ),
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
            "DELETE FROM messages WHERE text = 'Write one.'",
            "but prompt_messages refers to it (1 x)",
        ),
        ("DELETE FROM prompts", "but exchanges refers to it (1 x)"),
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
    assert any(missing in fault for fault in faults(file))


def test_a_change_of_a_verdict_is_found_even_if_its_digest_is_changed_too(file: Path) -> None:
    tamper(file, "UPDATE verdicts SET digest = ?", verdict_digest(CORRECT))
    tamper(
        file,
        "UPDATE verdicts SET content = (SELECT content FROM verdicts WHERE program = ?)",
        GOOD,
    )
    found = faults(file)
    places = [line.split(":")[0] for line in found]
    sample = f"run 1, iteration 0, task scan/maximum ({TASK.digest[:12]}), sample 1"
    assert any(place.startswith(sample) for place in places)
    assert {FIRST, SECOND} <= set(places)


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


def test_what_is_missing_from_the_middle_of_the_file_is_named(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'samples'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(file.read_bytes())
    content[(root - 1) * size : root * size] = bytes(size)
    file.write_bytes(content)
    with Journal.open(file) as journal, pytest.raises(JournalError, match="damaged; restore it"):
        journal.verify()


def test_a_journal_of_the_first_version_may_lack_later_digests(file: Path) -> None:
    tamper(file, "UPDATE samples SET digest = NULL")
    tamper(file, "UPDATE iteration_tasks SET samples = NULL, correct = NULL")
    assert faults(file) == []
