"""Compares policies that had the same to spend: the tables and the curve of `hardwon compare`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardwon.evaluation import charts
from hardwon.evaluation.measures import Point, chances, largest_k, learning_curve
from hardwon.evaluation.runs import Run
from hardwon.evaluation.statistics import Estimate, Grid, bootstrap, paired_difference
from hardwon.evaluation.tables import Cell, Figure, Table
from hardwon.learning import Unit


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs of several policies over the same tasks and seeds, each with the same budget."""

    runs: Mapping[str, Mapping[int, Run]]
    """By policy and seed."""
    amount: int
    unit: Unit
    price: Unit
    """The unit in which costs are told, besides samples."""
    baseline: str
    """The policy that the others are compared with."""

    def __post_init__(self) -> None:
        shapes = {
            (tuple(by_seed), tuple(task.digest for task in run.tasks))
            for by_seed in self.runs.values()
            for run in by_seed.values()
        }
        if len(shapes) != 1:
            raise ValueError("expected the same seeds and the same tasks for every policy")
        if self.baseline not in self.runs:
            raise ValueError(f"{self.baseline} is not among the policies")

    def cut(self) -> "Comparison":
        """Return the comparison with every run cut off where its budget ended."""
        runs = {
            policy: {seed: run.within(self.amount, self.unit) for seed, run in by_seed.items()}
            for policy, by_seed in self.runs.items()
        }
        return Comparison(runs, self.amount, self.unit, self.price, self.baseline)


def comparison_tables(given: Comparison) -> tuple[Table, ...]:
    """Return the comparison, the paired tests, every single run, and every task."""
    cut = given.cut()
    return (_policies(cut), _differences(cut), _runs(cut), _tasks(cut))


def comparison_figures(given: Comparison) -> tuple[Figure, ...]:
    """Return the mean learning curve of each policy."""
    return (_curves(given.cut()),)


def _policies(given: Comparison) -> Table:
    k = _common_k(given)
    rows: list[tuple[Cell, ...]] = []
    for policy, by_seed in given.runs.items():
        runs = list(by_seed.values())
        tasks = len(runs[0].tasks)
        solved = sum(run.solved for run in runs)
        later = sum(_later(run) for run in runs)
        rows.append(
            (
                policy,
                _scaled(bootstrap(_solved(runs)), tasks),
                later / len(runs),
                bootstrap(_area(given, runs)),
                bootstrap(_chance(runs, 1)),
                bootstrap(_chance(runs, k)),
                sum(run.spent(Unit.SAMPLES) for run in runs) / len(runs),
                _ratio(sum(run.spent(Unit.SAMPLES) for run in runs), solved),
                _ratio(sum(run.spent(Unit.SAMPLES, first=1) for run in runs), later),
                _ratio(sum(run.spent(given.price) for run in runs), solved),
                _ratio(sum(run.spent(given.price, first=1) for run in runs), later),
            )
        )
    some = next(iter(given.runs.values()))
    tasks = len(next(iter(some.values())).tasks)
    return Table(
        name="policies",
        title=f"Policies at {given.amount} {given.unit} each, {tasks} tasks,"
        f" {len(some)} seed{'s' * (len(some) != 1)}",
        columns=(
            "policy",
            "solved",
            "after iteration 0",
            "area",
            "pass@1",
            f"pass@{k}",
            "samples",
            "samples per solved",
            "samples per later one",
            f"{given.price} per solved",
            f"{given.price} per later one",
        ),
        rows=tuple(rows),
        notes=(
            "Intervals: 95%, bootstrap over seeds and tasks. Solved: mean number of tasks."
            " After iteration 0: those among them that were solved when there could be"
            " demonstrations; a later one's cost counts what was spent after iteration 0.",
            "Area: the mean share of tasks that is solved while the budget is being spent, 1 if all"
            " were solved at once. pass@k: from the samples of the iteration that solved a task, 0"
            " for tasks that were not solved.",
        ),
    )


