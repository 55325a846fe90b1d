"""A signal ends a long command in good order, and a second one at once."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hardwon.cli import progress
from hardwon.cli.app import app
from support import are_gone, summary_of, write_tasks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends signals")

SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]
MESSAGE = "interrupted. What was sampled is kept; to go on, repeat it"
PROGRAM = """
import asyncio, signal, sys

import typer
from rich.console import Console
from hardwon.cli.ending import explained

signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs inherit to ignore it
for name in sys.argv[2:]:
    signal.signal(getattr(signal, name), signal.SIG_IGN)

async def beside():
    try:
        await asyncio.Event().wait()
    finally:
        print("beside: tidied up", flush=True)

async def main():
    task = asyncio.create_task(beside())
    await asyncio.sleep(0)
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("main: tidying up", flush=True)
        await asyncio.sleep(float(sys.argv[1]))

def wait():
    print("ready", flush=True)
    signal.pause()
    print("not interrupted", flush=True)

try:
    with explained(Console(width=200), "repeat it"):
        asyncio.run(main()) if float(sys.argv[1]) >= 0 else wait()
except typer.Exit as ending:
    sys.exit(ending.exit_code)
"""
"""Takes so many seconds to tidy up; below 0 there is nothing to tidy up, and no event loop."""


def told(*signals: str, seconds: float = 0.0, ignored: tuple[str, ...] = ()) -> tuple[int, str]:
    """Send signals to a program, each as soon as it shows that it has heard the one before."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(seconds), *ignored],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    said = ""
    for number, name in enumerate(signals):
        while number and "main: tidying up" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(getattr(signal, name))
    rest, _ = process.communicate(timeout=60)
    return process.returncode, said + rest


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_lets_everything_tidy_up(name: str) -> None:
    code, said = told(name)
    assert code == 128 + getattr(signal, name)
    assert "main: tidying up" in said
    assert "beside: tidied up" in said
    assert MESSAGE in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_is_heard_where_nothing_else_runs(name: str) -> None:
    code, said = told(name, seconds=-1)
    assert code == 128 + getattr(signal, name)
    assert said.split("\n") == ["", MESSAGE, ""]


@pytest.mark.parametrize(("first", "second"), [("SIGINT", "SIGINT"), ("SIGHUP", "SIGTERM")])
def test_a_second_signal_does_not_wait(first: str, second: str) -> None:
    code, said = told(first, second, seconds=3600)
    assert code == -getattr(signal, second)
    assert "Traceback" not in said
    assert MESSAGE not in said


def test_what_is_ignored_stays_so() -> None:
    """A run under `nohup` outlives its terminal."""
    process_told = told("SIGTERM", ignored=("SIGHUP",))
    assert process_told[0] == 143
    code, said = told("SIGTERM", seconds=-1, ignored=("SIGINT", "SIGHUP"))
    assert (code, MESSAGE in said) == (143, True)


# A whole run


@pytest.fixture
def handlers() -> Iterator[None]:
    """Puts back what handled signals before the test."""
    before = {name: signal.getsignal(getattr(signal, name)) for name in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


TASK = """\
test_name: toy/square
language: toy
inputs:
  - {name: E0, dtype: number, dims: [N], data_gen: torch.rand}
fns: []
outputs:
  - name: S0
    dtype: number
    dims: [N]
    data_transform: ["E0 * E0"]
"""


def improve(*options: str) -> Result:
    command = ["improve", "--task", "tasks", "--out", "run", "--samples", "40", "--workers", "1"]
    return CliRunner().invoke(app, [*command, "--temperatures", "1", "--efforts", "0", *options])


@pytest.mark.usefixtures("toy", "handlers")
@pytest.mark.parametrize("name", SIGNALS)
def test_a_run_keeps_what_came_and_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = tmp_path / "homes"
    homes.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(homes))
    write_tasks(tmp_path / "tasks", TASK)
    sampled: Callable[..., None] = progress.PlainProgress.sampled
    left = 5

    def count(self: progress.PlainProgress, *arguments: Any, **named: Any) -> None:
        nonlocal left
        sampled(self, *arguments, **named)
        left -= 1
        if left == 0:
            signal.raise_signal(getattr(signal, name))

    monkeypatch.setattr(progress.PlainProgress, "sampled", count)
    stopped = improve()
    assert stopped.exit_code == 128 + getattr(signal, name)
    assert "to go on, repeat the command with --resume" in " ".join(stopped.stderr.split())
    assert summary_of(tmp_path / "run")["ending"] == "interrupted"
    assert are_gone(str(homes))
    assert not list(homes.iterdir())
    ended = improve("--resume")
    assert ended.exit_code == 0, ended.stderr
    replayed = summary_of(tmp_path / "run")
    assert replayed["ending"] != "interrupted"
    assert improve().exit_code == 2  # the run is there, and is not begun anew


@pytest.mark.usefixtures("toy", "handlers")
def test_what_breaks_because_of_a_signal_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that goes away takes the display with it."""
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "tasks", TASK)

    def gone(*_: object, **__: object) -> None:
        signal.raise_signal(signal.SIGHUP)
        raise OSError("Input/output error")

    monkeypatch.setattr(progress.PlainProgress, "sampled", gone)
    assert improve().exit_code == 128 + signal.SIGHUP


@pytest.mark.usefixtures("toy", "handlers")
def test_what_breaks_without_a_signal_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tasks(tmp_path / "tasks", TASK)

    def full(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(progress.PlainProgress, "sampled", full)
    result = improve()
    assert isinstance(result.exception, OSError)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
