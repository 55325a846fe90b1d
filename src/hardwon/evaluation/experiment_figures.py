"""The paper's figures, drawn from runs."""

from collections.abc import Iterator

from hardwon.evaluation import charts
from hardwon.evaluation.experiment import (
    MODES,
    Arm,
    Experiment,
    granularity,
)
from hardwon.evaluation.experiment_tables import mode_table
from hardwon.evaluation.measures import learning_curve
from hardwon.evaluation.paper import PaperFigures
from hardwon.evaluation.runs import Run
from hardwon.evaluation.statistics import Estimate, mean_of
from hardwon.evaluation.tables import PAPER, Cell, Figure, Table


def experiment_figures(given: Experiment, published: PaperFigures) -> tuple[Figure, ...]:
    """Return every figure for which there are runs."""
    return tuple(_figures(given, published))


def _figures(given: Experiment, published: PaperFigures) -> Iterator[Figure]:
    if given.arms:
        yield mode_figure(given, published)
        yield pass_figure(given)
        yield task_figure(given)
    if given.learning:
        yield curve_figure(given)
        yield iteration_figure(given)
    if len({granularity(run) for run in given.learning}) > 1:
        yield granularity_figure(given)


def mode_figure(given: Experiment, published: PaperFigures) -> Figure:
    """Draw pass@n of each model and mode as bars, the paper's pale (Figure 2)."""
    table = mode_table(given, published)
    known = {(str(row[0]), str(row[1]), str(row[2])): row for row in table.rows}
    models = list(dict.fromkeys((str(row[0]), str(row[1])) for row in table.rows))
    modes = dict.fromkeys([*MODES, *(arm.mode for arm in given.arms)])
    at = table.columns.index("pass@n")
    series = []
    for mode in modes:
        rows = [known.get((*model, mode)) for model in models]
        if any(rows):
            bars = [
                charts.Bar(None if row is None else _number_in(row[at]), paper=model[0] == PAPER)
                for model, row in zip(models, rows, strict=True)
            ]
            series.append((mode, bars))
    names = [f"{name} (paper)" if source == PAPER else name for source, name in models]
    svg = charts.bars("Pass@n by mode; pale: the paper's", "pass@n", names, series)
    return Figure(table, svg)


def curve_figure(given: Experiment) -> Figure:
    """Draw solved tasks against cost, with strata and the Pareto front (Figures 7 and 11)."""
    rows: list[tuple[Cell, ...]] = []
    series: list[charts.Series] = []
    for run in given.learning:
        marks = []
        for point in learning_curve(run):
            rows.append(
                (
                    *(run.name, point.iteration, point.label, point.demonstrations),
                    *(point.samples, point.input_tokens, point.output_tokens, point.steps),
                    *(point.solved, point.share, point.front),
                )
            )
            marks.append(
                charts.Mark(point.spent(given.unit), point.share, point.label, point.front)
            )
        series.append(charts.Series(_short(run), tuple(marks)))
    data = Table(
        name="figure-7-curve",
        title=f"Learning curve: pass@n against {given.unit} (Figures 7 and 11)",
        columns=(
            *("run", "iteration", "stratum", "demonstrations", "samples"),
            *("input tokens", "output tokens", "steps", "solved", "pass@n", "Pareto front"),
        ),
        rows=tuple(rows),
        notes=(
            "H, M, E: the hardest, a middle or the easiest stratum joined last; 0: nothing to show"
            " yet. Ringed: the Pareto front.",
        ),
    )
    labelled = series if len(series) <= 3 else [_unlabelled(one) for one in series]
    return Figure(data, charts.lines(data.title, str(given.unit), "pass@n", labelled))


