"""Tables, and figures with the data that they show: as Markdown, CSV, JSON and SVG."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hardwon.evaluation.statistics import Estimate

Cell = str | int | float | bool | Estimate | None
"""None is a cell that has nothing to say."""

PAPER = "the paper"
"""What the source column says of figures that are the paper's and not measured here."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns."""

    name: str
    """Fit for a file name."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    """What a reader has to know, one sentence or two each."""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(
                    f"{self.name}: expected {len(self.columns)} cells in a row, got {len(row)}"
                )


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing and its data."""

    data: Table
    svg: str


def markdown(table: Table) -> str:
    """Return a table for people, with its title and its notes."""
    header = f"| {' | '.join(map(_escaped, table.columns))} |"
    numeric = [_is_numeric(table, at) for at in range(len(table.columns))]
    ruler = f"|{'|'.join('---:' if right else '---' for right in numeric)}|"
    rows = [f"| {' | '.join(_escaped(shown(cell)) for cell in row)} |" for row in table.rows]
    notes = [f"\n{note}" for note in table.notes]
    return "\n".join([f"### {table.title}\n", header, ruler, *rows, *notes, ""])


def shown(cell: Cell) -> str:
    """Return a cell as people read it: few digits, and a dash where there is nothing to say."""
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "no"
        case float():
            return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.3g}"
        case Estimate():
            return f"{shown(cell.value)} [{shown(cell.low)}, {shown(cell.high)}]"
        case _:
            return str(cell)


def to_csv(table: Table) -> str:
    """Return a table as CSV; an estimate takes three columns.

    Text that a spreadsheet would take for a formula gets an apostrophe in front: tasks are named by
    strangers.
    """
    wide = [
        any(isinstance(row[at], Estimate) for row in table.rows) for at in range(len(table.columns))
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header: list[str] = []
    for column, is_wide in zip(table.columns, wide, strict=True):
        header += [column, f"{column} low", f"{column} high"] if is_wide else [column]
    writer.writerow(header)
    for row in table.rows:
        cells: list[object] = []
        for cell, is_wide in zip(row, wide, strict=True):
            if isinstance(cell, Estimate):
                cells += [cell.value, cell.low, cell.high]
            else:
                cells += [_harmless(cell), *([""] * (2 * is_wide))]
        writer.writerow(cells)
    return text.getvalue()


def _harmless(cell: Cell) -> object:
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return "" if cell is None else cell


def to_json(table: Table) -> str:
    """Return a table as JSON: an object with a list of one object per row."""
    content = {
        "name": table.name,
        "title": table.title,
        "notes": list(table.notes),
        "rows": [dict(zip(table.columns, map(_plain, row), strict=True)) for row in table.rows],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def files(
    tables: Sequence[Table], figures: Sequence[Figure], title: str
) -> Iterator[tuple[str, str]]:
    """Yield file names and texts: CSV and JSON of everything, SVG of figures, one Markdown page."""
    for table in (*tables, *(figure.data for figure in figures)):
        yield f"{table.name}.csv", to_csv(table)
        yield f"{table.name}.json", to_json(table)
    for figure in figures:
        yield f"{figure.data.name}.svg", figure.svg
    page = [f"# {title}\n", *map(markdown, tables)]
    for figure in figures:
        data = figure.data
        page += [f"### {data.title}\n", f"![{data.title}]({data.name}.svg)\n"]
        page += [f"{note}\n" for note in data.notes]
        page.append(f"Data: [{data.name}.csv]({data.name}.csv)\n")
    yield "README.md", "\n".join(page)


def _plain(cell: Cell) -> object:
    if isinstance(cell, Estimate):
        return {"value": cell.value, "low": cell.low, "high": cell.high}
    return cell


def _is_numeric(table: Table, at: int) -> bool:
    cells = [row[at] for row in table.rows if row[at] is not None]
    return bool(cells) and not any(isinstance(cell, str) for cell in cells)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
