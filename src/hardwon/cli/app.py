"""The commands. Exit codes: 0 done or correct, 1 not correct, 2 unusable input, 130 interrupted."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import hardwon
from hardwon import api, bench
from hardwon.agents import ProposerError
from hardwon.cli.explaining import explain
from hardwon.cli.inputs import EXIT_INTERRUPTED, EXIT_NOT_CORRECT, fail, read_program
from hardwon.cli.linting import lint
from hardwon.cli.progress import LiveProgress, PlainProgress
from hardwon.cli.views import print_solved, print_task_table, print_verdict, verdict_json
from hardwon.ir import dump_task
from hardwon.journal import JournalError
from hardwon.judge import JudgeError

app = typer.Typer(
    name="hardwon",
    help="Writes verified ML operator libraries for new hardware languages, and learns from its own"
    " hard-won successes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Start here: [bold]hardwon improve --task rope[/bold], then look into the folder that it"
    " names.",
)
out = Console()
err = Console(stderr=True)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"hardwon {hardwon.__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    del version


def _temperatures(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"expected numbers like 0.4,0.7,1.0, got {text!r}") from None


@app.command()
def improve(
    task: Annotated[
        list[str] | None,
        typer.Option(
            help="A benchmark task, a group, a structural IR file or a folder of them."
            " May be given several times; without it, the whole benchmark.",
            metavar="NAME|GROUP|FILE|DIR",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option(help="Who proposes programs: [bold]offline[/bold] needs no model.")
    ] = "offline",
    samples: Annotated[int, typer.Option(help="Samples per task, temperature and iteration.")] = 64,
    granularity: Annotated[
        int, typer.Option(help="m: into how many strata demonstrations are split by difficulty.")
    ] = 3,
    temperatures: Annotated[
        str, typer.Option(help="Each task is sampled at each of these.", metavar="T,T,...")
    ] = "0.4,0.7,1.0",
    seed: Annotated[int, typer.Option(help="The same seed gives the same library.")] = 0,
    workers: Annotated[
        int, typer.Option(help="Worker processes. 0: as many as there are processors.")
    ] = 0,
    out_dir: Annotated[
        Path,
        typer.Option(
            "--out", help="The run directory: library, journal and summary.", metavar="DIR"
        ),
    ] = Path("hardwon-run"),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in DIR, if there is one.")
    ] = False,
) -> None:
    """Write a library: sample, judge, remember what was hard to win, and try again.

    Runs until every task is solved or all demonstrations together bring nothing new. An interrupted
    run goes on with --resume; nothing finished is repeated.
    """
    try:
        tasks = api.select_tasks(task or ())
        configuration = api.Configuration(
            model=model,
            samples=samples,
            temperatures=_temperatures(temperatures),
            granularity=granularity,
            seed=seed,
        )
        width = max(len(item.test_name) for item in tasks)
        drawn = configuration.samples * len(configuration.temperatures)
        display = LiveProgress(err, width, drawn) if err.is_terminal else PlainProgress(err, width)
        with display:
            result = api.improve(
                tasks,
                out_dir,
                configuration,
                workers=workers or os.cpu_count() or 1,
                resume=resume,
                progress=display,
            )
    except (api.UsageError, JournalError, JudgeError, ProposerError) as error:
        fail(error)
    except KeyboardInterrupt:
        err.print(
            "\ninterrupted. What was sampled is kept; to go on, repeat the command with --resume"
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    print_solved(out, result.summary, out_dir)


@app.command()
def check(
    task: Annotated[str, typer.Argument(help="A benchmark task or a structural IR file.")],
    impl: Annotated[
        str | None,
        typer.Option(
            help="The program: a file, or - for standard input. Without it, the file's own impl.",
            metavar="FILE|-",
        ),
    ] = None,
    reference: Annotated[
        bool,
        typer.Option("--reference", help="Check the benchmark's own program, made affine by Copy."),
    ] = False,
    plain: Annotated[bool, typer.Option("--plain", help="With --reference: without Copy.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge one program: syntax, types, affine law, results.

    Exit code 0 if it is correct, 1 if not, 2 if the input is unusable.
    """
    try:
        if reference and impl is not None:
            raise api.UsageError("--impl and --reference both name a program; give one of them")
        if plain and not reference:
            raise api.UsageError("--plain is about the benchmark's own program; add --reference")
        found = api.find_task(task)
        if reference:
            program = api.reference_program(found.test_name, copies=not plain)
        else:
            program = read_program(impl, found.impl, task)
        verdict = api.check(found, program)
    except (api.UsageError, JudgeError) as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(verdict_json(found, verdict), indent=2) + "\n")
    else:
        print_verdict(out, found, program, verdict)
    raise typer.Exit(0 if verdict.correct else EXIT_NOT_CORRECT)


@app.command()
def tasks(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the tasks of the benchmark."""
    entries = bench.catalog()
    if as_json:
        rows = [
            {
                "name": entry.name,
                "group": entry.group,
                "class": "shape" if entry.shape else "arith",
                "reuse": entry.reuse,
                "functions": [fn.func_name for fn in bench.load(entry.name).fns],
            }
            for entry in entries
        ]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    else:
        print_task_table(out, entries)


@app.command()
def show(
    task: Annotated[str, typer.Argument(help="A benchmark task or a structural IR file.")],
) -> None:
    """Show a task in structural IR."""
    try:
        text = dump_task(api.find_task(task))
    except api.UsageError as error:
        fail(error)
    sys.stdout.write(text if text.endswith("\n") else text + "\n")


app.command()(lint)
app.command()(explain)


def main() -> None:
    """Run the command line."""
    app()
