"""A run leaves a library that stands by itself, and the same one for the same seed."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardwon.api import Configuration, UsageError, find_task, improve, select_tasks
from hardwon.journal import Journal
from hardwon.models import ModelError
from hardwon.records import Task
from support import (
    DOUBLE,
    HOPELESS,
    RESIDUAL,
    ROWS,
    contents,
    summary_of,
    write_tasks,
)

CONFIGURATION = Configuration(samples=12, temperatures=(0.7, 1.0), granularity=2, seed=5, efforts=0)


@dataclass(frozen=True)
class Done:
    """A run that has ended."""

    tasks: tuple[Task, ...]
    base: Path
    out: Path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A run over three tasks that can be solved and one that cannot."""
    base = tmp_path_factory.mktemp("improving")
    files = write_tasks(base / "tasks", DOUBLE, ROWS, RESIDUAL, HOPELESS)
    tasks = select_tasks(files)
    improve(tasks, base / "run", CONFIGURATION)
    return Done(tasks, base, base / "run")


def test_a_run_leaves_a_library_a_journal_and_a_summary(done: Done) -> None:
    assert set(contents(done.out)) == {
        "journal.db",
        "summary.json",
        "library/pytest.ini",
        *(f"library/tiny/{name}.yaml" for name in ("double", "rows", "residual")),
        *(f"library/tiny/test_{name}.py" for name in ("double", "rows", "residual")),
    }


def test_the_summary_counts_what_the_journal_holds(done: Done) -> None:
    summary = summary_of(done.out)
    assert list(summary) == [
        *("total", "solved", "ending", "tasks", "iterations", "usage"),
        *("without_program", "configuration", "hardwon"),
    ]
    assert (summary["total"], summary["solved"]) == (4, 3)
    assert summary["ending"] == "all demonstrations together brought nothing new"
    assert list(summary["tasks"]) == [task.test_name for task in done.tasks]
    assert summary["configuration"] == CONFIGURATION.model_dump(mode="json")
    assert summary["usage"]["steps"] > 0
    hopeless = summary["tasks"]["tiny/hopeless"]
    steps = summary["iterations"]
    assert hopeless == {
        "solved": False,
        "samples": 24 * len(steps),
        "correct": 0,
        "iteration": None,
        "success_rate": None,
    }
    with Journal.open(done.out / "journal.db") as journal:
        assert journal.verify() == []
        for step, record in zip(steps, journal.iterations(1), strict=True):
            rows = [
                row
                for digest in record.tasks
                for temperature in CONFIGURATION.temperatures
                for row in journal.samples(1, record.index, digest, temperature).values()
            ]
            assert step["index"] == record.index
            assert step["stratum"] == record.stratum
            assert step["attempted"] == len(record.tasks)
            assert step["samples"] == len(rows) == 24 * len(record.tasks)
            assert step["correct"] == sum(row.verdict.correct for row in rows)
        solved = {item.task.test_name: item for item in journal.experiences(1)}
    for name, item in solved.items():
        row = summary["tasks"][name]
        assert (row["solved"], row["iteration"]) == (True, item.iteration)
        assert row["success_rate"] == item.success_rate == item.correct / 12
        assert name in steps[item.iteration]["solved"]
    assert {name for step in steps for name in step["solved"]} == solved.keys()
    assert steps[0]["demonstrations"] == []
    assert sorted(steps[-1]["demonstrations"]) == sorted(solved)


def test_a_solved_task_is_the_question_with_an_answer(done: Done) -> None:
    with Journal.open(done.out / "journal.db") as journal:
        solved = {item.task.short_name: item for item in journal.experiences(1)}
    for name, item in solved.items():
        task = find_task(str(done.out / f"library/tiny/{name}.yaml"))
        assert task.question in done.tasks
        assert task.impl == item.impl


def test_an_answer_that_needs_its_input_twice_copies_it(done: Done) -> None:
    task = find_task(str(done.out / "library/tiny/residual.yaml"))
    assert task.impl is not None
    assert "step.Copy().apply(E0)" in task.impl


def test_the_generated_tests_pass(done: Done) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "library"],
        cwd=done.out,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert " passed" in result.stdout
    for name in ("double", "rows", "residual"):
        assert f"tiny/test_{name}.py" in result.stdout


def test_no_file_of_a_run_tells_where_it_lies(done: Done) -> None:
    for name, data in contents(done.out).items():
        for folder in (done.base, Path.cwd(), Path.home(), Path(sys.prefix)):
            assert str(folder).encode() not in data, name


def test_one_seed_gives_one_library_whatever_the_number_of_workers(done: Done) -> None:
    again = done.base / "again"
    assert not improve(done.tasks, again, CONFIGURATION, workers=2).resumed
    first, second = contents(done.out), contents(again)
    del first["journal.db"], second["journal.db"]
    assert first == second
    with Journal.open(done.out / "journal.db") as one, Journal.open(again / "journal.db") as other:
        assert [step.digest for step in one.iterations(1)] == [
            step.digest for step in other.iterations(1)
        ]


@pytest.mark.parametrize(
    "model", ["scripted:none.yaml", "local:none.gguf", "openai:any", "replay:none"]
)
def test_a_model_that_cannot_be_used_leaves_the_folder_to_a_later_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HARDWON_CACHE", str(tmp_path / "cache"))
    tasks = select_tasks(write_tasks(tmp_path / "tasks", DOUBLE))
    with pytest.raises((UsageError, ModelError), match=r"none|OPENAI_API_KEY"):
        improve(tasks, tmp_path / "run", Configuration(model=model, samples=1))
    assert not (tmp_path / "run").exists()


def test_a_second_run_in_the_same_folder_is_refused(done: Done) -> None:
    before = contents(done.out)
    with pytest.raises(UsageError, match="holds a run already; go on with it by --resume"):
        improve(done.tasks, done.out, CONFIGURATION)
    del before["journal.db"]
    assert before.items() <= contents(done.out).items()
