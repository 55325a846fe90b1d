"""Reports a run: from its journal to one page, with the data of every table beside it."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import count, takewhile
from pathlib import Path

from pydantic import ValidationError

from hardwon.api.annotating import Explanation, explained
from hardwon.api.configuration import Configuration
from hardwon.api.errors import UsageError
from hardwon.api.library import write_whole
from hardwon.api.places import JOURNAL, Place, journal_of
from hardwon.api.questions import question_of
from hardwon.api.recorded import temperatures, won_so_far
from hardwon.evaluation import bootstrap
from hardwon.journal import IterationRecord, Journal, RunRecord, SampleRecord, experience_digest
from hardwon.languages import Annotation
from hardwon.learning import pass_at_k
from hardwon.learning.policies import View, whole
from hardwon.records import Experience, Finish, Record, Task, Usage
from hardwon.report import (
    Batch,
    Cost,
    Failures,
    IterationReport,
    PassAtK,
    RoleUsage,
    RunReport,
    Solution,
    TaskReport,
    Teacher,
    render_page,
    tables_of,
    to_csv,
    to_json,
)


class ReportFiles(Record):
    """Where a report lies."""

    page: Path
    data: Path
    """The folder with a CSV and a JSON file per table."""
    solved: int
    total: int


def write_report(
    source: Path, *, out: Path | None = None, data: Path | None = None, run: int | None = None
) -> ReportFiles:
    """Write the report of a run: a self-contained page, and the data of every table and figure.

    Args:
        source: a run directory or a journal file; the run may be unfinished.
        out: the page; `report.html` in the run directory by default.
        data: the folder for the data; by default beside the page, named like it.
        run: which run of the journal; the latest by default.

    Raises:
        UsageError: if there is no such run, or the files cannot be written.
        JournalError: if the journal cannot be read.
    """
    page = out or (source if source.is_dir() else source.parent) / "report.html"
    folder = data or page.with_suffix("")
    if folder == page:
        raise UsageError(f"{page}: expected a name that ends in .html, or --data for the tables")
    report = read_run(source, run=run)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        for table in tables_of(report):
            write_whole(folder / f"{table.name}.csv", to_csv(table))
            write_whole(folder / f"{table.name}.json", to_json(table))
        write_whole(page, render_page(report))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{page} and {folder}: cannot be written ({reason})") from error
    return ReportFiles(page=page, data=folder, solved=report.solved, total=len(report.tasks))


def read_run(source: Path, *, run: int | None = None) -> RunReport:
    """Return what there is to say about a run, read from its journal.

    Programs are explained by their language pack, which needs every task's sizes: for these, the
    tasks' own `global` code is run, confined as the judge does it. Where that fails, the report
    goes without types and graphs and says why.

    Raises:
        UsageError: if there is no such run.
        JournalError: if the journal cannot be read.
    """
    place = journal_of(source) if source.is_dir() else Place(source)
    if isinstance(place.journal, Path) and not place.journal.is_file():
        raise UsageError(f"{source}: expected a run directory with a {JOURNAL}, found none")
    with Journal.open(place.journal, create=False, read_only=True) as journal:
        runs = {record.id: record for record in journal.runs()}
        if not runs:
            raise UsageError(f"{source}: the journal has no run yet")
        wanted = run or place.run or max(runs)
        if wanted not in runs:
            known = ", ".join(map(str, runs))
            raise UsageError(f"{source}: expected one of the runs {known}, got {wanted}")
        return _Reader(journal, runs[wanted]).report(source.resolve().name)


class _Reader:
    """Reads one run; holds the samples of one batch at a time."""

    def __init__(self, journal: Journal, record: RunRecord) -> None:
        self.journal = journal
        self.record = record
        self.tasks = journal.tasks(record.id)
        self.iterations = journal.iterations(record.id)
        known = won_so_far(journal, record.id)
        self.experiences = {e.task.digest: e for e in known}
        self.by_digest = {experience_digest(e): e for e in known}
        self.anchors = _anchors(self.tasks)
        self.view = _view(record)
        self.finishes: dict[str, Finish] = {}
        """How each exchange with a model ended, by its key."""
        self.batches: dict[str, list[Batch]] = {task.digest: [] for task in self.tasks}
        self.failures = {task.digest: Failures() for task in self.tasks}

    def report(self, title: str) -> RunReport:
        """Return the report, as far as the run has come."""
        roles = self._roles()
        iterations = tuple(map(self._iteration, self.iterations))
        explanations = explained(
            [(e.task, e.impl) for e in self.experiences.values() if e.task.digest in self.anchors]
        )
        return RunReport(
            title=title,
            run=self.record.id,
            configuration={
                name: _setting(value) for name, value in self.record.configuration.items()
            },
            hardwon=self.record.hardwon_version,
            created_at=self.record.created_at,
            ending=self.record.ending,
            tasks=tuple(self._task(task, explanations.get(task.digest)) for task in self.tasks),
            iterations=iterations,
            pass_at_k=self._pass_at_k(),
            roles=roles,
        )

    def _iteration(self, record: IterationRecord) -> IterationReport:
        """Take in all samples of an iteration."""
        cost = Cost()
        for digest in record.tasks:
            for temperature in temperatures(self.record, record.effort):
                rows = self.journal.samples(
                    self.record.id, record.index, digest, temperature
                ).values()
                if not rows:
                    continue
                batch = _batch(record.index, temperature, tuple(rows))
                cost += batch.cost
                self.batches[digest].append(batch)
                for row in rows:
                    ends = [self.finishes.get(key) for key in row.answer.exchanges]
                    self.failures[digest].add(
                        (record.index, temperature),
                        row.answer,
                        row.verdict,
                        finish=ends[-1] if ends else None,
                    )
        return IterationReport(
            index=record.index,
            stratum=record.stratum,
            effort=record.effort,
            demonstrations=len(record.demonstrations),
            attempted=len(record.tasks),
            solved=tuple(
                task.test_name
                for task in self.tasks
                if task.digest in self.experiences
                and self.experiences[task.digest].iteration == record.index
            ),
            cost=cost,
            started_at=record.started_at,
            finished_at=record.finished_at,
        )

    def _task(self, task: Task, explanation: Explanation | None) -> TaskReport:
        experience = self.experiences.get(task.digest)
        return TaskReport(
            name=task.test_name,
            anchor=self.anchors[task.digest],
            group=task.group,
            language=task.language,
            question=question_of(task),
            solution=self._solution(experience, explanation) if experience else None,
            batches=tuple(self.batches[task.digest]),
            causes=self.failures[task.digest].causes(),
        )

    def _solution(self, experience: Experience, explanation: Explanation | None) -> Solution:
        return Solution(
            impl=experience.impl,
            iteration=experience.iteration if experience.iteration >= 0 else None,
            correct=experience.correct,
            samples=experience.samples,
            success_rate=experience.success_rate,
            code_lines=experience.code_lines,
            teachers=self._teachers(experience),
            annotation=explanation if isinstance(explanation, Annotation) else None,
            unexplained=explanation if isinstance(explanation, str) else "",
        )

    def _teachers(self, experience: Experience) -> tuple[Teacher, ...]:
        """Return what was in the prompt of the task when it was solved."""
        step = next((i for i in self.iterations if i.index == experience.iteration), None)
        if step is None:
            return ()
        shown = tuple(self.by_digest[digest] for digest in step.demonstrations)
        return tuple(
            Teacher(
                task=each.task.test_name,
                anchor=self.anchors.get(each.task.digest),
                success_rate=each.success_rate,
            )
            for each in self.view(experience.task, shown, step.stratum)
        )

    def _roles(self) -> tuple[RoleUsage, ...]:
        """Add up the exchanges with models, and keep how each of them ended."""
        usage: defaultdict[tuple[str, str], Usage] = defaultdict(Usage)
        ends: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for exchange in self.journal.exchanges(self.record.id):
            who = (exchange.role, exchange.model)
            usage[who] += exchange.completion.usage
            ends[who][exchange.completion.finish] += 1
            self.finishes[exchange.key] = exchange.completion.finish
        return tuple(
            RoleUsage(role=who[0], model=who[1], usage=usage[who], finishes=dict(ends[who]))
            for who in usage
        )

    def _pass_at_k(self) -> tuple[PassAtK, ...]:
        """Return pass@k without demonstrations, and of the last iteration that sampled a task."""
        alone = {i.index for i in self.iterations if not i.demonstrations and i.effort == 0}
        sampled = {i.index for i in self.iterations if i.effort == 0}
        first: list[tuple[int, int]] = []
        last: list[tuple[int, int]] = []
        for batches in self.batches.values():
            tried = [batch.iteration for batch in batches if batch.iteration in sampled]
            if tried and tried[0] in alone:
                first.append(_best([b for b in batches if b.iteration == tried[0]]))
            if tried:
                last.append(_best([b for b in batches if b.iteration == tried[-1]]))
        estimates = estimate_pass_at_k("without demonstrations", first)
        if sampled - alone:
            estimates += estimate_pass_at_k("last iteration of each task", last)
        return estimates


def estimate_pass_at_k(sampling: str, counts: Sequence[tuple[int, int]]) -> tuple[PassAtK, ...]:
    """Return pass@k for k = 1, 2, 4, ... and the smallest number of samples.

    The intervals come from a bootstrap over tasks: they say how much the figure hangs on which
    tasks there are.

    Args:
        sampling: what the samples are.
        counts: (samples, correct ones) per task.
    """
    if not counts:
        return ()
    least = min(samples for samples, _ in counts)
    estimates: list[PassAtK] = []
    for k in sorted({*takewhile(lambda k: k < least, (2**power for power in count())), least}):
        estimate = bootstrap([[pass_at_k([task], k) for task in counts]])
        estimates.append(
            PassAtK(
                sampling=sampling,
                k=k,
                value=estimate.value,
                low=estimate.low,
                high=estimate.high,
                tasks=len(counts),
                n=least,
            )
        )
    return tuple(estimates)


def _best(batches: Sequence[Batch]) -> tuple[int, int]:
    """Return (samples, correct) at the best temperature, the lowest of equals (paper, 4.1)."""
    best = min(batches, key=lambda batch: (-(batch.cost.rate or 0.0), batch.temperature))
    return (best.cost.samples, best.cost.correct)


def _view(record: RunRecord) -> View:
    """Return what each task saw of the demonstrations of an iteration."""
    try:
        return Configuration.model_validate(record.configuration).learns_by.view
    except (ValidationError, UsageError):  # a run of another version
        return whole


def _batch(iteration: int, temperature: float, rows: Sequence[SampleRecord]) -> Batch:
    usage = dict.fromkeys(Usage.model_fields, 0.0)
    for row in rows:
        for name in usage:
            usage[name] += getattr(row.answer.usage, name)
    return Batch(
        iteration=iteration,
        temperature=temperature,
        cost=Cost(
            samples=len(rows),
            correct=sum(row.verdict.correct for row in rows),
            usage=Usage.model_validate(usage),
        ),
        without_program=sum(row.answer.impl is None for row in rows),
        distinct=len({row.verdict.normal_form for row in rows} - {None}),
    )


def _anchors(tasks: Sequence[Task]) -> dict[str, str]:
    """Return a unique name fit for an `id` for every task, by its digest."""
    anchors: dict[str, str] = {}
    taken: set[str] = set()
    for task in tasks:
        slug = re.sub(r"[^A-Za-z0-9_]+", "-", task.test_name).strip("-")[:80] or "unnamed"
        numbered = (f"task-{slug}{f'-{number}' if number > 1 else ''}" for number in count(1))
        anchor = next(name for name in numbered if name not in taken)
        taken.add(anchor)
        anchors[task.digest] = anchor
    return anchors


def _setting(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_setting, value))
    return str(value)
