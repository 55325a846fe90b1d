"""`hardwon lint` as a person or a program calls it."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from hardwon.cli.app import app
from hardwon.cli.linting import print_reports
from hardwon.languages import Severity
from hardwon.lint import Finding, LintReport, MutationScore, Survivor, lint_markdown
from support import DOUBLE, ROWS, SUMMED, edited

runner = CliRunner()


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def with_impl(text: str, impl: str) -> str:
    return text + "impl: |-\n" + "".join(f"  {line}\n" for line in impl.splitlines())


def test_a_folder_is_linted_with_the_programs_in_its_files(tmp_path: Path) -> None:
    write(tmp_path, "rows.yaml", with_impl(ROWS, SUMMED))
    broken = edited(DOUBLE, ("input_data['E0'] * 2", "input_data['E0'] * 1"))
    write(tmp_path, "double.yaml", broken)
    result = runner.invoke(app, ["lint", "--json", "--workers", "1", str(tmp_path)])
    assert result.exit_code == 1
    reports = {report["task"]: report for report in json.loads(result.stdout)}
    rules = {finding["rule"] for finding in reports["tiny/double"]["findings"]}
    assert {"trivial-solution", "no-program"} <= rules
    assert reports["tiny/double"]["mutation"] is None
    assert reports["tiny/rows"]["findings"] == []
    assert reports["tiny/rows"]["mutation"]["caught"] > 0


SURVIVOR = Survivor(
    kind="drop step", change="line 2: E1 for E2", diff="-a\n+b", program="return E1"
)
REPORTS = (
    LintReport(task="tiny/sound", mutation=MutationScore(variants=9, caught=8, equivalent=1)),
    LintReport(
        task="tiny/broken",
        findings=(
            Finding(
                severity=Severity.ERROR,
                rule="function-fails",
                where=("fns", "fn_double"),
                message="it [fails]",
                advice="mend it",
            ),
            Finding(severity=Severity.WARNING, rule="survivor", message="not shown twice"),
        ),
        mutation=MutationScore(variants=4, caught=3, equivalent=0, survivors=(SURVIVOR,)),
        seconds=1.25,
    ),
    LintReport(task="tiny/unsolved"),
)


def printed(*reports: LintReport) -> str:
    console = Console(width=80, record=True, file=io.StringIO())
    print_reports(console, reports)
    return console.export_text()


def test_the_table_fits_a_terminal_and_shows_the_figures() -> None:
    _, sound, broken, unsolved, *_ = (line.split() for line in printed(*REPORTS).splitlines())
    assert sound == ["tiny/sound", "0", "0", "0", "9", "1", "8", "0", "0.0"]
    assert broken == ["tiny/broken", "1", "1", "0", "4", "0", "3", "1", "1.2"]
    assert unsolved == ["tiny/unsolved", "0", "0", "0", "-", "-", "-", "-", "0.0"]


def test_findings_name_the_place_and_what_to_do() -> None:
    text = printed(*REPORTS)
    assert "error function-fails fns.fn_double: it [fails]\n      mend it" in text


def test_a_survivor_is_shown_once_with_its_difference() -> None:
    text = printed(*REPORTS)
    assert "warning survivor: line 2: E1 for E2\n      -a\n      +b" in text
    assert "not shown twice" not in text


def test_nothing_found_is_said() -> None:
    assert printed(REPORTS[0]).endswith("\nNothing found.\n")


def test_markdown_is_a_table_with_survivors_and_findings() -> None:
    text = lint_markdown(REPORTS)
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert table[2] == "| tiny/sound | 0 | 9 | 1 | 8 | 0 | 0.0 |"
    assert table[-1] == "| **3 tasks** | **0** | **13** | **1** | **11** | **1** | **1.2** |"
    assert "#### tiny/broken: line 2: E1 for E2\n\n```diff\n-a\n+b\n```" in text
    assert "- tiny/broken: error `function-fails`: it [fails]" in text
    assert "not shown twice" not in text


@pytest.mark.parametrize(
    "arguments", [["no/such"], ["rope", "--impl", "x.step"], ["rope/neox", "--impl", "absent.step"]]
)
def test_unusable_input_exits_with_two(arguments: list[str]) -> None:
    result = runner.invoke(app, ["lint", *arguments])
    assert result.exit_code == 2
    assert "error:" in result.output
