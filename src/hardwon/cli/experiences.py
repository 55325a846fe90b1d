"""`hardwon experiences`."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hardwon.api.errors import UsageError
from hardwon.api.experiences import (
    ImportReport,
    experience_line,
    export_experiences,
    import_experiences,
)
from hardwon.api.library import write_whole
from hardwon.cli.inputs import EXIT_NOT_CORRECT, fail
from hardwon.cli.terminal import plain, terminal
from hardwon.journal import JournalError
from hardwon.judge import JudgeError

experiences = typer.Typer(
    help="Move verified answers from one run to another.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@experiences.command("export")
def export(
    source: Annotated[
        str,
        typer.Argument(
            help="A run directory, a journal file, or the URL of a database.",
            metavar="DIR|FILE|URL",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The file. Without it, standard output.", metavar="FILE"),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(help="Which run of the journal. Without it, the latest.", metavar="NUMBER"),
    ] = None,
) -> None:
    """Write all that a run remembers, one experience a line, with its task (JSONL)."""
    try:
        found = export_experiences(source, run=run)
        text = "".join(map(experience_line, found))
        if out is not None:
            _write(out, text)
    except (UsageError, JournalError) as error:
        fail(error)
    if out is None:
        sys.stdout.write(text)
    else:
        terminal(stderr=True).print(
            f"{len(found)} experience{'s' * (len(found) != 1)} written to {plain(out)}",
            highlight=False,
            soft_wrap=True,
        )


@experiences.command("import")
def import_(
    file: Annotated[
        Path, typer.Argument(help="As `experiences export` writes it.", metavar="FILE")
    ],
    into: Annotated[
        Path,
        typer.Option(
            help="The run directory that gets them; its run goes on with them, or its first run"
            " begins with them.",
            metavar="DIR",
        ),
    ],
    workers: Annotated[
        int, typer.Option(help="Answers at a time. 0: as many as there are processors.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Judge every answer in a file, and give those that are correct to a run.

    Exit code 0 if all were let in, 1 if some were refused, 2 if the input is unusable.
    """
    err = terminal(stderr=True)
    try:
        with err.status("judging") as status:
            report = import_experiences(
                file,
                into,
                workers=workers or os.cpu_count() or 1,
                progress=lambda done, all_: status.update(f"{done} of {all_} answers judged"),
            )
    except (UsageError, JournalError, JudgeError) as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(report.model_dump(mode="json"), indent=2) + "\n")
    else:
        _print(terminal(), file, report)
    raise typer.Exit(EXIT_NOT_CORRECT if report.refused else 0)


def _print(console: Console, file: Path, report: ImportReport) -> None:
    for refusal in report.refused:
        task = "" if refusal.task is None else f" ({refusal.task})"
        console.print(
            f"[bold red]refused[/bold red] {plain(f'{file}, line {refusal.line}{task}')}:"
            f" {plain(refusal.reason)}",
            highlight=False,
            soft_wrap=True,
        )
    for name in report.imported:
        console.print(f"[bold green]let in[/bold green] {plain(name)}", highlight=False)
    for name in report.known:
        console.print(f"[dim]known already: {plain(name)}[/dim]", highlight=False)
    goes_on = (
        "the first run here begins with them"
        if report.run is None
        else f"run {report.run} goes on with them (--resume)"
    )
    console.print(
        f"{len(report.imported)} let in, {len(report.known)} known already,"
        f" {len(report.refused)} refused{'; ' + goes_on if report.imported else ''}.",
        highlight=False,
        soft_wrap=True,
    )


def _write(file: Path, text: str) -> None:
    try:
        write_whole(file, text)
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror})") from error
