"""`hardwon experiment` and `hardwon finetuning`."""

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hardwon.agents import GuardianKind
from hardwon.api.configuration import Configuration, Means
from hardwon.api.errors import UsageError
from hardwon.api.experimenting import Part, experiment, experimented
from hardwon.api.finetuning import finetuning_set
from hardwon.api.selecting import select_tasks
from hardwon.cli.compare import print_table, wide_console
from hardwon.cli.inputs import EXIT_INTERRUPTED, FAILURES, fail, numbers
from hardwon.evaluation import MODES, Content
from hardwon.journal import JournalError


def experiment_command(
    model: Annotated[str, typer.Option(help="Who proposes programs.")] = "offline",
    *,
    modes: Annotated[
        str, typer.Option(help="The modes to run.", metavar="MODE,MODE,...")
    ] = ",".join(MODES),
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
    granularities: Annotated[
        str, typer.Option(help="Further m for self-improvement.", metavar="M,M,...")
    ] = "",
    seeds: Annotated[int, typer.Option(help="Runs of each mode.")] = 1,
    seed: Annotated[int, typer.Option(help="The seed of the first run.")] = 0,
    samples: Annotated[int, typer.Option(help="Samples per task, temperature, iteration.")] = 64,
    temperatures: Annotated[
        str, typer.Option(help="Each task is sampled at each of these.", metavar="T,T,...")
    ] = "0.4,0.7,1.0",
    guardian: Annotated[
        GuardianKind, typer.Option(help="Who enforces the language's law, in mode agent.")
    ] = GuardianKind.PASS,
    base_url: Annotated[
        str | None, typer.Option(help="Of an OpenAI-compatible server.", metavar="URL")
    ] = None,
    max_usd: Annotated[float | None, typer.Option(help="The most that each run costs.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="The most tokens of each run.")] = None,
    workers: Annotated[
        int, typer.Option(help="Worker processes. 0: as many as there are processors.")
    ] = 0,
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
    err = Console(stderr=True)
    processes = workers or os.cpu_count() or 1

    def announce(part: Part) -> None:
        err.print(f"{part.name}, seed {part.configuration.seed}", highlight=False)

    try:
        if sources:
            result = experimented(sources, out_dir)
        else:
            result = experiment(
                select_tasks(task or ()),
                out_dir,
                Configuration(
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
                workers=processes,
                means=Means(base_url=base_url, max_usd=max_usd, max_tokens=max_tokens),
                progress=announce,
            )
    except FAILURES as error:
        fail(error)
    except KeyboardInterrupt:
        err.print("\ninterrupted. What was sampled is kept; repeat the command to go on")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    screen = wide_console()
    for table in result.tables:
        print_table(screen, table)
    screen.print(
        f"Written to {out_dir}: README.md with {len(result.tables)} tables and"
        f" {len(result.figures)} figures, and CSV, JSON and SVG of each.",
        highlight=False,
    )


def finetuning_command(
    sources: Annotated[
        list[str], typer.Argument(help="Run directories, folders of them, or journals.")
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
        number = finetuning_set(
            sources,
            out_file,
            content=content,
            held_out=held_out or (),
            iterations=iterations or None,
            demonstrations=demonstrations,
        )
    except (UsageError, JournalError) as error:
        fail(error)
    Console().print(f"{number} chats written to {out_file}", highlight=False)
