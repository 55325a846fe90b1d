"""The paper's tables, made from runs.

They are numbered as in the paper. Its own figures stand in rows whose source says so.
"""

from collections.abc import Iterable

from hardwon.evaluation.experiment import (
    AGENT,
    EQUAL_COST,
    SELF_IMPROVE,
    SINGLE,
    Experiment,
    Kind,
)
from hardwon.evaluation.measures import diversity
from hardwon.evaluation.paper import PaperFigures
from hardwon.evaluation.programs import Spread, counts, maintainability
from hardwon.evaluation.statistics import Grid, bootstrap
from hardwon.evaluation.tables import PAPER, Cell, Table
from hardwon.learning import Unit

OURS = "measured"


def experiment_tables(given: Experiment, published: PaperFigures) -> tuple[Table, ...]:
    """Return every table for which there are runs."""
    made = (
        mode_table(given, published),
        diversity_table(given, published),
        guardian_table(given, published),
        group_table(given, published),
        equal_cost_table(given, published),
        complexity_table(given, published),
    )
    return tuple(table for table in made if table is not None)


def mode_table(given: Experiment, published: PaperFigures) -> Table:
    """Return pass@1 and pass@n of every model and mode, with intervals (Figure 2)."""
    rows: list[tuple[Cell, ...]] = [
        (
            *(OURS, arm.model, arm.mode, len(arm.runs), len(arm.names())),
            bootstrap(arm.rates()),
            bootstrap(arm.solved()),
            arm.spent(Unit.SAMPLES),
            arm.spent(given.unit),
        )
        for arm in given.arms
    ]
    for figures in published.modes:
        values = {
            SINGLE: figures.single,
            AGENT: figures.agent,
            SELF_IMPROVE: figures.self_improve,
        }
        rows += [
            (PAPER, figures.model, mode, None, published.tasks, None, value, None, None)
            for mode, value in values.items()
            if value is not None
        ]
    return Table(
        name="figure-2-modes",
        title="Pass@1 and Pass@n by mode (Figure 2)",
        columns=(
            *("source", "model", "mode", "runs", "tasks", "pass@1", "pass@n"),
            *("samples", str(given.unit)),
        ),
        rows=tuple(rows),
        notes=(
            "Intervals: 95%, bootstrap over runs and tasks. Samples and costs are means per run."
            " Self-improvement: rates are those of the iteration that solved a task.",
        ),
    )


def group_table(given: Experiment, published: PaperFigures) -> Table | None:
    """Return pass@1 and pass@n per group of tasks (Table 4)."""
    names = [name for arm in given.arms for name in arm.names()]
    groups = list(dict.fromkeys(name.partition("/")[0] for name in names))
    if not groups:
        return None
    rows: list[tuple[Cell, ...]] = []
    for arm in given.arms:
        cells: list[Cell] = [OURS, arm.model, arm.mode]
        for group in [*groups, None]:
            picked = [
                at
                for at, name in enumerate(arm.names())
                if group is None or name.partition("/")[0] == group
            ]
            cells += [_mean(arm.rates(), picked), _mean(arm.solved(), picked)]
        rows.append(tuple(cells))
    for figures in published.groups:
        cells = [PAPER, figures.model, AGENT]
        for group in groups:
            cells += [*figures.groups.get(group, (None, None))]
        rows.append((*cells, *figures.all))
    return Table(
        name="table-4-groups",
        title="Pass@1 and Pass@n per group (Table 4)",
        columns=(
            *("source", "model", "mode"),
            *(f"{group} {what}" for group in [*groups, "all"] for what in ("@1", "@n")),
        ),
        rows=tuple(rows),
    )


def guardian_table(given: Experiment, published: PaperFigures) -> Table | None:
    """Return what the guardian does to tasks that reuse streams (Table 2)."""
    arms = [arm for arm in given.arms if arm.mode in {SINGLE, AGENT}]
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        for kind in ("arith", "shape", "all"):
            for use in ("once", "reuse", "all"):
                picked = [
                    at
                    for at, name in enumerate(arm.names())
                    if name in given.kinds and _is_in(given.kinds[name], kind, use)
                ]
                if picked:
                    cells = (_mean(arm.rates(), picked), _mean(arm.solved(), picked))
                    rows.append((OURS, arm.model, kind, use, arm.mode, *cells, len(picked)))
    if not rows:
        return None
    for cell in published.guardian:
        solved, of = cell.solved
        model = published.ablated
        rows.append((PAPER, model, cell.kind, cell.use, cell.mode, cell.pass_1, solved / of, of))
    return Table(
        name="table-2-guardian",
        title="Once or reuse, arithmetic or shape (Table 2)",
        columns=("source", "model", "class", "use", "mode", "pass@1", "pass@n", "tasks"),
        rows=tuple(rows),
        notes=(
            "Classes by the benchmark's reference programs: arith needs arithmetic primitives only;"
            " reuse needs some stream more than once.",
        ),
    )


