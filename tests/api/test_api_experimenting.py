"""Experiments and fine-tuning sets: from real runs, and again from their journals alone."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hardwon.api import UsageError
from hardwon.api.configuration import Configuration
from hardwon.api.experimenting import experiment, experimented
from hardwon.api.finetuning import finetuning_set
from hardwon.cli.app import app
from hardwon.evaluation import Content
from hardwon.journal import Journal
from support import toy_task

pytestmark = pytest.mark.usefixtures("toy")

TASKS = (
    toy_task("plus/three", "E0 + 3"),
    toy_task("minus/five", "E0 - 5"),
    toy_task("power/two", "E0 ** 2"),
)
COMMON = Configuration(samples=30, temperatures=(1.0,), granularity=2, efforts=0, seed=1)


@dataclass(frozen=True)
class Done:
    """An experiment that has ended."""

    out: Path
    rows: dict[str, tuple[tuple[object, ...], ...]]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    out = tmp_path_factory.mktemp("experimenting")
    result = experiment(TASKS, out, COMMON, modes=("agent", "self-improve"))
    return Done(out, {table.name: table.rows for table in result.tables})


def settings(folder: Path) -> dict[str, object]:
    with Journal.open(folder / "journal.db", read_only=True) as journal:
        record = journal.run_record(1)
        return {**record.configuration, "iterations": len(journal.iterations(1))}


def test_a_mode_without_learning_is_one_iteration_without_memory(done: Done) -> None:
    found = settings(done.out / "runs/agent-1")
    assert (found["mode"], found["policy"], found["iterations"]) == ("agent", "none", 1)


def test_self_improvement_ends_by_the_papers_rule(done: Done) -> None:
    found = settings(done.out / "runs/self-improve-1")
    assert (found["policy"], found["budget"], found["granularity"]) == ("paper", None, 2)
    assert isinstance(found["iterations"], int)
    assert found["iterations"] >= 2


def test_another_run_may_spend_what_self_improvement_spent(done: Done) -> None:
    found = settings(done.out / "runs/agent-equal-cost-1")
    assert (found["policy"], found["budget_unit"]) == ("none", "steps")
    rows = {row[2]: row for row in done.rows["table-5-equal-cost"] if row[0] == "measured"}
    assert set(rows) == {"agent at equal cost", "self-improve"}
    assert found["budget"] == rows["self-improve"][4]


def test_the_same_tables_come_from_the_journals_alone(done: Done, tmp_path: Path) -> None:
    for sources in ([done.out / "runs"], sorted((done.out / "runs").iterdir())):
        result = experimented(sources, tmp_path)
        assert {table.name: table.rows for table in result.tables} == done.rows
    journals = [path / "journal.db" for path in sorted((done.out / "runs").iterdir())]
    result = experimented(journals, tmp_path)
    assert {table.name: table.rows for table in result.tables} == done.rows
    names = {path.name for path in tmp_path.iterdir()}
    for table in result.tables:
        assert {f"{table.name}.csv", f"{table.name}.json"} <= names
    for figure in result.figures:
        assert {f"{figure.data.name}.{kind}" for kind in ("svg", "csv", "json")} <= names


def test_what_cannot_be_done_is_said(done: Done, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="modes: expected some of single-no-ir"):
        experiment(TASKS, tmp_path, COMMON, modes=("agents",))
    with pytest.raises(UsageError, match="at least one seed"):
        experiment(TASKS, tmp_path, COMMON, seeds=0)
    with pytest.raises(UsageError, match="found none"):
        experimented([tmp_path], tmp_path / "out")
    with pytest.raises(UsageError, match="no task or group is named rope"):
        finetuning_set([done.out], tmp_path / "set.jsonl", held_out=["rope"])


# Fine-tuning sets.


def lines(path: Path) -> list[list[dict[str, str]]]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [row["messages"] for row in rows]


def test_a_set_has_the_prompts_that_models_get(done: Done, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    number = finetuning_set([done.out / "runs/self-improve-1"], path, iterations=None)
    chats = lines(path)
    assert len(chats) == number > 0
    for chat in chats:
        assert [message["role"] for message in chat] == ["system", "user", "assistant"]
        assert "return E0" in chat[-1]["content"]


@pytest.mark.parametrize("content", Content)
@pytest.mark.parametrize("demonstrations", [False, True])
def test_held_out_groups_appear_nowhere(
    done: Done, tmp_path: Path, content: Content, demonstrations: bool
) -> None:
    path = tmp_path / "set.jsonl"
    options = {"content": content, "iterations": None, "demonstrations": demonstrations}
    finetuning_set([done.out / "runs"], path, **options)  # type: ignore[arg-type]
    everything = path.read_text(encoding="utf-8")
    for group in ("plus", "minus"):
        assert f"{group}/" in everything
        finetuning_set([done.out / "runs"], path, held_out=[group], **options)  # type: ignore[arg-type]
        assert f"{group}/" not in path.read_text(encoding="utf-8")


def test_a_set_of_nothing_is_not_written(done: Done, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no correct sample is left"):
        finetuning_set([done.out / "runs"], tmp_path / "set.jsonl", held_out=["plus", "minus"])
    assert not (tmp_path / "set.jsonl").exists()


# The command line.


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_the_command_prints_the_tables_of_runs_that_there_are(done: Done, tmp_path: Path) -> None:
    said = command(
        "experiment", "--from", str(done.out / "runs"), "--out", str(tmp_path / "tables")
    )
    assert said.exit_code == 0, said.output
    assert "Pass@1 and Pass@n by mode (Figure 2)" in said.output
    assert "the paper" in said.output
    assert (tmp_path / "tables/README.md").is_file()


def test_the_command_writes_a_fine_tuning_set(done: Done, tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    runs = str(done.out / "runs")
    options = ("--held-out", "plus", "--content", "distinct", "--iterations", "0")
    said = command("finetuning", runs, "--out", str(path), *options)
    assert said.exit_code == 0, said.output
    assert f"{len(lines(path))} chats written" in said.output
    assert "plus/" not in path.read_text(encoding="utf-8")


def test_input_that_cannot_be_used_ends_the_command_with_2(tmp_path: Path) -> None:
    for arguments in (
        ["experiment", "--from", str(tmp_path / "nowhere")],
        ["experiment", "--modes", "everything", "--task", "rope"],
        ["finetuning", str(tmp_path / "nowhere")],
    ):
        said = command(*arguments, "--out", str(tmp_path / "out"))
        assert said.exit_code == 2, said.output
