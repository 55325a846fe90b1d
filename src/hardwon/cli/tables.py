"""Results of an evaluation as tables on a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table as Grid

from hardwon.cli.terminal import plain, terminal
from hardwon.evaluation import Table, shown

_WIDE = 240
"""Columns of text."""


def print_tables(tables: Iterable[Table]) -> Console:
    """Print tables to standard output, wide enough for all columns where it is no terminal.

    Returns:
        The console that was printed to.
    """
    console = terminal()
    if not console.is_terminal:
        console = terminal(width=_WIDE)
    for table in tables:
        _print(console, table)
    return console


def _print(console: Console, table: Table) -> None:
    grid = Grid(
        box=None, header_style="bold", pad_edge=False, title=table.title, title_justify="left"
    )
    for at, column in enumerate(table.columns):
        text = any(isinstance(row[at], str) for row in table.rows)
        grid.add_column(column, justify="left" if text else "right", overflow="fold")
    for row in table.rows:
        grid.add_row(*(plain(shown(cell)) for cell in row))
    console.print(grid)
    for note in table.notes:
        console.print(f"[dim]{plain(note)}[/dim]", highlight=False)
    console.print()