def granularity_figure(given: Experiment) -> Figure:
    """Draw the learning curves of different granularities (Figure 8)."""
    rows: list[tuple[Cell, ...]] = []
    series: list[charts.Series] = []
    for m in sorted({granularity(run) for run in given.learning}):
        runs = [run for run in given.learning if granularity(run) == m]
        for number, run in enumerate(runs):
            points = learning_curve(run)
            rows += [
                (m, run.name, point.iteration, point.spent(given.unit), point.share)
                for point in points
            ]
            if number == 0:
                marks = tuple(charts.Mark(p.spent(given.unit), p.share) for p in points)
                series.append(charts.Series(f"m = {m}", marks))
    data = Table(
        name="figure-8-granularity",
        title=f"Pass@n against {given.unit} by granularity (Figure 8)",
        columns=("m", "run", "iteration", str(given.unit), "pass@n"),
        rows=tuple(rows),
        notes=("Drawn: the first run of each granularity.",),
    )
    return Figure(data, charts.lines(data.title, str(given.unit), "pass@n", series))


def pass_figure(given: Experiment) -> Figure:
    """Draw pass@k against k for each mode (Figure 9)."""
    most = given.common_k
    rows: list[tuple[Cell, ...]] = []
    series: list[charts.Series] = []
    for arm in given.arms:
        marks = [charts.Mark(k, mean_of(arm.rates(k))) for k in range(1, most + 1)]
        rows += [(arm.model, arm.mode, round(mark.x), mark.y) for mark in marks]
        series.append(charts.Series(arm.title if len(given.models) > 1 else arm.mode, tuple(marks)))
    data = Table(
        name="figure-9-pass-at-k",
        title="pass@k by mode (Figure 9)",
        columns=("model", "mode", "k", "pass@k"),
        rows=tuple(rows),
    )
    return Figure(data, charts.lines(data.title, "k", "pass@k", series))


def task_figure(given: Experiment) -> Figure:
    """Show the success rate of each task in each mode (Figure 12)."""
    names = list(dict.fromkeys(name for arm in given.arms for name in arm.names()))
    columns = [_rates(arm) for arm in given.arms]
    values = [[column.get(name) for column in columns] for name in names]
    titles = [arm.title if len(given.models) > 1 else arm.mode for arm in given.arms]
    data = Table(
        name="figure-12-tasks",
        title="Success rate of each task by mode (Figure 12)",
        columns=("task", *titles),
        rows=tuple((name, *row) for name, row in zip(names, values, strict=True)),
    )
    return Figure(data, charts.grid(data.title, names, titles, values))


def iteration_figure(given: Experiment) -> Figure:
    """Show the success rate of each task in each iteration of self-improvement (Figure 13)."""
    run = given.learning[0]
    table = [_by_iteration(run, task.digest) for task in run.tasks]
    titles = [str(iteration.index) for iteration in run.iterations]
    names = [task.test_name for task in run.tasks]
    data = Table(
        name="figure-13-iterations",
        title=f"Success rate of each task by iteration: {_short(run)} (Figure 13)",
        columns=("task", *titles),
        rows=tuple((name, *row) for name, row in zip(names, table, strict=True)),
        notes=("A task is not sampled again once it is solved.",),
    )
    return Figure(data, charts.grid(data.title, names, titles, table))


def _by_iteration(run: Run, task: str) -> list[float | None]:
    rates: list[float | None] = []
    for iteration in run.iterations:
        samples = iteration.of(task)
        rates.append(sum(s.correct for s in samples) / len(samples) if samples else None)
    return rates


def _rates(arm: Arm) -> dict[str, float | None]:
    columns = zip(*arm.rates(), strict=True)
    return {
        name: sum(column) / len(column) for name, column in zip(arm.names(), columns, strict=True)
    }


def _short(run: Run) -> str:
    return run.name.rstrip("/").rpartition("/")[2]


def _unlabelled(series: charts.Series) -> charts.Series:
    marks = tuple(charts.Mark(mark.x, mark.y) for mark in series.marks)
    return charts.Series(series.name, marks)


def _number_in(cell: Cell) -> float | None:
    """Return the number in a cell, if there is one."""
    match cell:
        case Estimate():
            return cell.value
        case bool() | str() | None:
            return None
        case _:
            return float(cell)