def _differences(given: Comparison) -> Table:
    base = list(given.runs[given.baseline].values())
    tasks = len(base[0].tasks)
    rows: list[tuple[Cell, ...]] = []
    for policy, by_seed in given.runs.items():
        if policy == given.baseline:
            continue
        runs = list(by_seed.values())
        cells: list[Cell] = [policy]
        for mine, theirs, scale in (
            (_solved(runs), _solved(base), tasks),
            (_area(given, runs), _area(given, base), 1),
            (_chance(runs, 1), _chance(base, 1), 1),
        ):
            estimate, p = paired_difference(mine, theirs)
            cells += [_scaled(estimate, scale), p]
        rows.append(tuple(cells))
    return Table(
        name="differences",
        title=f"Differences from {given.baseline}, paired by seed and task",
        columns=("policy", "solved", "p", "area", "p (area)", "pass@1", "p (pass@1)"),
        rows=tuple(rows),
        notes=(
            "Positive: better than the baseline. Intervals: 95%, bootstrap of the differences over"
            " seeds and tasks. p: two-sided permutation test over tasks, not corrected for the"
            f" number of comparisons ({len(rows)}).",
        ),
    )


def _runs(given: Comparison) -> Table:
    return Table(
        name="runs",
        title="Every run",
        columns=(
            *("policy", "seed", "solved", "in iteration 0", "iterations", "samples"),
            *("tokens", "steps", "ending"),
        ),
        rows=tuple(
            (
                *(policy, seed, run.solved, run.solved - _later(run), len(run.iterations)),
                *(run.spent(unit) for unit in Unit),
                run.ending,
            )
            for policy, by_seed in given.runs.items()
            for seed, run in by_seed.items()
        ),
    )


def _tasks(given: Comparison) -> Table:
    first = next(iter(next(iter(given.runs.values())).values()))
    return Table(
        name="tasks",
        title="Share of seeds that solved each task",
        columns=("task", *given.runs),
        rows=tuple(
            (
                task.test_name,
                *(
                    sum(run.scores[task.digest].solved for run in by_seed.values()) / len(by_seed)
                    for by_seed in given.runs.values()
                ),
            )
            for task in first.tasks
        ),
    )


def _curves(given: Comparison) -> Figure:
    """Draw the mean number of solved tasks against what was spent."""
    marks = [given.amount * at // 60 for at in range(61)]
    series: list[charts.Series] = []
    rows: list[tuple[Cell, ...]] = []
    top = 1
    for policy, by_seed in given.runs.items():
        points: list[charts.Mark] = []
        curves = [learning_curve(run) for run in by_seed.values()]
        for spent in marks:
            solved = [_solved_by(curve, spent, given.unit) for curve in curves]
            points.append(charts.Mark(spent, sum(solved) / len(solved)))
            rows.append((policy, spent, points[-1].y))
        top = max(top, *(len(run.tasks) for run in by_seed.values()))
        series.append(charts.Series(policy, tuple(points), stepped=True))
    data = Table(
        name="curve",
        title="Tasks solved against what was spent (mean of the seeds)",
        columns=("policy", str(given.unit), "solved"),
        rows=tuple(rows),
        notes=("An iteration counts when it is complete.",),
    )
    svg = charts.lines(data.title, str(given.unit), "tasks solved", series, top=float(top))
    return Figure(data, svg)


def _solved_by(curve: Sequence[Point], spent: int, unit: Unit) -> int:
    return max((point.solved for point in curve if point.spent(unit) <= spent), default=0)


def _later(run: Run) -> int:
    return sum(bool(score.solved_in) for score in run.scores.values())


def _solved(runs: Sequence[Run]) -> Grid:
    return [[float(score.solved) for score in run.scores.values()] for run in runs]


def _chance(runs: Sequence[Run], k: int) -> Grid:
    return [chances(run.scores.values(), k) for run in runs]


def _area(given: Comparison, runs: Sequence[Run]) -> Grid:
    """Return, per run and task, the share of the budget that was left when it was solved."""
    table: list[list[float]] = []
    for run in runs:
        spent = [point.spent(given.unit) for point in learning_curve(run)]
        table.append(
            [
                0.0
                if score.solved_in is None
                else max(0.0, 1 - spent[score.solved_in] / given.amount)
                for score in run.scores.values()
            ]
        )
    return table


def _common_k(given: Comparison) -> int:
    ks = (largest_k(run.scores.values()) for by in given.runs.values() for run in by.values())
    return max(1, min(ks))


def _scaled(estimate: Estimate, factor: int) -> Estimate:
    return Estimate(estimate.value * factor, estimate.low * factor, estimate.high * factor)


def _ratio(cost: int, solved: int) -> float | None:
    return cost / solved if solved else None
