"""What commands share: exit codes, reading a program, and refusing an input."""

import sys
from pathlib import Path
from typing import NoReturn

import typer

from hardwon import api
from hardwon.agents import ProposerError, program_in
from hardwon.cli.terminal import plain, terminal
from hardwon.journal import JournalError
from hardwon.judge import JudgeError
from hardwon.models import CacheError, ModelError
from hardwon.records import Task

EXIT_NOT_CORRECT = 1
EXIT_UNUSABLE = 2


FAILURES = (
    *(api.UsageError, JournalError, JudgeError),
    *(ProposerError, ModelError, CacheError),
)
"""What a run may end with that the user can mend."""


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers that are separated by commas.

    Raises:
        typer.BadParameter: if something else is between the commas.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"expected numbers like 0.4,0.7,1.0, got {text!r}") from None


def fail(error: Exception) -> NoReturn:
    """Print an error that the user can mend, and exit."""
    terminal(stderr=True).print(f"[bold red]error:[/bold red] {plain(error)}", soft_wrap=True)
    raise typer.Exit(EXIT_UNUSABLE)


def read_program(impl: str | None, task: Task, name: str) -> str:
    """Return the program in a file or on standard input (`-`), or else the task file's own.

    `name` is what the user called the task.

    Raises:
        UsageError: if there is none, or it cannot be read.
    """
    if impl is None:
        if task.impl is None:
            raise api.UsageError(
                f"{name} has no impl of its own: give a program by --impl FILE, or --impl - for"
                " standard input"
            )
        return task.impl
    try:
        raw = sys.stdin.buffer.read() if impl == "-" else Path(impl).read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise api.UsageError(f"{impl}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise api.UsageError(f"{impl}: expected UTF-8 text ({error})") from error
    found = program_in(text, task.language)
    return text if found is None else found
