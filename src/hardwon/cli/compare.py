"""`hardwon compare`."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as Grid

from hardwon.api.comparing import Trial, compare, compared
from hardwon.api.configuration import Configuration
from hardwon.api.selecting import select_tasks
from hardwon.cli.inputs import EXIT_INTERRUPTED, FAILURES, fail, numbers
from hardwon.evaluation import Table, shown
from hardwon.learning import POLICIES, Unit

_ONCE_PER_RUN = ("runs", "tasks")
"""Tables that are too long for a screen; they are in the folder."""
_WIDE = 240
"""Columns of text."""


def compare_command(
    policies: Annotated[
        str, typer.Option(help="The policies to compare.", metavar="NAME,NAME,...")
    ] = ",".join(POLICIES),
    *,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            "--tasks",
            help="A benchmark task, a group, a structural IR file or a folder of them. May be"
            " given several times; without it, the whole benchmark.",
            metavar="NAME|GROUP|FILE|DIR",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of each policy.")] = 5,
    seed: Annotated[int, typer.Option(help="The seed of the first run.")] = 0,
    equal: Annotated[
        Unit, typer.Option(help="What every run may spend the same amount of.")
    ] = Unit.SAMPLES,
    budget: Annotated[
        int | None,
        typer.Option(
            help="The amount for each run. Without it, as many samples as ten iterations over all"
            " tasks take.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="Who proposes programs.")] = "offline",
    samples: Annotated[int, typer.Option(help="Samples per task, temperature, iteration.")] = 16,
    temperatures: Annotated[
        str, typer.Option(help="Each task is sampled at each of these.", metavar="T,T,...")
    ] = "1.0",
    granularity: Annotated[int, typer.Option(help="m: the number of strata.")] = 3,
    filter_name: Annotated[
        str, typer.Option("--filter", help="Which correct answer is remembered.")
    ] = "shortest",
    stop_after: Annotated[
        int | None,
        typer.Option(help="Stop sampling a task in an iteration after so many successes."),
    ] = None,
    workers: Annotated[
        int, typer.Option(help="Worker processes. 0: as many as there are processors.")
    ] = 0,
    out_dir: Annotated[
        Path, typer.Option("--out", help="Gets the tables, the figure and the runs.")
    ] = Path("hardwon-compare"),
    again: Annotated[
        bool,
        typer.Option("--from-runs", help="Run nothing: compare the finished runs in DIR/runs."),
    ] = False,
) -> None:
    """Compare learning policies that have the same to spend, over several seeds.

    An interrupted comparison goes on when the command is repeated. What it finds is printed, and
    written as Markdown, CSV, JSON and SVG.
    """
    err = Console(stderr=True)
    try:
        if again:
            result = compared(out_dir)
        else:
            names = [name.strip() for name in policies.split(",") if name.strip()]
            result = compare(
                select_tasks(task or ()),
                out_dir,
                Configuration(
                    model=model,
                    samples=samples,
                    temperatures=numbers(temperatures),
                    granularity=granularity,
                    filter=filter_name,
                    stop_after=stop_after,
                    seed=seed,
                ),
                policies=names,
                seeds=seeds,
                equal=equal,
                budget=budget,
                workers=workers or os.cpu_count() or 1,
                progress=_announcer(err, len(names) * seeds),
            )
    except FAILURES as error:
        fail(error)
    except KeyboardInterrupt:
        err.print("\ninterrupted. What was sampled is kept; repeat the command to go on")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    screen = wide_console()
    for table in result.tables:
        if table.name not in _ONCE_PER_RUN:
            print_table(screen, table)
    screen.print(f"Written to {out_dir}: README.md, and CSV, JSON and SVG.", highlight=False)


def wide_console() -> Console:
    """Return standard output; where it is no terminal, wide enough for the widest table."""
    console = Console()
    return console if console.is_terminal else Console(width=_WIDE)


def print_table(console: Console, table: Table) -> None:
    """Print a table with its title and notes."""
    grid = Grid(
        box=None, header_style="bold", pad_edge=False, title=table.title, title_justify="left"
    )
    for at, column in enumerate(table.columns):
        text = any(isinstance(row[at], str) for row in table.rows)
        grid.add_column(column, justify="left" if text else "right", overflow="fold")
    for row in table.rows:
        grid.add_row(*(shown(cell).replace("[", "\\[") for cell in row))
    console.print(grid)
    for note in table.notes:
        console.print(f"[dim]{note}[/dim]", highlight=False)
    console.print()


def _announcer(console: Console, total: int) -> Callable[[Trial], None]:
    done = 0

    def announce(trial: Trial) -> None:
        nonlocal done
        done += 1
        console.print(f"run {done} of {total}: {trial.policy}, seed {trial.seed}", highlight=False)

    return announce
