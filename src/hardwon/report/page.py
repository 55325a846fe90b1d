"""The page: one HTML file that needs nothing else and asks nobody for anything."""

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import islice
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hardwon.languages import Annotation
from hardwon.report import wording
from hardwon.report.contents import Cause, Cost, PassAtK, RunReport, Solution, TaskReport
from hardwon.report.dataflow import dataflow_figure
from hardwon.report.failures import NO_PROGRAM
from hardwon.report.figures import learning_curves, pass_chart
from hardwon.report.tables import learning_curve

_TEMPLATES = "templates"
_LONGEST_TEXT = 6000
"""Letters of any one text on the page; the data beside it have all of them."""
_LONGEST_NAME = 200
_MOST_LINES = 300
_LONGEST_LINE = 400
_MOST_BOXES = 250
"""Larger graphs are neither legible nor quick to lay out."""
_MOST_CAUSES = 8
"""Of one task; rarer ones are summed up."""
_MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class CodeLine:
    """A line of a program with its number, what is known of it, and whether it is at fault."""

    number: int
    text: str
    notes: tuple[str, ...] = ()
    faulty: bool = False


@dataclass(frozen=True, slots=True)
class Code:
    """A program, as far as it is shown."""

    lines: tuple[CodeLine, ...]
    hidden: int
    """How many lines are left out."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of failure over all tasks."""

    stage: str
    kind: str
    count: int
    tasks: tuple[TaskReport, ...]


@dataclass(frozen=True, slots=True)
class PassTable:
    """pass@k with one column per kind of sampling."""

    samplings: tuple[PassAtK, ...]
    """One estimate of each kind: they have its name, tasks and n."""
    rows: dict[int, tuple[PassAtK | None, ...]]
    """By k; None where there are fewer samples."""


def render_page(run: RunReport) -> str:
    """Return the report as HTML."""
    style, script = _asset("report.css"), _asset("report.js")
    text = (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=run,
            style=Markup(style),
            script=Markup(script),
            style_hash=_content_hash(style),
            script_hash=_content_hash(script),
            curves=list(learning_curves(run)),
            curve_table=learning_curve(run),
            group_costs=_group_costs(run),
            pass_chart=pass_chart(run.pass_at_k),
            pass_table=_pass_table(run.pass_at_k),
            kinds=_kinds(run.tasks),
            taught=_taught(run),
            searches=any(each.effort for each in run.iterations),
        )
    )
    return text.encode("utf-8", "replace").decode("utf-8")


def _asset(name: str) -> str:
    text = (files("hardwon.report") / _TEMPLATES / name).read_text(encoding="utf-8")
    return f"\n{text}"


def _content_hash(text: str) -> str:
    """Return the name by which the page's policy allows exactly this style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("hardwon.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        number=wording.number,
        percent=wording.percent,
        money=wording.money,
        duration=wording.duration,
        counted=wording.counted,
        name=lambda text: wording.clipped(text, _LONGEST_NAME),
        program=plain_code,
        explained=explained_code,
        stage=_stage,
        level=_level,
    )
    environment.globals.update(figure=_figure, most_causes=_MOST_CAUSES, most_names=_MOST_NAMES)
    return environment


def _shown(value: Any) -> Any:
    """Prepare every value that a template prints; the environment escapes it after that.

    Raises:
        TypeError: for None, which is never meant to be read.
    """
    if value is None:
        raise TypeError("a template prints None")
    if isinstance(value, str) and not isinstance(value, Markup):
        return wording.visible(wording.clipped(value, _LONGEST_TEXT))
    return value


def plain_code(impl: str, faulty: int | None = None) -> Code:
    """Return a program line by line, with one line marked."""
    lines = impl.split("\n")
    shown = [
        CodeLine(number, wording.clipped(text, _LONGEST_LINE), faulty=number == faulty)
        for number, text in enumerate(lines[:_MOST_LINES], start=1)
    ]
    return Code(tuple(shown), max(0, len(lines) - _MOST_LINES))


def explained_code(solution: Solution) -> Code:
    """Return a solved program with the types of its streams."""
    if solution.annotation is None:
        return plain_code(solution.impl)
    lines = solution.annotation.lines
    shown = [
        CodeLine(
            line.number,
            wording.clipped(line.text, _LONGEST_LINE),
            tuple(_notes(line.streams)),
            faulty=bool(line.errors),
        )
        for line in lines[:_MOST_LINES]
    ]
    return Code(tuple(shown), max(0, len(lines) - _MOST_LINES))


def _notes(streams: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield one note per type: streams of one type share it."""
    kinds: dict[str, list[str]] = {}
    for name, kind in streams:
        kinds.setdefault(kind, []).append(name)
    for kind, names in islice(kinds.items(), _MOST_NAMES):
        more = f", … ({len(names)})" if len(names) > _MOST_NAMES else ""
        yield wording.clipped(f"{', '.join(names[:_MOST_NAMES])}{more}: {kind}", _LONGEST_LINE)


def _figure(annotation: Annotation, title: str, key: str) -> Markup | str:
    """Return the drawing of a program, or an empty text if it would be too large."""
    labels = [node.title + node.detail for node in annotation.nodes]
    labels += [edge.label for edge in annotation.edges]
    too_large = len(annotation.nodes) > _MOST_BOXES or max(map(len, labels), default=0) > 1000
    if not labels or too_large:
        return ""
    return Markup(wording.visible(dataflow_figure(annotation, title, key)))


def _stage(cause: Cause | Kind) -> str:
    """Return what went wrong, in words."""
    where = {
        NO_PROGRAM: "no program",
        "parse": "cannot be read",
        "types": "wrong types",
        "affine": "breaks the language's law",
        "functional": "wrong results",
    }
    return where.get(cause.stage, cause.stage)


def _level(cost: Cost) -> int:
    """Return how good a share of correct samples is, from 0 (none) to 4 (nearly all)."""
    rate = cost.rate or 0.0
    return 0 if rate == 0 else 1 + sum(rate >= edge for edge in (0.1, 0.5, 0.9))


def _kinds(tasks: Sequence[TaskReport]) -> list[Kind]:
    counts: Counter[tuple[str, str]] = Counter()
    where: dict[tuple[str, str], list[TaskReport]] = {}
    for task in tasks:
        for cause in task.causes:
            counts[cause.stage, cause.kind] += cause.count
            where.setdefault((cause.stage, cause.kind), []).append(task)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [Kind(*kind, count, tuple(where[kind])) for kind, count in ranked]


def _taught(run: RunReport) -> dict[str, list[TaskReport]]:
    """Return, by a task's anchor, the tasks that were solved with its answer in the prompt."""
    taught: dict[str, list[TaskReport]] = {}
    for task in run.tasks:
        for teacher in task.solution.teachers if task.solution else ():
            if teacher.anchor is not None:
                taught.setdefault(teacher.anchor, []).append(task)
    return taught


def _group_costs(run: RunReport) -> dict[str, Cost]:
    return {
        group: sum((task.cost for task in tasks), Cost()) for group, tasks in run.groups.items()
    }


def _pass_table(estimates: Sequence[PassAtK]) -> PassTable:
    samplings = {each.sampling: each for each in estimates}
    values = {(each.sampling, each.k): each for each in estimates}
    return PassTable(
        tuple(samplings.values()),
        {
            k: tuple(values.get((sampling, k)) for sampling in samplings)
            for k in sorted({each.k for each in estimates})
        },
    )
