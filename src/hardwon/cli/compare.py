"""`hardwon compare`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hardwon import api
from hardwon.cli import options, series
from hardwon.cli.ending import explained
from hardwon.cli.inputs import numbers
from hardwon.cli.tables import print_tables
from hardwon.cli.terminal import plain, terminal
from hardwon.learning import POLICIES, Unit

_ONCE_PER_RUN = ("runs", "tasks")
"""Tables that are too long for a screen; they are in the folder."""


def compare_command(
    policies: Annotated[
        str, typer.Option(help="The policies to compare.", metavar="NAME,NAME,...")
    ] = ",".join(POLICIES),
    *,
    task: options.Tasks = None,
    seeds: Annotated[int, typer.Option(help="Runs of each policy.")] = 5,
    seed: options.FirstSeed = 0,
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
    model: options.ModelName = api.OFFLINE,
    base_url: options.BaseUrl = None,
    samples: options.Samples = 16,
    temperatures: options.Temperatures = "1.0",
    granularity: options.Granularity = 3,
    keep: options.Filter = "shortest",
    stop_after: options.StopAfter = None,
    max_usd: options.MaxUsd = None,
    max_tokens: options.MaxTokens = None,
    workers: options.Workers = 0,
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
    err = terminal(stderr=True)
    with explained(err, "repeat the command"):
        if again:
            result = api.compared(out_dir)
        else:
            result = api.compare(
                api.select_tasks(task or ()),
                out_dir,
                api.Configuration(
                    model=model,
                    samples=samples,
                    temperatures=numbers(temperatures),
                    granularity=granularity,
                    filter=keep,
                    stop_after=stop_after,
                    seed=seed,
                ),
                policies=[name.strip() for name in policies.split(",") if name.strip()],
                seeds=seeds,
                equal=equal,
                budget=budget,
                workers=workers or os.cpu_count() or 1,
                means=api.Means(base_url=base_url, max_usd=max_usd, max_tokens=max_tokens),
                progress=series.announcer(err),
            )
    console = print_tables(table for table in result.tables if table.name not in _ONCE_PER_RUN)
    console.print(
        f"Written to {plain(out_dir)}: README.md, and CSV, JSON and SVG.", highlight=False
    )
