"""Comparing policies: real runs of small tasks, interrupted and gone on with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hardwon.api import UsageError
from hardwon.api.comparing import compare, compared
from hardwon.api.configuration import Configuration
from hardwon.api.improving import Silent
from hardwon.cli.app import app
from hardwon.journal import Journal
from hardwon.learning import Unit
from hardwon.records import Task
from support import contents, toy_task

pytestmark = pytest.mark.usefixtures("toy")

TASKS = (
    toy_task("toy/plus", "E0 + 3"),
    toy_task("toy/minus", "E0 - 5"),
    toy_task("toy/power", "E0 ** 2"),
)
COMMON = Configuration(samples=20, temperatures=(1.0,), granularity=2, seed=3)
POLICIES = ("none", "paper")


class Stopped(Exception):  # noqa: N818
    """A comparison that breaks off."""


def run(
    out: Path, tasks: tuple[Task, ...] = TASKS, **options: object
) -> dict[str, list[dict[str, object]]]:
    """Return the rows of every table, by the names of its columns."""
    settings = {"policies": POLICIES, "seeds": 2, "budget": 200} | options
    result = compare(tasks, out, COMMON, **settings)  # type: ignore[arg-type]
    return {
        table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
        for table in result.tables
    }


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, list[dict[str, object]]]]:
    out = tmp_path_factory.mktemp("comparing")
    return out, run(out)


def test_every_policy_and_seed_has_a_run_of_its_own(
    done: tuple[Path, dict[str, list[dict[str, object]]]],
) -> None:
    out, tables = done
    assert {path.name for path in (out / "runs").iterdir()} == {
        f"{policy}-{seed}" for policy in POLICIES for seed in (3, 4)
    }
    assert [(row["policy"], row["seed"]) for row in tables["runs"]] == [
        (policy, seed) for policy in POLICIES for seed in (3, 4)
    ]
    for folder in (out / "runs").iterdir():
        with Journal.open(folder / "journal.db") as journal:
            assert journal.verify() == []
            settings = journal.run_record(1).configuration
            assert f"{settings['policy']}-{settings['seed']}" == folder.name
            assert (settings["budget"], settings["budget_unit"]) == (200, "samples")


def test_all_spend_the_same_where_no_end_is_in_sight(
    done: tuple[Path, dict[str, list[dict[str, object]]]],
) -> None:
    """The power of two cannot be written, so every run goes on until its budget is spent."""
    for row in done[1]["runs"]:
        assert row["samples"] == 200
        assert row["ending"] == "the budget is spent"


def test_runs_of_one_seed_begin_alike(
    done: tuple[Path, dict[str, list[dict[str, object]]]],
) -> None:
    rows = done[1]["runs"]
    for seed in (3, 4):
        assert len({row["in iteration 0"] for row in rows if row["seed"] == seed}) == 1


def test_the_paper_is_the_baseline(
    done: tuple[Path, dict[str, list[dict[str, object]]]],
) -> None:
    assert [row["policy"] for row in done[1]["differences"]] == ["none"]


def test_results_are_written_as_text_and_data(
    done: tuple[Path, dict[str, list[dict[str, object]]]],
) -> None:
    out = done[0]
    assert {path.name for path in out.iterdir() if path.is_file()} == {
        "README.md",
        "curve.svg",
        *(
            f"{n}.{e}"
            for n in ("policies", "differences", "runs", "tasks", "curve")
            for e in ("csv", "json")
        ),
    }
    content = json.loads((out / "policies.json").read_text(encoding="utf-8"))
    assert [row["policy"] for row in content["rows"]] == list(POLICIES)
    assert str(out) not in "".join(
        data.decode("utf-8", "replace") for name, data in contents(out).items() if "/" not in name
    )


def test_a_finished_comparison_is_made_again_from_its_runs(
    done: tuple[Path, dict[str, list[dict[str, object]]]],
) -> None:
    out, tables = done
    for again in (run(out), None):
        if again is None:
            result = compared(out)
            rows = {table.name: table.rows for table in result.tables}
            assert len(rows["runs"]) == 4
            assert {row[0] for row in rows["policies"]} == set(POLICIES)
        else:
            assert again == tables


def test_an_interrupted_comparison_goes_on_and_ends_in_the_same_way(
    done: tuple[Path, dict[str, list[dict[str, object]]]], tmp_path: Path
) -> None:
    class Interrupting(Silent):
        """Breaks off in the middle of an iteration."""

        samples = 0

        def sampled(self, *_: object, replayed: bool) -> None:
            del replayed
            self.samples += 1
            if self.samples == 70:
                raise Stopped

    with pytest.raises(Stopped):
        run(tmp_path, seeds=1, progress=lambda _: Interrupting())
    assert len(list((tmp_path / "runs").iterdir())) == 1
    again = run(tmp_path, seeds=1)["runs"]
    assert again == [row for row in done[1]["runs"] if row["seed"] == 3]


def test_what_cannot_be_compared_is_refused_before_anything_runs(tmp_path: Path) -> None:
    for options, message in (
        ({"policies": ()}, "at least one policy"),
        ({"seeds": 0}, "at least one policy and one seed"),
        ({"budget": 0}, "expected at least 1, got 0"),
        ({"equal": Unit.STEPS, "budget": None}, "--equal steps needs --budget"),
        ({"policies": ("paper", "papper")}, "expected one of paper, all, .*'papper'"),
    ):
        with pytest.raises(UsageError, match=message):
            run(tmp_path / "new", **options)
        assert not list((tmp_path / "new").rglob("journal.db"))
    with pytest.raises(UsageError, match="found none"):
        compared(tmp_path)


def test_the_command_prints_the_comparison(
    done: tuple[Path, dict[str, list[dict[str, object]]]], tmp_path: Path
) -> None:
    said = CliRunner().invoke(app, ["compare", "--from-runs", "--out", str(done[0])])
    assert said.exit_code == 0, said.output
    assert "Policies at 200 samples each, 3 tasks, 2 seeds" in said.output
    assert "Differences from paper" in said.output
    for arguments in (["--policies", "papper"], ["--task", "nowhere.yaml"], ["--from-runs"]):
        said = CliRunner().invoke(app, ["compare", *arguments, "--out", str(tmp_path)])
        assert said.exit_code == 2, said.output
