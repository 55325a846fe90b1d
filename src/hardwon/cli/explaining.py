"""`hardwon explain`."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hardwon import api, bench
from hardwon.cli.inputs import fail, read_program
from hardwon.cli.terminal import terminal
from hardwon.judge import JudgeError
from hardwon.languages import Annotation
from hardwon.records import Task
from hardwon.report import dataflow_svg
from hardwon.report.wording import visible

_WIDEST = 64
"""Lines longer than this do not push the column of types to the right."""


def explain(
    task: Annotated[str, typer.Argument(help="A built-in task or a structural IR file.")],
    impl: Annotated[
        str | None,
        typer.Option(
            help="The program: a file, or - for standard input. Without it, the file's own impl,"
            " or the benchmark's own program.",
            metavar="FILE|-",
        ),
    ] = None,
    svg: Annotated[
        Path | None,
        typer.Option(help="Write the dataflow graph into this file.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a program with the type of every stream, and draw its dataflow graph.

    Exit code 0 if it type-checks and obeys the language's law, 1 if not, 2 if the input is
    unusable.
    """
    try:
        found = api.find_task(task)
        if impl is None and found.impl is None and _in_benchmark(found):
            program = api.reference_program(found.test_name)
        else:
            program = read_program(impl, found, task)
        annotation = api.explain(found, program)
        if svg is not None:
            _write(svg, dataflow_svg(annotation, found.test_name))
    except (api.UsageError, JudgeError) as error:
        fail(error)
    if as_json:
        sys.stdout.write(json.dumps(annotation_json(found, annotation), indent=2) + "\n")
    else:
        print_annotation(terminal(), annotation, svg)
    raise typer.Exit(1 if annotation.errors else 0)


def _in_benchmark(task: Task) -> bool:
    """Whether a task is one of the benchmark's, for which a correct program is known."""
    return bench.set_of(task.test_name) is not None and (
        bench.load(task.test_name).digest == task.digest
    )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise api.UsageError(f"{path}: cannot be written ({error.strerror})") from error


def annotation_json(task: Task, annotation: Annotation) -> dict[str, Any]:
    """Return an explanation as `hardwon explain --json` prints it."""
    return {
        "task": task.test_name,
        "facts": dict(annotation.facts),
        "lines": [
            {
                "line": line.number,
                "text": line.text,
                "streams": [{"name": name, "type": stream} for name, stream in line.streams],
            }
            for line in annotation.lines
        ],
        "errors": [
            error.model_dump(mode="json", include={"stage", "line", "message", "rule"})
            for error in annotation.errors
        ],
        "nodes": [dataclasses.asdict(node) for node in annotation.nodes],
        "edges": [dataclasses.asdict(edge) for edge in annotation.edges],
    }


def print_annotation(console: Console, annotation: Annotation, svg: Path | None) -> None:
    """Print the annotated program, its errors in place, and the facts."""
    for line in annotated_text(annotation):
        console.print(line, soft_wrap=True)
    elsewhere = [error for error in annotation.errors if not _has_line(annotation, error.line)]
    for error in elsewhere:
        console.print(Text(visible(f"{error.stage} error: {error.message}"), "red"), soft_wrap=True)
    if annotation.facts:
        console.print()
    width = max(map(len, annotation.facts), default=0)
    for label, value in annotation.facts.items():
        shown = ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
        console.print(Text.assemble((label.ljust(width + 2), "dim"), shown), soft_wrap=True)
    if svg is not None:
        console.print(Text(f"\nThe dataflow graph is in {svg}."), soft_wrap=True)


def _has_line(annotation: Annotation, number: int | None) -> bool:
    return number is not None and any(line.number == number for line in annotation.lines)


def annotated_text(annotation: Annotation) -> list[Text]:
    """Return the program with types in an aligned column, and errors below their lines.

    It stays a program: everything that is added is a comment.
    """
    lengths = [cell_len(line.text) for line in annotation.lines if line.streams]
    column = max((length for length in lengths if length <= _WIDEST), default=0)
    printed: list[Text] = []
    for line in annotation.lines:
        row = Text(visible(line.text))
        if line.text.lstrip().startswith("#"):
            row.stylize("dim")
        kinds: dict[str, list[str]] = {}
        for name, stream in line.streams:
            kinds.setdefault(stream, []).append(name)
        notes = [f"# {', '.join(names)}: {stream}" for stream, names in kinds.items()]
        if notes:
            row.append(" " * max(0, column - cell_len(line.text)) + "  ")
            row.append(notes[0], "cyan")
        printed.append(row)
        printed += [Text(" " * column + "  ").append(note, "cyan") for note in notes[1:]]
        for error in line.errors:
            printed.append(Text(visible(f"# ^ {error.stage} error: {error.message}"), "red"))
    return printed
