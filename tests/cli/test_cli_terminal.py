"""Whatever the text and the terminal, a message comes out as it is meant."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from rich.console import Console

from hardwon.cli.terminal import plain, terminal

MAIN = "from hardwon.cli.app import main; main()"


def printed(text: str, monkeypatch: pytest.MonkeyPatch) -> str:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    terminal().print(text, soft_wrap=True)
    return stream.getvalue()


def test_names_between_colons_are_no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    assert printed("root:x:0 :heart:", monkeypatch) == "root:x:0 :heart:\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[red]a[/red]", "[red]a[/red]"),
        ("a\x1b[31mb", "a⟨U+001B⟩[31mb"),
        ("\u202eba", "⟨U+202E⟩ba"),
        ("größe ✓", "größe ✓"),
        ("\udcff", "⟨U+DCFF⟩"),
    ],
)
def test_text_of_strangers_is_shown_and_not_obeyed(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed(plain(text), monkeypatch) == f"{shown}\n"


def test_a_console_is_for_one_stream() -> None:
    assert isinstance(terminal(stderr=True), Console)
    assert terminal(stderr=True).stderr
    assert not terminal().stderr


def run(
    *arguments: str, stdout: int | IO[str] = subprocess.PIPE, **more: str
) -> tuple[int, str, str]:
    """Return the exit code, standard output and standard error of a command."""
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env={**os.environ, **more},
        timeout=300,
        check=False,
    )
    return done.returncode, (done.stdout or b"").decode(), done.stderr.decode()


def test_characters_that_a_terminal_lacks_are_spelled_out(tmp_path: Path) -> None:
    task = tmp_path / "task.yaml"
    task.write_text(
        "test_name: größe\ninputs: [{name: A, dtype: fp32, dims: [N], data_gen: torch.ones}]\n"
        "fns: []\noutputs: [{name: O, dtype: fp32, dims: [N], data_transform: [A]}]\n",
        encoding="utf-8",
    )
    code, out, err = run("show", str(task), PYTHONIOENCODING="ascii")
    assert (code, err) == (0, "")
    assert r'test_name: "gr\xf6\xdfe"' in out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_under_standard_output_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        code, _, err = run("show", "rope/neox", stdout=full)
    assert code == 2
    assert err.startswith("error: ")
    assert "No space left on device" in err
    assert "Traceback" not in err
