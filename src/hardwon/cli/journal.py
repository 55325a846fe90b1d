"""`hardwon journal`."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hardwon.api.errors import UsageError
from hardwon.api.journals import RunOverview, overview, verify
from hardwon.cli.inputs import fail
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
    console = Console()
    for fault in found.faults:
        console.print(f"[bold red]wrong[/bold red] {escape(fault)}", soft_wrap=True)
    for note in found.notes:
        console.print(f"[dim]{escape(note)}[/dim]", soft_wrap=True)
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
    console = Console()
    if not found:
        console.print("The journal holds no run.", highlight=False)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("run", "solved", "iterations", "samples", "correct", "tokens", "US$"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("model", "begun (UTC)", "ending"):
        table.add_column(column, overflow="fold")
    for item in found:
        table.add_row(*_cells(item))
    console.print(table)


def _cells(item: RunOverview) -> tuple[str, ...]:
    totals, run = item.totals, item.run
    return (
        str(run.id),
        f"{totals.solved}/{totals.tasks}",
        str(totals.iterations),
        str(totals.samples),
        str(totals.correct),
        str(totals.usage.tokens),
        f"{totals.usage.usd:.2f}",
        escape(str(run.configuration.get("model", ""))),
        f"{run.created_at:%Y-%m-%d %H:%M}",
        escape(run.ending or "not ended"),
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