def diversity_table(given: Experiment, published: PaperFigures) -> Table | None:
    """Return the share of answers that differ from all others (Table 1)."""
    rows: list[tuple[Cell, ...]] = []
    for arm in given.arms:
        if arm.mode == SELF_IMPROVE or arm.mode.endswith(EQUAL_COST):
            continue
        found = [diversity(run.samples) for run in arm.runs]
        rows.append(
            (
                *(OURS, arm.model, arm.mode),
                _average(item.success for item in found),
                _average(item.failure for item in found),
                _average(item.overall for item in found),
                _mean(arm.solved(), range(len(arm.names()))),
                sum(item.answers for item in found),
            )
        )
    if not rows:
        return None
    rows += [
        (PAPER, published.ablated, f.mode, f.success, f.failure, f.overall, f.pass_n, None)
        for f in published.diversity
    ]
    return Table(
        name="table-1-diversity",
        title="Semantic diversity: answers that are no copies over answers (Table 1)",
        columns=(
            *("source", "model", "mode", "success", "failure", "overall", "pass@n", "answers"),
        ),
        rows=tuple(rows),
        notes=(
            "Two answers to one task are copies if their normal forms are equal; unreadable ones if"
            " their texts are. Means over runs.",
        ),
    )


def equal_cost_table(given: Experiment, published: PaperFigures) -> Table | None:
    """Return modes without memory that spent as much as self-improvement did (Table 5)."""
    rows: list[tuple[Cell, ...]] = []
    for model in given.models:
        best = given.arm(model, SELF_IMPROVE)
        if best is None:
            continue
        others = [arm for arm in given.arms if arm.model == model and arm.mode.endswith(EQUAL_COST)]
        for arm in [*others, best] if others else []:
            cost = arm.spent(given.unit)
            rows.append((OURS, model, arm.mode, bootstrap(arm.solved()), cost))
    if not rows:
        return None
    for figures in published.equal_tokens:
        rows.append((PAPER, figures.model, f"{SINGLE} {EQUAL_COST}", figures.single, None))
        rows.append((PAPER, figures.model, SELF_IMPROVE, figures.self_improve, None))
    return Table(
        name="table-5-equal-cost",
        title=f"Pass@n at equal {given.unit} (Table 5)",
        columns=("source", "model", "mode", "pass@n", str(given.unit)),
        rows=tuple(rows),
        notes=("The paper compares at equal tokens. Costs are means per run.",),
    )


def complexity_table(given: Experiment, published: PaperFigures) -> Table | None:
    """Return how complex and how maintainable the remembered programs are (Table 7)."""
    programs = {
        (experience.task.digest, experience.impl): experience
        for arm in given.arms
        for run in arm.runs
        for experience in run.experiences
    }
    sizes = [counts(e.task, e.impl) for e in programs.values()]
    indices = [maintainability(e.impl) for e in programs.values()]
    known = [size for size in sizes if size is not None]
    readable = [index for index in indices if index is not None]
    spreads = {
        "primitive calls": Spread.of(size.calls for size in known),
        "shape primitives": Spread.of(size.reshaping for size in known),
        "specialised functions": Spread.of(len(size.functions) for size in known),
        "lines of code": Spread.of(e.code_lines for e in programs.values()),
        "maintainability index with comments": Spread.of(i.with_comments for i in readable),
        "maintainability index without comments": Spread.of(i.without_comments for i in readable),
    }
    rows: list[tuple[Cell, ...]] = [
        (OURS, measure, spread.least, spread.mean, spread.greatest)
        for measure, spread in spreads.items()
        if spread is not None
    ]
    if not rows:
        return None
    rows += [(PAPER, f.measure, f.least, f.mean, f.greatest) for f in published.complexity]
    return Table(
        name="table-7-complexity",
        title="Complexity and maintainability of solved programs (Table 7)",
        columns=("source", "measure", "least", "mean", "greatest"),
        rows=tuple(rows),
        notes=(
            f"Over {len(programs)} different programs that the runs remembered."
            " Maintainability: 171 - 5.2 ln V - 0.23 G - 16.2 ln L (+ 50 sin sqrt(2.4 C)), with"
            " Halstead's volume V, McCabe's complexity G, lines of code L and the share of lines"
            " with comments C (Coleman et al., IEEE Computer 27(8), 1994).",
        ),
    )


def _is_in(kind: Kind, shape: str, use: str) -> bool:
    return shape in {"all", "shape" if kind.shape else "arith"} and use in {
        "all",
        "reuse" if kind.reuse else "once",
    }


def _mean(grid: Grid, columns: Iterable[int]) -> float | None:
    values = [row[at] for at in columns for row in grid]
    return sum(values) / len(values) if values else None


def _average(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
