"""An interrupted run that goes on ends like one that was never interrupted, and pays nothing twice.

The tasks are of the toy language, whose processes start fast.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hardwon.agents import OfflineProposer, Request
from hardwon.api import (
    Configuration,
    ImproveResult,
    Means,
    UsageError,
    improve,
    improve_async,
)
from hardwon.api.places import sole_use
from hardwon.ir import dump_task
from hardwon.journal import Journal, JournalError
from hardwon.records import Answer, Task
from support import are_gone, contents, processes_that_know, summary_of, toy_task, write_tasks

pytestmark = pytest.mark.usefixtures("toy")

TASKS = (
    toy_task("toy/plus", "E0 + 3"),
    toy_task("toy/minus", "E0 - 5"),
    toy_task("toy/hard", "E0 - 8 if N else 0", global_code="N = 1"),
    toy_task("toy/never", "E0 ** 2"),
)
CONFIGURATION = Configuration(samples=20, temperatures=(0.5, 1.0), granularity=2, seed=0)


@dataclass
class Listener:
    """Counts samples; cancels the run after a number of new ones."""

    stop_after: int = 1_000_000
    fresh: int = 0
    replayed: int = 0
    iterations: list[int] = field(default_factory=list)
    run: asyncio.Task[Any] | None = None

    def iteration_began(self, index: int, *_: object, effort: int) -> None:
        self.iterations.append(index)

    def solved(self, *_: object) -> None: ...

    def asked(self, *_: object) -> None: ...

    def sampled(self, *_: object, replayed: bool) -> None:
        self.fresh += not replayed
        self.replayed += replayed
        if self.fresh >= self.stop_after and self.run:
            self.run.cancel()


def interrupt(out: Path, after: int, tasks: Sequence[Task] = TASKS) -> None:
    """Run until a number of samples are there, and cancel it then."""

    async def scene() -> None:
        listener = Listener(after)
        listener.run = asyncio.ensure_future(
            improve_async(tasks, out, CONFIGURATION, resume=True, progress=listener)
        )
        with pytest.raises(asyncio.CancelledError):
            await listener.run

    asyncio.run(scene())


def resume(out: Path, listener: Listener | None = None) -> ImproveResult:
    return improve(TASKS, out, CONFIGURATION, resume=True, progress=listener)


def kept_samples(out: Path) -> int:
    with Journal.open(out / "journal.db") as journal:
        assert journal.verify() == []
        return sum(
            len(journal.samples(run.id, step.index, digest, temperature))
            for run in journal.runs()
            for step in journal.iterations(run.id)
            for digest in step.tasks
            for temperature in CONFIGURATION.temperatures
        )


def results(out: Path) -> dict[str, bytes]:
    """Return what a run has come to: all but the journal, in which times differ."""
    return {name: data for name, data in contents(out).items() if "journal" not in name}


def seals(out: Path) -> list[str | None]:
    with Journal.open(out / "journal.db") as journal:
        return [step.digest for step in journal.iterations(1)]


@pytest.fixture(scope="module")
def whole(toy: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing interrupts."""
    del toy
    out = tmp_path_factory.mktemp("whole") / "run"
    result = resume(out)
    assert not result.resumed  # there was nothing to go on with, which is no error
    return out


def test_the_run_is_worth_an_interruption(whole: Path) -> None:
    """It has several iterations, some with demonstrations, and both solved and open tasks."""
    summary = summary_of(whole)
    assert 0 < summary["solved"] < summary["total"]
    assert len(summary["iterations"]) > 2
    assert summary["iterations"][-1]["demonstrations"]


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_a_cancelled_run_goes_on_to_the_same_end(whole: Path, tmp_path: Path, part: float) -> None:
    interrupt(tmp_path, after=1 + round(part * kept_samples(whole)))
    kept = kept_samples(tmp_path)
    assert 0 < kept < kept_samples(whole)
    assert summary_of(tmp_path)["ending"] == "interrupted"
    listener = Listener()
    result = resume(tmp_path, listener)
    assert result.resumed
    assert results(tmp_path) == results(whole)
    assert seals(tmp_path) == seals(whole)
    assert (listener.replayed, listener.fresh) == (kept, kept_samples(whole) - kept)


