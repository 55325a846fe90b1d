"""The other commands, and what they say of options that make no sense."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import hardwon
from hardwon import bench
from hardwon.cli.app import app
from hardwon.ir import parse_task
from support import DOUBLE, contents, edited, summary_of, write_tasks

pytestmark = pytest.mark.usefixtures("toy", "here")

TOY = """\
test_name: toy/{name}
language: toy
inputs:
  - {{name: E0, dtype: number, dims: [N], data_gen: torch.rand}}
fns: []
outputs:
  - name: S0
    dtype: number
    dims: [N]
    data_transform: ["{reference}"]
"""
IDENTITY = TOY.format(name="identity", reference="E0 + E0 - E0")
POWER = TOY.format(name="power", reference="E0 ** 2")
SUM = TOY.format(name="sum", reference="E0 + 1")
BROKEN = TOY.format(name="broken", reference="1 / 0")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and a wide terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def improve(*arguments: str) -> Result:
    return run("improve", "--workers", "1", "--samples", "400", "--temperatures", "1", *arguments)


# tasks and show


def test_tasks_lists_the_benchmark() -> None:
    result = run("tasks")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines[1:27]] == [entry.name for entry in bench.catalog()]
    assert "26 tasks. `hardwon show NAME` prints one" in result.stdout


def test_tasks_as_json_are_data() -> None:
    result = run("tasks", "--json")
    rows = json.loads(result.stdout)
    assert result.exit_code == 0
    assert [row["name"] for row in rows] == [entry.name for entry in bench.catalog()]
    assert rows[2] == {
        "name": "attn/deferred",
        "group": "attn",
        "class": "arith",
        "reuse": 1,
        "functions": [fn.func_name for fn in bench.load("attn/deferred").fns],
    }
    assert {row["class"] for row in rows} == {"arith", "shape"}


@pytest.mark.parametrize("name", ["attn/fused", "expert/weighted", "rope/neox_ref"])
def test_what_show_prints_loads_again(name: str) -> None:
    result = run("show", name)
    assert result.exit_code == 0
    assert parse_task(result.stdout) == bench.load(name)


def test_show_prints_a_file_with_its_answer(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(f"{DOUBLE}impl: |-\n  return E0\n")
    shown = parse_task(run("show", "task.yaml").stdout)
    assert shown == parse_task((tmp_path / "task.yaml").read_text())
    assert shown.impl is not None
    assert shown.impl.strip() == "return E0"


@pytest.mark.parametrize("name", ["attn", "attn/none", "none.yaml", "."])
def test_what_show_cannot_find_is_said(name: str) -> None:
    result = run("show", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {name}: ")


# improve


def test_improve_writes_a_library_and_says_what_it_has_won(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks", SUM, POWER)
    result = improve("--task", "tasks", "--granularity", "1", "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert set(contents(tmp_path / "run")) == {
        *("journal.db", "summary.json"),
        *("library/pytest.ini", "library/toy/sum.yaml", "library/toy/test_sum.py"),
    }
    assert (summary_of(tmp_path / "run")["solved"], summary_of(tmp_path / "run")["total"]) == (1, 2)
    assert "1 of 2 tasks solved in " in result.stdout
    assert "all demonstrations together brought nothing new." in result.stdout
    assert "The library is in run/library" in result.stdout
    assert "iteration 0: 2 tasks to solve, 0 demonstrations" in result.stderr
    assert "solved toy/sum" in result.stderr
    assert "iteration 1: 1 task to solve, 1 demonstration " in result.stderr


def test_files_and_folders_may_be_mixed_and_named_twice(tmp_path: Path) -> None:
    files = write_tasks(tmp_path / "tasks", SUM, IDENTITY)
    twice = ["--task", files[0], "--task", "tasks", "--task", files[0]]
    result = improve(*twice, "--samples", "5", "--out", "run")
    assert result.exit_code == 0, result.stderr
    assert list(summary_of(tmp_path / "run")["tasks"]) == ["toy/sum", "toy/identity"]


def unusable(*arguments: str) -> list[str]:
    """Return the lines of the error; nothing may have been begun."""
    result = improve(*arguments, "--out", "run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "iteration" not in result.stderr
    assert not Path("run/summary.json").exists()
    return result.stderr.removeprefix("error: ").splitlines()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", "0"], "samples: expected at least 1, got 0"),
        (["--granularity", "0"], "granularity: expected at least 1, got 0"),
        (["--model", "gpt"], "model: expected offline, search, openai:NAME"),
        (
            ["--temperatures", "0"],
            "temperatures: expected numbers above 0 and up to 10, got (0.0,)",
        ),
        (["--temperatures", "nan"], "temperatures: expected numbers above 0"),
        (["--temperatures", "1,1"], "temperatures: expected each one once, got (1.0, 1.0)"),
    ],
)
def test_settings_that_make_no_sense_are_said(options: list[str], message: str) -> None:
    Path("task.yaml").write_text(SUM)
    (line,) = unusable("--task", "task.yaml", *options)
    assert line.startswith(message)
    assert not Path("run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--temperatures", "a,b"], "expected numbers like 0.4,0.7,1.0, got 'a,b'"),
        (["--temperatures", ""], "expected numbers like 0.4,0.7,1.0, got ''"),
        (["--samples", "many"], "Invalid value for '--samples'"),
        (["--sample", "3"], "No such option: --sample"),
        (["--max-minutes", "-1"], "'--max-minutes': expected a number from 0 on, got -1"),
        (["--max-minutes", "nan"], "'--max-minutes': expected a number from 0 on, got nan"),
        (["--timeout", "0"], "'--timeout': expected a number above 0, got 0"),
        (["--timeout", "nan"], "'--timeout': expected a number above 0, got nan"),
        (["--concurrency", "0"], "'--concurrency': expected at least 1, got 0"),
    ],
)
def test_options_that_cannot_be_read_are_said(options: list[str], message: str) -> None:
    Path("task.yaml").write_text(SUM)
    result = improve("--task", "task.yaml", *options)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_every_task_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks", SUM)
    Path("tasks/other.yaml").write_text(edited(SUM, ("E0 + 1", "E0 + 2")))
    Path("tasks/wrong.yml").write_text(edited(POWER, ("dtype: number, dims", "dtype: fp32, dims")))
    Path("empty").mkdir()
    lines = unusable("--task", "tasks", "--task", "empty", "--task", "rope/neo", "--task", "rop")
    assert len(lines) == 5
    assert "tasks/wrong.yml:4: inputs[0].dtype: expected number, got fp32" in lines
    assert (
        "tasks/sum.yaml: another task is named 'toy/sum' already; give it a test_name of its own"
        in lines
    )
    assert "empty: expected structural IR files (*.yaml) in this folder, got none" in lines
    assert lines[3].startswith("rope/neo: expected a built-in task, group or set")
    assert "did you mean rope/neox" in lines[3]
    assert "did you mean rope" in lines[4]


def test_a_task_whose_own_code_fails_is_said_before_anything_is_sampled(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks", SUM, BROKEN)
    assert unusable("--task", "tasks") == ["toy/broken: ZeroDivisionError: division by zero"]


def test_a_folder_that_holds_a_run_is_not_used_again(tmp_path: Path) -> None:
    write_tasks(tmp_path / "tasks", SUM)
    assert improve("--task", "tasks", "--out", "run").exit_code == 0
    before = contents(tmp_path / "run")
    again = improve("--task", "tasks", "--out", "run")
    assert (again.exit_code, again.stdout) == (2, "")
    assert again.stderr == (
        "error: run holds a run already; go on with it by --resume, or choose another --out\n"
    )
    assert contents(tmp_path / "run") == before
    other = improve("--task", "tasks", "--out", "run", "--resume", "--seed", "1")
    assert other.exit_code == 2
    assert "setting seed: recorded 0, now 1" in other.stderr
    resumed = improve("--task", "tasks", "--out", "run", "--resume")
    assert resumed.exit_code == 0
    assert "1 of 1 tasks solved" in resumed.stdout


def test_a_journal_of_something_else_is_said() -> None:
    Path("task.yaml").write_text(SUM)
    Path("run").mkdir()
    Path("run/journal.db").write_bytes(b"something else" * 100)
    (line,) = unusable("--task", "task.yaml")
    assert "journal.db" in line


# The rest


def test_the_version_is_shown() -> None:
    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"hardwon {hardwon.__version__}\n")


@pytest.mark.parametrize("command", ["improve", "check", "tasks", "show"])
def test_every_command_explains_itself(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Usage: hardwon {command}" in result.stdout or f"{command} [OPTIONS]" in result.stdout
    assert command in run("--help").stdout


def test_without_a_command_there_is_help() -> None:
    result = run()
    assert result.exit_code == 2
    assert "improve" in result.stdout + result.stderr
