"""How commands about several runs announce each one, and how they end."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from hardwon.api import Trial
from hardwon.api.series import Announce
from hardwon.cli.inputs import EXIT_INTERRUPTED, FAILURES, fail
from hardwon.learning import Progress


@contextmanager
def explained(console: Console) -> Iterator[None]:
    """Say in words what went wrong in a series of runs, or that it was interrupted."""
    try:
        yield
    except FAILURES as error:
        fail(error)
    except KeyboardInterrupt:
        console.print("\ninterrupted. What was sampled is kept; repeat the command to go on")
        raise typer.Exit(EXIT_INTERRUPTED) from None


def announcer(console: Console) -> Announce:
    """Return what prints a line before each run of a series, with its number."""
    number = 0

    def announce(trial: Trial) -> Progress | None:
        nonlocal number
        number += 1
        console.print(f"run {number}: {trial.name}, seed {trial.seed}", highlight=False)
        return None

    return announce
