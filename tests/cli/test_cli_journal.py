"""`hardwon journal` and `hardwon experiences` on the command line."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hardwon.api import Configuration, improve
from hardwon.cli.experiences import experiences
from hardwon.cli.journal import journal
from support import toy_task

pytestmark = pytest.mark.usefixtures("toy")

TASK = toy_task("toy/plus", "E0 + 3")


@pytest.fixture(scope="module")
def finished(toy: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    del toy
    out = tmp_path_factory.mktemp("finished") / "run"
    configuration = Configuration(samples=40, temperatures=(1.0,), granularity=1, efforts=0)
    assert improve([TASK], out, configuration).summary.solved == 1
    return out


def said(output: str) -> str:
    return " ".join(output.split())


def test_a_sound_run_directory_verifies(finished: Path) -> None:
    result = CliRunner().invoke(journal, ["verify", str(finished)])
    assert result.exit_code == 0, result.output
    assert "sound: 1 run, " in result.output
    machine = CliRunner().invoke(journal, ["verify", str(finished / "journal.db"), "--json"])
    assert machine.exit_code == 0
    found = json.loads(machine.stdout)
    assert (found["faults"], found["runs"], found["files"]) == ([], 1, 0)


def test_a_fault_is_named_and_counted(finished: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished, tmp_path / "copy")
    (copy / "library/toy/plus.yaml").unlink()
    result = CliRunner().invoke(journal, ["verify", str(copy)])
    assert result.exit_code == 1
    assert "wrong library/toy/plus.yaml: expected an answer of run 1" in said(result.output)
    assert "1 fault in 1 run, " in said(result.output)
    machine = CliRunner().invoke(journal, ["verify", str(copy), "--json"])
    assert machine.exit_code == 1
    assert len(json.loads(machine.stdout)["faults"]) == 1


@pytest.mark.parametrize("command", ["verify", "show"])
def test_what_cannot_be_opened_is_unusable(command: str, tmp_path: Path) -> None:
    for name in (tmp_path, tmp_path / "no.db", "postgresql://u:s3cret@127.0.0.1:1/runs"):
        result = CliRunner().invoke(journal, [command, str(name)])
        assert result.exit_code == 2
        assert "error:" in result.stderr
        assert "s3cret" not in result.output


def test_runs_are_listed(finished: Path) -> None:
    result = CliRunner().invoke(journal, ["show", str(finished)], env={"COLUMNS": "40"})
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("run 1  20")
    assert lines[1].startswith("  1 of 1 task solved in 1 iteration; ")
    assert lines[2] == "  0 tokens, $0.00; all tasks are solved"
    (row,) = json.loads(CliRunner().invoke(journal, ["show", str(finished), "--json"]).stdout)
    assert (row["run"]["id"], row["totals"]["solved"], row["totals"]["tasks"]) == (1, 1, 1)


def test_experiences_go_through_a_file(finished: Path, tmp_path: Path) -> None:
    file, new = tmp_path / "out.jsonl", tmp_path / "new"
    exported = CliRunner().invoke(experiences, ["export", str(finished), "--out", str(file)])
    assert exported.exit_code == 0
    assert "1 experience written" in exported.stderr
    printed = CliRunner().invoke(experiences, ["export", str(finished)])
    assert printed.stdout == file.read_text()
    imported = CliRunner().invoke(experiences, ["import", str(file), "--into", str(new)])
    assert imported.exit_code == 0, imported.output
    assert "let in toy/plus" in imported.output
    assert "1 let in, 0 known already, 0 refused; the first run here begins with them" in said(
        imported.output
    )
    again = CliRunner().invoke(experiences, ["import", str(file), "--into", str(new), "--json"])
    assert json.loads(again.stdout)["known"] == ["toy/plus"]


def test_what_is_refused_is_named_with_its_line(finished: Path, tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    CliRunner().invoke(experiences, ["export", str(finished), "--out", str(file)])
    content = json.loads(file.read_text())
    file.write_text("{\n" + json.dumps(content | {"impl": "return E0"}) + "\n")
    result = CliRunner().invoke(experiences, ["import", str(file), "--into", str(tmp_path / "new")])
    assert result.exit_code == 1
    assert "line 1: expected a JSON object" in said(result.output)
    assert "line 2 (toy/plus): its answer is not correct" in said(result.output)


def test_a_file_that_cannot_be_used_is_said_to_be_unusable(finished: Path, tmp_path: Path) -> None:
    missing = ["import", str(tmp_path / "no.jsonl"), "--into", str(tmp_path / "new")]
    assert CliRunner().invoke(experiences, missing).exit_code == 2
    nowhere = ["export", str(finished), "--out", str(tmp_path / "no" / "out.jsonl")]
    result = CliRunner().invoke(experiences, nowhere)
    assert result.exit_code == 2
    assert "cannot be written" in said(result.stderr)
    assert CliRunner().invoke(experiences, ["export", str(tmp_path)]).exit_code == 2
