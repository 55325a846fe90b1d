"""`hardwon journal`."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from hardwon.api.errors import UsageError
from hardwon.api.journals import RunOverview, overview, verify
from hardwon.cli.inputs import fail
from hardwon.cli.terminal import plain, terminal
from hardwon.journal import JournalError

journal = typer.Typer(
    help="Look into journals: what runs they hold, and whether they are intact.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Source = Annotated[
    str,
    typer.Argument(
        help="A run directory, a journal file, or the URL of a database.",
        metavar="DIR|FILE|URL",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@journal.command("verify")
def verify_journal(source: Source, as_json: AsJson = False) -> None:
    """Check that everything is as it was recorded.

    Hashes and counts are derived again; of a run directory, the summary and the library are
    compared with the journal. Exit code 0 if all is sound, 1 if something is wrong, 2 if the
    journal cannot be opened.
    """
    try:
        found = verify(source)
    except (UsageError, JournalError) as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(found.model_dump(mode="json"), indent=2) + "\n")
        raise typer.Exit(1 if found.faults else 0)
    console = terminal()
    for fault in found.faults:
        console.print(f"[bold red]wrong[/bold red] {plain(fault)}", soft_wrap=True)
    for note in found.notes:
        console.print(f"[dim]{plain(note)}[/dim]", soft_wrap=True)
    counts = (
        f"{_counted(found.runs, 'run')}, {_counted(found.iterations, 'iteration')}, "
        f"{_counted(found.samples, 'sample')}, {_counted(found.files, 'file')}"
    )
    verdict = (
        f"[bold red]{_counted(len(found.faults), 'fault')}[/bold red] in"
        if found.faults
        else "[bold green]sound[/bold green]:"
    )
    console.print(f"{verdict} {counts}", highlight=False, soft_wrap=True)
    raise typer.Exit(1 if found.faults else 0)


@journal.command("show")
def show_journal(source: Source, as_json: AsJson = False) -> None:
    """List the runs of a journal: what they have solved, and what it took."""
    try:
        found = overview(source)
    except (UsageError, JournalError) as error:
        fail(error)
    if as_json:
        rows = [row.model_dump(mode="json") for row in found]
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    console = terminal()
    if not found:
        console.print("The journal holds no run.", highlight=False)
        return
    for item in found:
        _print_run(console, item)


def _print_run(console: Console, item: RunOverview) -> None:
    """Print a run in three lines that fit a narrow terminal."""
    totals, run = item.totals, item.run
    model = plain(run.configuration.get("model", ""))
    lines = (
        f"[bold]run {run.id}[/bold]  {run.created_at:%Y-%m-%d %H:%M} UTC  {model}",
        f"  {totals.solved} of {_counted(totals.tasks, 'task')} solved"
        f" in {_counted(totals.iterations, 'iteration')};"
        f" {totals.correct:,} of {_counted(totals.samples, 'sample')} correct",
        f"  {totals.usage.tokens:,} tokens, ${totals.usage.usd:.2f};"
        f" {plain(run.ending or 'not ended')}",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
