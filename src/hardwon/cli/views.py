"""How results look on a terminal, and as JSON."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hardwon.api import Summary, TaskSummary
from hardwon.bench import Entry
from hardwon.cli.terminal import plain
from hardwon.records import Task, Verdict

_LONGEST_NOTE = 200


def verdict_json(task: Task, verdict: Verdict, seed: int) -> dict[str, Any]:
    """Return a verdict as `hardwon check --json` prints it; the seed is that of the inputs."""
    return {
        "task": task.test_name,
        "correct": verdict.correct,
        "stage": verdict.stage,
        "affine": verdict.affine,
        "functional": verdict.functional,
        "errors": [error.model_dump(mode="json") for error in verdict.errors],
        "streams": [stream.model_dump(mode="json") for stream in verdict.streams],
        "seed": seed,
        "seconds": round(verdict.seconds, 4),
    }


def print_verdict(console: Console, task: Task, program: str, verdict: Verdict, seed: int) -> None:
    """Print a verdict with every error and the line that it is about."""
    if verdict.correct:
        console.print(f"[bold green]correct[/bold green]  {plain(task.test_name)}")
        return
    console.print(
        f"[bold red]not correct[/bold red]  {plain(task.test_name)}"
        f"  (first failed check: {verdict.stage})"
    )
    lines = program.splitlines()
    for error in verdict.errors:
        place = f"line {error.line}" if error.line else "program"
        console.print(
            f"  [bold]{error.stage}[/bold] {place}: {plain(error.message)}",
            highlight=False,
            soft_wrap=True,
        )
        if error.line and error.line <= len(lines):
            text = plain(lines[error.line - 1].strip())
            console.print(f"      [dim]{text}[/dim]", highlight=False, soft_wrap=True)
    if verdict.functional is False:
        console.print(f"  [dim]the same inputs again: --seed {seed}[/dim]", highlight=False)
    if verdict.functional and not verdict.affine:
        console.print(
            "  The results are right: only the law of the language is broken.", highlight=False
        )


def print_task_table(console: Console, entries: Sequence[Entry]) -> None:
    """Print the benchmark's tasks."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("task")
    table.add_column("class")
    table.add_column("copies needed", justify="right")
    for entry in entries:
        table.add_row(entry.name, "shape" if entry.shape else "arith", str(entry.reuse))
    console.print(table)
    console.print(
        f"\n{len(entries)} tasks. `hardwon show NAME` prints one,"
        " `hardwon improve --task NAME` solves it.",
        highlight=False,
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST_NOTE else f"{line[:_LONGEST_NOTE]}..."


def _when(task: TaskSummary) -> str:
    if not task.solved:
        return "[red]not solved[/red]"
    return "imported" if task.iteration == -1 else f"iteration {task.iteration}"


def print_solved(console: Console, summary: Summary, folder: Path) -> None:
    """Print what a run has won and where it lies."""
    console.print()
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("task", "solved in", "success rate", "samples"):
        table.add_column(column, justify="left" if column == "task" else "right")
    for name, task in summary.tasks.items():
        solved = _when(task)
        rate = "" if task.success_rate is None else f"{task.success_rate:.2f}"
        table.add_row(plain(name), solved, rate, f"{task.correct} of {task.samples} correct")
    console.print(table)
    console.print(
        f"\n[bold]{summary.solved} of {summary.total} tasks solved[/bold]"
        f" in {_counted(len(summary.iterations), 'iteration')}; {plain(summary.ending)}.",
        highlight=False,
        soft_wrap=True,
    )
    for note, count in summary.without_program.items():
        drawn = sum(task.samples for task in summary.tasks.values())
        console.print(
            f"{count} of {_counted(drawn, 'sample')} without a program: {plain(_first_line(note))}",
            highlight=False,
            soft_wrap=True,
        )
    console.print(
        f"The library is in {plain(folder / 'library')}:"
        " structural IR with `impl`, and one pytest file per operator.",
        highlight=False,
        soft_wrap=True,
    )
