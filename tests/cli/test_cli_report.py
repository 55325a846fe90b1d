"""`hardwon report`: what it prints and writes, and what it says of unusable input."""

import csv
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from hardwon.cli.report import report
from hardwon.journal import Journal
from support import DOUBLE, read

app = typer.Typer()
app.command()(report)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run directory with a run that has just begun, seen from where it lies."""
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    with Journal.open("run/journal.db") as journal:
        journal.begin_run({"temperatures": [1.0]}, [read(DOUBLE)])
    return tmp_path / "run"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_report_and_its_data_are_named(folder: Path) -> None:
    result = run("run")
    assert result.exit_code == 0, result.output
    assert "0 of 1 tasks solved. The report is run/report.html (" in result.stdout
    assert "its data are in run/report." in result.stdout
    assert "0 of 1 task solved" in (folder / "report.html").read_text(encoding="utf-8")
    with (folder / "report" / "tasks.csv").open(encoding="utf-8", newline="") as file:
        assert [row["task"] for row in csv.DictReader(file)] == ["tiny/double"]
    (headline,) = json.loads((folder / "report" / "headline.json").read_text(encoding="utf-8"))
    assert (headline["solved"], headline["tasks"]) == (0, 1)


@pytest.mark.usefixtures("folder")
def test_page_and_data_go_where_they_are_wanted() -> None:
    result = run("run", "--out", "page.html", "--data", "tables")
    assert result.exit_code == 0, result.output
    assert Path("page.html").is_file()
    assert Path("tables/grid.csv").is_file()
    assert not Path("run/report.html").exists()


@pytest.mark.usefixtures("folder")
def test_a_journal_may_be_named_instead_of_its_directory() -> None:
    assert run("run/journal.db").exit_code == 0
    assert Path("run/report.html").is_file()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: expected a run directory with a journal.db, found none"),
        (["."], ".: expected a run directory with a journal.db, found none"),
        (["run", "--run", "3"], "run: expected one of the runs 1, got 3"),
        (["run", "--out", "page"], "page: expected a name that ends in .html"),
        (["broken.db"], "broken.db"),
    ],
)
def test_what_cannot_be_reported_is_said(arguments: list[str], message: str) -> None:
    Path("broken.db").write_bytes(b"this is no database" * 100)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.replace("\n", " ").startswith(f"error: {message}") or (
        message in result.stderr and message == "broken.db"
    )
    assert not Path("page").exists()
