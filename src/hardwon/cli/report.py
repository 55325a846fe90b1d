"""`hardwon report`."""

from pathlib import Path
from typing import Annotated

import typer

from hardwon.api.errors import UsageError
from hardwon.api.reporting import write_report
from hardwon.cli.inputs import fail
from hardwon.cli.terminal import plain, terminal
from hardwon.journal import JournalError
from hardwon.report.wording import number


def report(
    source: Annotated[
        Path,
        typer.Argument(help="A run directory, or the journal in it.", metavar="DIR|FILE"),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The page. Without it, report.html in the run directory.", metavar="FILE"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="The folder for CSV and JSON. Without it, beside the page and named like it.",
            metavar="DIR",
        ),
    ] = None,
    run: Annotated[
        int | None,
        typer.Option(help="Which run of the journal. Without it, the latest.", metavar="NUMBER"),
    ] = None,
) -> None:
    """Write a page about a run: what was solved, by which programs, what it cost, what went wrong.

    The page is one file that works offline; the data of its tables and figures lie beside it. The
    run may be unfinished. Exit code 2 if there is no run to report on.
    """
    try:
        files = write_report(source, out=out, data=data, run=run)
    except (UsageError, JournalError) as error:
        fail(error)
    console = terminal()
    size = number(files.page.stat().st_size / 1000)
    console.print(
        f"{files.solved} of {files.total} tasks solved. The report is {plain(files.page)}"
        f" ({size} kB), its data are in {plain(files.data)}.",
        highlight=False,
        soft_wrap=True,
    )