def test_what_is_in_the_journal_is_not_asked_for_again(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: Counter[tuple[str, int, float, int]] = Counter()
    propose = OfflineProposer.propose

    async def spy(self: OfflineProposer, request: Request) -> AsyncIterator[Answer]:
        task, seed = request.task.test_name, request.seed
        async for answer in propose(self, request):
            asked[task, seed, request.temperature, answer.index] += 1
            yield answer

    monkeypatch.setattr(OfflineProposer, "propose", spy)
    for after in (30, 50):
        interrupt(tmp_path, after)
    resume(tmp_path)
    assert results(tmp_path) == results(whole)
    again = sum(asked.values()) - len(asked)
    in_flight = len(TASKS) * len(CONFIGURATION.temperatures)
    assert len(asked) == kept_samples(whole)
    assert again <= 2 * in_flight  # only what was under way when the run was cancelled


def test_a_finished_run_can_be_resumed_without_a_sample(whole: Path) -> None:
    before = results(whole)
    listener = Listener()
    assert resume(whole, listener).resumed
    assert (listener.fresh, results(whole)) == (0, before)


def test_a_run_that_was_moved_goes_on_in_another_folder(whole: Path, tmp_path: Path) -> None:
    interrupt(tmp_path / "here", 100)
    there = tmp_path / "some where" / "else"
    there.parent.mkdir()
    (tmp_path / "here").rename(there)
    for name, data in contents(there).items():
        assert str(tmp_path).encode() not in data, name
    assert resume(there).resumed
    assert results(there) == results(whole)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_an_interrupted_run_leaves_no_process_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if many programs wait for the judge."""
    homes = tmp_path / "homes"
    homes.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(homes))
    setup = "import time\ndef slowly(number):\n    time.sleep(0.05)\n    return number\n"
    slow = [toy_task(f"toy/{n}", f"slowly(E0) + {n}", global_code=setup) for n in range(5)]
    interrupt(tmp_path / "run", 1, slow)
    assert not processes_that_know(str(homes))
    assert not list(homes.iterdir())


KILLER = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit to ignore it
from hardwon.cli import app, progress

sampled = progress.PlainProgress.sampled
left = int(sys.argv.pop(1))

def count(self, task, record, *, replayed):
    global left
    sampled(self, task, record, replayed=replayed)
    left -= not replayed
    if left == 0 and not replayed:
        os.kill(os.getpid(), signal.{signal})

progress.PlainProgress.sampled = count
app.main()
"""
"""The command line, which sends itself a signal after a number of new samples."""


def command(
    folder: Path, packs: tuple[Path, Path], *options: str, signal_name: str = "", after: int = 0
) -> subprocess.CompletedProcess[str]:
    """Run `hardwon improve` over the tasks in a process of its own."""
    write_tasks(folder / "tasks", *map(dump_task, TASKS))
    paths = map(str, (*packs, *filter(None, sys.path)))
    code = KILLER.format(signal=signal_name or "SIGKILL")
    homes = folder / "homes"
    homes.mkdir(exist_ok=True)
    arguments = [
        *("improve", "--out", "run", "--samples", "20", "--temperatures", "0.5,1.0"),
        *("--granularity", "2", "--seed", "0", "--workers", "1"),
    ]
    for task in TASKS:
        arguments += ["--task", f"tasks/{task.short_name}.yaml"]
    return subprocess.run(
        [sys.executable, "-c", code, str(after), *arguments, *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(homes)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_killed_run_goes_on_to_the_same_end(
    whole: Path, tmp_path: Path, packs: tuple[Path, Path]
) -> None:
    """Killed again and again, without a chance to tidy up."""
    for after in (1, 150):
        killed = command(tmp_path, packs, "--resume", signal_name="SIGKILL", after=after)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert not (tmp_path / "run/summary.json").exists()
        assert are_gone(str(tmp_path))
    unrecorded = len(TASKS) * len(CONFIGURATION.temperatures) * 16
    assert kept_samples(tmp_path / "run") >= 150 - unrecorded > 0
    ended = command(tmp_path, packs, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert results(tmp_path / "run") == results(whole)
    assert seals(tmp_path / "run") == seals(whole)


def test_a_run_that_is_interrupted_by_hand_says_how_to_go_on(
    whole: Path, tmp_path: Path, packs: tuple[Path, Path]
) -> None:
    stopped = command(tmp_path, packs, signal_name="SIGINT", after=70)
    assert stopped.returncode == 130
    assert "interrupted. What was sampled is kept; to go on, repeat the command with --resume" in (
        " ".join(stopped.stderr.split())
    )
    assert "Traceback" not in stopped.stderr
    assert "never retrieved" not in stopped.stderr
    kept = kept_samples(tmp_path / "run")
    assert kept >= 70
    refused = command(tmp_path, packs)
    assert refused.returncode == 2
    assert "run holds a run already" in " ".join(refused.stderr.split())
    assert kept_samples(tmp_path / "run") == kept
    ended = command(tmp_path, packs, "--resume")
    assert ended.returncode == 0, ended.stderr
    assert results(tmp_path / "run") == results(whole)


# What does not fit is named, and costs no sample.


def refusal(out: Path, tasks: tuple[Task, ...] = TASKS, **changes: Any) -> list[str]:
    """Return the lines of the error that a resumed run ends with at once."""
    listener = Listener()
    with pytest.raises(UsageError) as caught:
        improve(
            tasks,
            out,
            CONFIGURATION.model_copy(update=changes),
            resume=True,
            progress=listener,
        )
    assert listener.iterations == []
    return str(caught.value).splitlines()


def test_a_changed_configuration_is_named(whole: Path) -> None:
    lines = refusal(whole, samples=21, seed=5)
    assert lines[0].startswith(f"{whole} holds another run: run 1 is of another experiment")
    assert lines[1:] == [
        "  - setting samples: recorded 20, now 21",
        "  - setting seed: recorded 0, now 5",
    ]


def test_changed_tasks_are_named(whole: Path) -> None:
    plus, minus, hard, never = TASKS
    other = toy_task("toy/plus", "E0 + 4")
    new = toy_task("toy/new", "3 + E0")
    assert refusal(whole, (other, minus, hard, new))[1:] == [  # a new task would be welcome
        "  - task toy/plus: its content has changed",
        "  - task toy/never: now missing",
    ]
    assert refusal(whole, (minus, plus, hard, never))[1:] == ["  - the tasks come in another order"]


def test_a_broken_task_costs_no_sample_and_can_be_mended(tmp_path: Path) -> None:
    broken = toy_task("toy/broken", "1 / 0")
    worse = toy_task("toy/worse", global_code="import no_such_module")
    listener = Listener()
    with pytest.raises(UsageError) as caught:
        improve((*TASKS[:1], broken, worse), tmp_path, CONFIGURATION, progress=listener)
    assert str(caught.value).splitlines() == [
        "toy/broken: ZeroDivisionError: division by zero",
        "toy/worse: ModuleNotFoundError: No module named 'no_such_module'",
    ]
    assert listener.iterations == []
    mended = toy_task("toy/broken", "E0 + 1")
    assert improve((*TASKS[:1], mended), tmp_path, CONFIGURATION).summary.total == 2


def test_a_task_that_breaks_in_the_midst_of_a_run_is_named(tmp_path: Path) -> None:
    """Its reference ends the process when programs are checked, its global code works only once."""
    mark = tmp_path / "mark"
    bomb = toy_task(
        "toy/bomb",
        "refer(E0)",
        global_code=(
            f"import os, pathlib\nmark = pathlib.Path({str(mark)!r})\n"
            "mark.touch(exist_ok=False)\ncalls = []\n"
            "def refer(number):\n"
            "    calls.append(number)\n"
            "    if len(calls) > 2:\n        os._exit(0)\n"
            "    return number\n"
        ),
    )
    with pytest.raises(UsageError, match="toy/bomb: FileExistsError"):
        improve([bomb], tmp_path / "run", CONFIGURATION)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("x/a b", "x/a_b"), "x/a b and x/a_b: expected names that differ as file names"),
        (("x/plus", "x/Plus"), "x/plus and x/Plus: expected names that differ"),
        (("plus", "tasks/plus"), "plus and tasks/plus: expected names that differ"),
    ],
)
def test_tasks_that_would_overwrite_each_other_are_refused(
    names: tuple[str, str], message: str, tmp_path: Path
) -> None:
    tasks = [toy_task(name, f"E0 + {at + 1}") for at, name in enumerate(names)]
    with pytest.raises(UsageError, match=message):
        improve(tasks, tmp_path / "run", CONFIGURATION)
    assert not (tmp_path / "run").exists()


def test_a_run_needs_a_task(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected at least one task"):
        improve([], tmp_path, CONFIGURATION)


def test_a_file_is_no_run_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("something else")
    with pytest.raises(UsageError, match=r"cannot be used as a run directory \(it is a file\)"):
        improve(TASKS, tmp_path / "file", CONFIGURATION)
    with pytest.raises(UsageError, match="cannot be used as a run directory"):
        improve(TASKS, tmp_path / "file" / "run", CONFIGURATION)


def test_two_processes_do_not_work_on_one_run(tmp_path: Path) -> None:
    with (
        sole_use(tmp_path),
        pytest.raises(UsageError, match="another process is at work on this run"),
    ):
        improve(TASKS, tmp_path, CONFIGURATION, resume=True)
    assert list(tmp_path.iterdir()) == []
    with sole_use(tmp_path):
        pass


def test_a_journal_that_is_none_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "journal.db").write_text("something else" * 100)
    with pytest.raises(JournalError, match=r"journal\.db"):
        improve(TASKS, tmp_path, CONFIGURATION)


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({"samples": 0}, ["samples: expected at least 1, got 0"]),
        ({"granularity": 0}, ["granularity: expected at least 1, got 0"]),
        ({"model": "gpt"}, ["model: expected offline, search, openai:NAME"]),
        ({"temperatures": ()}, ["temperatures: expected numbers above 0 and up to 10, got ()"]),
        ({"temperatures": (0.0,)}, ["above 0 and up to 10, got (0.0,)"]),
        ({"temperatures": (float("nan"),)}, ["above 0 and up to 10, got (nan,)"]),
        ({"temperatures": (1.0, 1.0)}, ["expected each one once, got (1.0, 1.0)"]),
        ({"samples": -1, "granularity": 0, "model": ""}, ["model:", "samples:", "granularity:"]),
    ],
)
def test_settings_that_make_no_sense_are_all_named(
    changes: dict[str, Any], messages: list[str], tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        improve(TASKS, tmp_path / "run", Configuration(**changes))
    lines = str(caught.value).splitlines()
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages, strict=True):
        assert message in line
    assert not (tmp_path / "run").exists()


