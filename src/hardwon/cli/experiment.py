"""`hardwon experiment` and `hardwon finetuning`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from hardwon import api
from hardwon.agents import GuardianKind
from hardwon.cli import options, series
from hardwon.cli.ending import explained
from hardwon.cli.inputs import fail, numbers
from hardwon.cli.tables import print_tables
from hardwon.cli.terminal import plain, terminal
from hardwon.evaluation import MODES, Content
from hardwon.journal import JournalError


def experiment_command(
    model: options.ModelName = api.OFFLINE,
    *,
    modes: Annotated[
        str, typer.Option(help="The modes to run.", metavar="MODE,MODE,...")
    ] = ",".join(MODES),
    task: options.Tasks = None,
    granularities: Annotated[
        str, typer.Option(help="Further m for self-improvement.", metavar="M,M,...")
    ] = "",
    seeds: Annotated[int, typer.Option(help="Runs of each mode.")] = 1,
    seed: options.FirstSeed = 0,
    samples: options.Samples = 64,
    temperatures: options.Temperatures = "0.4,0.7,1.0",
    guardian: options.Guardian = GuardianKind.PASS,
    base_url: options.BaseUrl = None,
    max_usd: options.MaxUsd = None,
    max_tokens: options.MaxTokens = None,
    workers: options.Workers = 0,
    out_dir: Annotated[
        Path, typer.Option("--out", help="Gets the tables, the figures and the runs.")
    ] = Path("hardwon-experiment"),
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            help="Run nothing: use this run directory, folder of them, or journal. May be given"
            " several times.",
            metavar="DIR|FILE|URL",
        ),
    ] = None,
) -> None:
    """Run the paper's modes for a model and write its tables and figures.

    The paper's own numbers stand beside them, marked as such. An interrupted experiment goes on
    when the command is repeated.
    """
    err = terminal(stderr=True)
    with explained(err, "repeat the command"):
        if sources:
            result = api.experimented(sources, out_dir)
        else:
            result = api.experiment(
                api.select_tasks(task or ()),
                out_dir,
                api.Configuration(
                    model=model,
                    guardian=guardian,
                    samples=samples,
                    temperatures=numbers(temperatures),
                    efforts=0,
                    seed=seed,
                ),
                modes=[mode.strip() for mode in modes.split(",") if mode.strip()],
                granularities=[round(m) for m in numbers(granularities)] if granularities else (),
                seeds=seeds,
                workers=workers or os.cpu_count() or 1,
                means=api.Means(base_url=base_url, max_usd=max_usd, max_tokens=max_tokens),
                progress=series.announcer(err),
            )
    console = print_tables(result.tables)
    console.print(
        f"Written to {plain(out_dir)}: README.md with {len(result.tables)} tables and"
        f" {len(result.figures)} figures, and CSV, JSON and SVG of each.",
        highlight=False,
    )


def finetuning_command(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Run directories, folders of them, or journals.", metavar="DIR|FILE|URL..."
        ),
    ],
    *,
    out_file: Annotated[
        Path, typer.Option("--out", help="The file to write.", metavar="FILE")
    ] = Path("finetuning.jsonl"),
    content: Annotated[
        Content,
        typer.Option(
            help="prompt: the whole prompt and the answer. question: question and answer."
            " distinct: the same, once per normal form."
        ),
    ] = Content.PROMPT,
    held_out: Annotated[
        list[str] | None,
        typer.Option(help="A task or group that must not appear. May be given several times."),
    ] = None,
    iterations: Annotated[
        int, typer.Option(help="How many iterations of each run to use. 0: all.")
    ] = 1,
    demonstrations: Annotated[
        bool, typer.Option("--demonstrations", help="Show what the run had learned by then.")
    ] = False,
) -> None:
    """Write a fine-tuning set from the correct samples of runs, as chats in JSON lines."""
    try:
        number = api.finetuning_set(
            sources,
            out_file,
            content=content,
            held_out=held_out or (),
            iterations=iterations or None,
            demonstrations=demonstrations,
        )
    except (api.UsageError, JournalError) as error:
        fail(error)
    terminal().print(f"{number} chats written to {plain(out_file)}", highlight=False)
