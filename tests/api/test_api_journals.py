"""A run directory verifies; whatever is changed in it is named. Experiences move between runs."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from hardwon.api import Configuration, UsageError, improve
from hardwon.api.experiences import (
    experience_line,
    export_experiences,
    import_experiences,
    read_experience,
)
from hardwon.api.journals import overview, verify
from hardwon.journal import Journal, JournalError, RunState
from hardwon.records import Experience
from support import contents, summary_of, toy_task

pytestmark = pytest.mark.usefixtures("toy")

TASKS = (toy_task("toy/plus", "E0 + 3"), toy_task("toy/minus", "E0 - 5"))
NEVER = toy_task("toy/never", "E0 ** 2")
CONFIGURATION = Configuration(samples=40, temperatures=(0.5, 1.0), granularity=2, efforts=0)


@pytest.fixture(scope="module")
def finished(toy: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    del toy
    out = tmp_path_factory.mktemp("finished") / "run"
    assert improve(TASKS, out, CONFIGURATION).summary.solved == len(TASKS)
    return out


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of a run directory, to be changed."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


def test_a_run_directory_is_sound(finished: Path) -> None:
    before = contents(finished)
    found = verify(finished)
    assert (found.faults, found.notes) == ((), ())
    totals = overview(finished)[0].totals
    assert (found.runs, found.iterations, found.samples) == (1, totals.iterations, totals.samples)
    assert found.files == 1 + 2 * len(TASKS)
    assert contents(finished) == before


def test_a_copy_is_as_sound_as_its_journal_alone(copy: Path) -> None:
    assert verify(copy).faults == ()
    assert verify(copy / "journal.db").faults == ()
    assert verify(f"sqlite:///{copy}/journal.db").faults == ()


def edit_summary(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        summary = summary_of(run)
        change(summary)
        (run / "summary.json").write_text(json.dumps(summary, indent=2))

    return edit


def edit_journal(statement: str) -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        with closing(sqlite3.connect(run / "journal.db")) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            assert connection.execute(statement).rowcount > 0

    return edit


def append(name: str, text: str = "# so\n") -> Callable[[Path], None]:
    def edit(run: Path) -> None:
        with (run / name).open("a") as file:
            file.write(text)

    return edit


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (
            edit_summary(lambda s: s["tasks"]["toy/plus"].update(correct=99)),
            "summary.json: tasks.toy/plus.correct: expected ",
        ),
        (
            edit_summary(lambda s: s["tasks"].pop("toy/plus")),
            'summary.json: tasks.toy/plus: expected {"',
        ),
        (edit_summary(lambda s: s.update(solved=1)), "solved: expected 2, found 1"),
        (edit_summary(lambda s: s.update(more=1)), "more: expected nothing, found 1"),
        (
            edit_summary(lambda s: s["iterations"][0].update(samples=1)),
            "summary.json: iterations[0].samples: expected ",
        ),
        (
            edit_summary(lambda s: s["iterations"].pop()),
            "summary.json: iterations: expected [",
        ),
        (
            edit_summary(lambda s: s["configuration"].update(seed=9)),
            "summary.json: configuration.seed: expected 0, found 9",
        ),
        (edit_summary(lambda s: s.update(ending="tired")), 'ending: expected "all tasks'),
        (
            lambda run: (run / "summary.json").write_text("{"),
            "summary.json: expected the summary of run 1, found something else",
        ),
        (
            lambda run: (run / "summary.json").unlink(),
            "summary.json: expected the summary of run 1, found no such file",
        ),
        (
            append("library/toy/plus.yaml"),
            "library/toy/plus.yaml, line ",
        ),
        (append("library/toy/test_plus.py"), "library/toy/test_plus.py, line "),
        (
            lambda run: (run / "library/toy/minus.yaml").unlink(),
            "library/toy/minus.yaml: expected an answer of run 1, found no such file",
        ),
        (
            lambda run: shutil.copy(run / "library/toy/minus.yaml", run / "library/toy/other.yaml"),
            "library/toy/other.yaml: expected no such file",
        ),
        (
            edit_journal("UPDATE verdicts SET content = replace(content, 'true', 'false')"),
            "its content has changed",
        ),
        (edit_journal("DELETE FROM samples WHERE sample = 3"), "sample 3 at temperature 0.5 is m"),
        (edit_journal("UPDATE programs SET text = text || ' '"), "its text has changed"),
        (edit_journal("UPDATE iterations SET digest = 'f'"), "iteration 0 of run 1: its stratum"),
        (
            edit_journal("DELETE FROM experiences"),
            "run 1: it ended because all tasks are solved, expected an experience of each, found "
            "none of toy/plus, toy/minus",
        ),
        (
            edit_journal("UPDATE runs SET ending = 'all demonstrations together brought nothing'"),
            "run 1: expected the ending 'all tasks are solved', found 'all demonstrations",
        ),
        (edit_journal("UPDATE experiences SET code_lines = 9"), "it has changed, expected "),
        (edit_journal("UPDATE tasks SET content = '{'"), "its content has changed"),
    ],
)
def test_what_is_wrong_is_named(copy: Path, damage: Callable[[Path], object], named: str) -> None:
    damage(copy)
    assert any(named in fault for fault in verify(copy).faults), verify(copy).faults


def test_of_a_run_that_goes_on_only_the_journal_is_checked(copy: Path) -> None:
    edit_journal("UPDATE runs SET state = 'running', ending = NULL")(copy)
    (copy / "summary.json").unlink()
    found = verify(copy)
    assert found.faults == ()
    assert found.notes == (
        "run 1 has not ended, so summary.json and library are not compared with it",
    )


def test_of_an_older_library_programs_are_compared(copy: Path) -> None:
    edit_journal("UPDATE runs SET hardwon_version = '0.0.1'")(copy)
    edit_summary(lambda summary: summary.update(hardwon="0.0.1"))(copy)
    for name in ("plus.yaml", "test_plus.py"):
        append(f"library/toy/{name}")(copy)
    assert verify(copy).faults == ()
    minus = copy / "library/toy/minus.yaml"
    (copy / "library/toy/plus.yaml").write_bytes(minus.read_bytes())
    (fault,) = verify(copy).faults
    assert fault.startswith("library/toy/plus.yaml: expected the answer of run 1, found another")


@pytest.mark.parametrize("look", [verify, overview, export_experiences])
def test_a_folder_without_a_run_is_refused(look: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected a run directory, found no journal\.db"):
        look(tmp_path)
    with pytest.raises(JournalError, match="does not exist"):
        look(tmp_path / "nothing.db")
    (tmp_path / "journal.db").write_text("something else" * 100)
    with pytest.raises(JournalError, match="not a database"):
        look(tmp_path)


# Experiences.


def lines_of(run: Path, file: Path, *more: str) -> Path:
    text = "".join(map(experience_line, export_experiences(run)))
    file.write_text(text + "".join(f"{line}\n" for line in more), encoding="utf-8")
    return file


def test_an_experience_survives_its_line(finished: Path) -> None:
    first, *_ = export_experiences(finished)
    infinite = first.task.fns[0].model_copy(update={"init": (float("-inf"), float("inf"), 0.5)})
    task = first.task.model_copy(update={"fns": (infinite,), "global_code": "x = 'é\u2028\ud800'"})
    for experience in (first, first.model_copy(update={"task": task, "impl": "a\nb\0"})):
        line = experience_line(experience)
        assert line.count("\n") == 1
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
        assert read_experience(line) == experience


def test_experiences_of_one_run_are_where_another_begins(finished: Path, tmp_path: Path) -> None:
    file = lines_of(finished, tmp_path / "all.jsonl")
    report = import_experiences(file, tmp_path / "new")
    assert report.imported == tuple(
        experience.task.test_name for experience in export_experiences(finished)
    )
    assert (report.known, report.refused, report.run) == ((), (), None)
    result = improve((NEVER,), tmp_path / "new", CONFIGURATION, resume=True)
    assert (result.summary.solved, result.summary.total) == (0, 1)
    shown = result.summary.iterations[-1].demonstrations
    assert sorted(shown) == ["toy/minus", "toy/plus"]
    assert verify(tmp_path / "new").faults == ()
    again = export_experiences(tmp_path / "new")
    assert [item.impl for item in again] == [item.impl for item in export_experiences(finished)]


def test_a_run_that_has_ended_goes_on_with_what_it_is_given(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    improve((NEVER,), out, CONFIGURATION)
    file = lines_of(finished, tmp_path / "all.jsonl")
    assert import_experiences(file, out).run == 1
    assert import_experiences(file, out).known == tuple(
        experience.task.test_name for experience in export_experiences(finished)
    )
    with Journal.open(out / "journal.db", read_only=True) as journal:
        assert journal.run_record(1).state is RunState.RUNNING
        assert [len(wave.imported) for wave in journal.waves(1)] == [0, len(TASKS)]


def _line(experience: Experience, **changes: Any) -> str:
    content = json.loads(experience_line(experience))
    return json.dumps(content | changes)


def test_every_line_is_judged_and_what_is_not_correct_is_named(
    finished: Path, tmp_path: Path
) -> None:
    plus, minus = sorted(
        export_experiences(finished), key=lambda item: item.task.test_name, reverse=True
    )
    wrong = minus.model_copy(update={"impl": "return E0 - 6"})
    broken = toy_task("toy/broken", "1 / 0")
    unknown = toy_task("toy/unknown").model_copy(update={"language": "martian"})
    rows = [
        _line(plus, normal_form="made up", code_lines=99),
        "",
        _line(wrong),
        "{",
        "[]",
        _line(minus, hardwon_experience=7),
        _line(minus, impl=None),
        _line(minus, surplus=1),
        _line(minus, success_rate=0.9, correct=1, samples=2),
        _line(minus, success_rate=0.0, correct=0),
        _line(minus.model_copy(update={"task": broken})),
        _line(minus.model_copy(update={"task": unknown})),
        _line(plus),
        _line(plus, impl=plus.impl + "  # so"),
    ]
    file = tmp_path / "mixed.jsonl"
    file.write_bytes("\n".join(rows).encode() + b"\n\xff\n")
    report = import_experiences(file, tmp_path / "run")
    assert report.imported == ("toy/plus",)
    found = {refusal.line: (refusal.task, refusal.reason) for refusal in report.refused}
    expected = {
        3: ("toy/minus", "its answer is not correct (first failed check: functional)"),
        4: (None, "expected a JSON object, got something else"),
        5: (None, "expected a JSON object, got list"),
        6: (None, "hardwon_experience: expected 1, got 7"),
        7: (None, "impl: Input should be a valid string"),
        8: (None, "surplus: Extra inputs are not permitted"),
        9: (None, "success_rate: expected 0.5, which is 1 of 2, got 0.9"),
        10: (None, "expected 0 < correct <= samples, got 0 and"),
        11: ("toy/broken", "its task cannot be used: "),
        12: ("toy/unknown", "its task cannot be used: no language pack is named 'martian'"),
        13: ("toy/plus", "line 1 is the same"),
        14: ("toy/plus", "line 1 has another answer to the same task"),
        15: (None, "expected UTF-8"),
    }
    assert found.keys() == expected.keys()
    for line, (task, reason) in expected.items():
        assert found[line][0] == task
        assert found[line][1].startswith(reason)
    with Journal.open(tmp_path / "run" / "journal.db", read_only=True) as journal:
        (kept,) = journal.imported(None)
        assert kept == plus.model_copy(update={"iteration": -1})
        assert journal.verify() == []


def test_a_file_without_experiences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        import_experiences(tmp_path / "nothing.jsonl", tmp_path / "run")
    (tmp_path / "empty.jsonl").write_text("\n\n")
    with pytest.raises(UsageError, match="expected experiences, one a line, found none"):
        import_experiences(tmp_path / "empty.jsonl", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif("HARDWON_TEST_POSTGRES" not in os.environ, reason="needs a PostgreSQL server")
def test_a_password_is_in_no_message() -> None:
    url = os.environ["HARDWON_TEST_POSTGRES"]
    with pytest.raises((UsageError, JournalError)) as caught:
        export_experiences(url, run=10**6)
    password = make_url(url).password
    assert password
    assert "postgresql://" in str(caught.value)
    assert password not in str(caught.value)
