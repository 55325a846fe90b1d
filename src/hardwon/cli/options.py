"""Options that the commands about several runs share, and how such a command ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from hardwon.api import Trial
from hardwon.api.series import Announce
from hardwon.cli.inputs import EXIT_INTERRUPTED, FAILURES, fail
from hardwon.learning import Progress

Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        "--tasks",
        help="A built-in task, a group or set of them, a structural IR file or a folder. May be"
        " given several times; without it, the whole benchmark.",
        metavar="NAME|GROUP|SET|FILE|DIR",
    ),
]
FirstSeed = Annotated[int, typer.Option(help="The seed of the first run.")]
Samples = Annotated[int, typer.Option(help="Per task, temperature and iteration.")]
Temperatures = Annotated[
    str, typer.Option(help="Each task is sampled at each of these.", metavar="T,T,...")
]
ModelName = Annotated[
    str, typer.Option(help="Who proposes programs, as in hardwon improve.", metavar="MODEL")
]
BaseUrl = Annotated[str | None, typer.Option(help="Of an OpenAI-compatible server.", metavar="URL")]
MaxUsd = Annotated[float | None, typer.Option(help="The most that each run costs, in dollars.")]
MaxTokens = Annotated[
    int | None, typer.Option(help="The most tokens of each run, input and output.")
]
Workers = Annotated[int, typer.Option(help="Worker processes. 0: as many as there are processors.")]


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
