"""Every table and figure of a report as data: CSV for spreadsheets, JSON for programs."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence

from hardwon.records import Finish, Record, Usage
from hardwon.report.contents import Cost, RunReport

Cell = str | int | float | bool | None


class Table(Record):
    """Rows under named columns; None where a cell has nothing to say."""

    name: str
    """Fit for a file name."""
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


_USAGE = tuple(Usage.model_fields)
_COST = ("samples", "correct", *_USAGE)


def tables_of(run: RunReport) -> tuple[Table, ...]:
    """Return the data of all tables and figures of a report."""
    return (
        _headline(run),
        _configuration(run),
        _iterations(run),
        learning_curve(run),
        _grid(run),
        _pass_at_k(run),
        _usage_by_role(run),
        _tasks(run),
        _batches(run),
        _failures(run),
        _demonstrations(run),
        _programs(run),
        *_explained(run),
    )


def _headline(run: RunReport) -> Table:
    return Table(
        name="headline",
        title="The run as a whole",
        columns=(
            *("title", "run", "tasks", "solved", "iterations", "seconds", "ending"),
            *_COST,
        ),
        rows=(
            (
                *(run.title, run.run, len(run.tasks), run.solved, len(run.iterations)),
                *(run.seconds, run.ending),
                *_spent(run.cost),
            ),
        ),
    )


def _configuration(run: RunReport) -> Table:
    return Table(
        name="configuration",
        title="Settings of the run",
        columns=("setting", "value"),
        rows=tuple(run.configuration.items()),
    )


def _iterations(run: RunReport) -> Table:
    return Table(
        name="iterations",
        title="What each iteration did",
        columns=(
            *("iteration", "stratum", "effort", "demonstrations", "attempted"),
            "newly_solved",
            *("seconds", "complete", *_COST),
        ),
        rows=tuple(
            (
                *(each.index, each.stratum, each.effort, each.demonstrations),
                each.attempted,
                *(len(each.solved), each.seconds, each.finished_at is not None),
                *_spent(each.cost),
            )
            for each in run.iterations
        ),
    )


def _grid(run: RunReport) -> Table:
    return Table(
        name="grid",
        title="Samples and correct ones by task and iteration",
        columns=("group", "task", "iteration", "samples", "correct", "solved_here"),
        rows=tuple(_grid_rows(run)),
    )


def _pass_at_k(run: RunReport) -> Table:
    return Table(
        name="pass_at_k",
        title="pass@k with 95% confidence intervals",
        columns=("sampling", "k", "pass_at_k", "low", "high", "tasks", "n"),
        rows=tuple((p.sampling, p.k, p.value, p.low, p.high, p.tasks, p.n) for p in run.pass_at_k),
    )


def _usage_by_role(run: RunReport) -> Table:
    return Table(
        name="usage_by_role",
        title="Requests to models by role",
        columns=("role", "model", *_USAGE, *Finish),
        rows=tuple(
            (
                *(each.role, each.model, *_used(each.usage)),
                *(each.finishes.get(finish, 0) for finish in Finish),
            )
            for each in run.roles
        ),
    )


def _tasks(run: RunReport) -> Table:
    return Table(
        name="tasks",
        title="What was done for each task",
        columns=(
            *("group", "task", "solved", "iteration", "success_rate", "code_lines"),
            *("iterations_tried", *_COST),
        ),
        rows=tuple(_task_rows(run)),
    )


def _batches(run: RunReport) -> Table:
    return Table(
        name="batches",
        title="Samples of each task by iteration and temperature",
        columns=("task", "iteration", "temperature", "without_program", "distinct", *_COST),
        rows=tuple(
            (
                *(task.name, batch.iteration, batch.temperature),
                *(batch.without_program, batch.distinct),
                *_spent(batch.cost),
            )
            for task in run.tasks
            for batch in task.batches
        ),
    )


def _failures(run: RunReport) -> Table:
    return Table(
        name="failures",
        title="Failures by cause",
        columns=(
            *("task", "stage", "kind", "count", "iteration", "temperature", "sample"),
            *("line", "message", "note", "program"),
        ),
        rows=tuple(
            (
                *(task.name, cause.stage, cause.kind, cause.count, cause.example.iteration),
                *(cause.example.temperature, cause.example.index, cause.example.line),
                *(cause.example.message, cause.example.note, cause.example.impl),
            )
            for task in run.tasks
            for cause in task.causes
        ),
    )


def _demonstrations(run: RunReport) -> Table:
    return Table(
        name="demonstrations",
        title="Which demonstrations each task was solved with",
        columns=("task", "position", "demonstration", "success_rate"),
        rows=tuple(
            (task.name, position, teacher.task, teacher.success_rate)
            for task in run.tasks
            if task.solution
            for position, teacher in enumerate(task.solution.teachers)
        ),
    )


def _programs(run: RunReport) -> Table:
    return Table(
        name="programs",
        title="The program of each solved task",
        columns=("task", "program"),
        rows=tuple((t.name, t.solution.impl) for t in run.tasks if t.solution),
    )


def learning_curve(run: RunReport) -> Table:
    """Return how many tasks were solved after how much sampling, from nothing on."""
    rows: list[tuple[Cell, ...]] = [(None, None, 0, *_spent(Cost()))]
    spent, solved = Cost(), 0
    for each in run.iterations:
        spent, solved = spent + each.cost, solved + len(each.solved)
        rows.append((each.index, each.stratum, solved, *_spent(spent)))
    return Table(
        name="learning_curve",
        title="Tasks solved after each iteration, by what was spent until then",
        columns=("iteration", "stratum", "solved", *_COST),
        rows=tuple(rows),
    )


def to_csv(table: Table) -> str:
    """Return a table as CSV (RFC 4180, lines end with CR LF).

    Text that a spreadsheet would take for a formula gets an apostrophe in front: programs and notes
    are written by models. The JSON has it as it is.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.columns)
    writer.writerows([_safe(cell) for cell in row] for row in table.rows)
    return _encodable(text.getvalue())