def test_new_tasks_join_a_finished_run_and_they_alone_are_sampled(
    whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    shutil.copytree(whole, out)
    before = kept_samples(out)
    new = toy_task("toy/new", "3 + E0")
    listener = Listener()
    result = improve((*TASKS, new), out, CONFIGURATION, resume=True, progress=listener)
    summary = result.summary
    assert (summary.total, summary.solved) == (5, summary_of(whole)["solved"] + 1)
    later = summary.iterations[len(summary_of(whole)["iterations"]) :]
    assert [step.attempted for step in later] == [1] * len(later) != []
    assert later[-1].solved == ("toy/new",)
    assert later[0].demonstrations  # what the run had learned before
    assert listener.replayed == before
    assert listener.fresh == sum(step.samples for step in later)
    again = improve((*TASKS, new), out, CONFIGURATION, resume=True)
    assert again.summary == summary


def test_a_run_stopped_by_the_clock_keeps_what_it_has_and_goes_on(
    whole: Path, tmp_path: Path
) -> None:
    result = improve(TASKS, tmp_path, CONFIGURATION, means=Means(max_minutes=1e-9))
    assert result.stopped == "the limit of 1e-09 minutes is reached"
    assert result.summary.ending == result.stopped
    assert (tmp_path / "summary.json").is_file()
    assert resume(tmp_path).resumed
    assert results(tmp_path) == results(whole)