def to_json(table: Table) -> str:
    """Return a table as a JSON array with one object per row."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return json.dumps(rows, indent=1, allow_nan=False) + "\n"


def _safe(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell


def _encodable(text: str) -> str:
    """Return text that UTF-8 can hold: models can send half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _used(usage: Usage) -> Sequence[Cell]:
    values: Mapping[str, Cell] = usage.model_dump()
    return [values[name] for name in _USAGE]


def _spent(cost: Cost) -> Sequence[Cell]:
    return (cost.samples, cost.correct, *_used(cost.usage))


def _grid_rows(run: RunReport) -> Iterator[tuple[Cell, ...]]:
    for group, tasks in run.groups.items():
        for task in tasks:
            for iteration in task.tried:
                cost = task.cost_in(iteration)
                here = task.solution is not None and task.solution.iteration == iteration
                yield (group, task.name, iteration, cost.samples, cost.correct, here)


def _task_rows(run: RunReport) -> Iterator[tuple[Cell, ...]]:
    for task in run.tasks:
        solution = task.solution
        yield (
            *(task.group, task.name, solution is not None),
            *(
                (solution.iteration, solution.success_rate, solution.code_lines)
                if solution
                else (None, None, None)
            ),
            len(task.tried),
            *_spent(task.cost),
        )


def _explained(run: RunReport) -> Iterator[Table]:
    annotations = [
        (task.name, task.solution.annotation)
        for task in run.tasks
        if task.solution and task.solution.annotation
    ]
    yield Table(
        name="streams",
        title="The type of every stream of the solved programs",
        columns=("task", "line", "stream", "type"),
        rows=tuple(
            (name, line.number, stream, kind)
            for name, annotation in annotations
            for line in annotation.lines
            for stream, kind in line.streams
        ),
    )
    yield Table(
        name="graph_nodes",
        title="Boxes of the dataflow graphs",
        columns=("task", "key", "kind", "title", "detail", "line"),
        rows=tuple(
            (name, node.key, node.kind, node.title, node.detail, node.line)
            for name, annotation in annotations
            for node in annotation.nodes
        ),
    )
    yield Table(
        name="graph_edges",
        title="Streams between the boxes of the dataflow graphs",
        columns=("task", "source", "target", "type"),
        rows=tuple(
            (name, edge.source, edge.target, edge.label)
            for name, annotation in annotations
            for edge in annotation.edges
        ),
    )
