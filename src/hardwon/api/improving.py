"""Runs adaptive self-improvement over tasks and leaves a run directory behind."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardwon.api.checking import judge_digest
from hardwon.api.configuration import Configuration, Means
from hardwon.api.crew import hired
from hardwon.api.errors import UsageError
from hardwon.api.library import write_library, write_summary
from hardwon.api.places import JOURNAL, Place, journal_of, remember_place, sole_use
from hardwon.api.summary import Summary, asked_of_models, library_of, summarise
from hardwon.journal import Journal, JournalMismatchError, NoRunError
from hardwon.judge import Judge
from hardwon.languages.protocol import TaskError
from hardwon.learning import Budget, Progress, Result, RunJournal, Sampling
from hardwon.learning import improve as run_algorithm
from hardwon.models import CapReachedError, ModelError
from hardwon.records import Experience, Record, Task, digest_of

__all__ = ["JOURNAL", "ImproveResult", "improve", "improve_async"]


class ImproveResult(Record):
    """How a run ended."""

    summary: Summary
    resumed: bool
    """Whether any part of it was done before."""
    stopped: str | None = None
    """Which cap stopped it; None if it came to its end. It can be resumed with a higher one."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A run that is open for recording."""

    journal: Journal
    number: int
    configuration: Configuration
    progress: Progress


async def improve_async(
    tasks: Sequence[Task],
    out: Path,
    configuration: Configuration,
    *,
    workers: int = 1,
    resume: bool = False,
    progress: Progress,
    means: Means | None = None,
) -> ImproveResult:
    """Run Algorithm 1 over the tasks; see `improve`."""
    configuration, means = configuration.validated(), means or Means()
    if not tasks:
        raise UsageError("expected at least one task")
    _require_own_files(tasks)
    content = configuration.model_dump(mode="json")
    async with AsyncExitStack() as stack:
        judge = await stack.enter_async_context(
            Judge(workers=workers, seed=_judge_seed(configuration))
        )
        # Before there is a folder, so that a configuration that is refused leaves none behind.
        crew = await stack.enter_async_context(
            hired(configuration, means, tasks, judge, workers=workers)
        )
        _make_folder(out)
        stack.enter_context(sole_use(out))
        place = journal_of(out, means.journal)
        journal = stack.enter_context(Journal.open(place.journal))
        begun = _begun_run(journal, place, content, tasks, out, resume=resume)
        sizes = await _sizes(judge, tasks)
        number = journal.begin_run(content, tasks) if begun is None else begun
        remember_place(out, place, number)
        run = _Run(journal, number, configuration, progress)
        crew.begin(journal.responses(number), asked_of_models(journal, number))
        sampling = Sampling(
            crew.system,
            RunJournal(journal, number, judge_digest(_judge_seed(configuration))),
            configuration.plan,
            sizes,
            progress,
        )
        try:
            stopped = await _within(means, _play(run, sampling, judge, sizes, crew.levels))
        except asyncio.CancelledError:
            _leave(out, run, "interrupted")
            raise
        except ModelError as error:
            if not journal.totals(number).samples:
                raise
            _leave(out, run, str(error))
            raise ModelError(
                f"{error}{'' if str(error).endswith(('.', '?', '!')) else '.'} What was sampled is"
                " kept; to go on, repeat the command with --resume"
            ) from error
        summary = _leave(out, run, stopped)
    return ImproveResult(summary=summary, resumed=begun is not None, stopped=stopped)


def _leave(out: Path, run: _Run, stopped: str | None) -> Summary:
    """Write what the run has won so far."""
    summary = summarise(run.journal, run.number, stopped=stopped)
    write_library(out / "library", library_of(run.journal, run.number))
    write_summary(out / "summary.json", summary)
    return summary


async def _play(
    run: _Run,
    sampling: Sampling,
    judge: Judge,
    sizes: dict[str, Mapping[str, int]],
    levels: int,
) -> None:
    """Play the waves in which tasks joined, each to its end, with what is remembered so far."""
    configuration = run.configuration
    amount = configuration.budget
    memory: list[Experience] = []
    result: Result | None = None
    first = 0
    for wave in run.journal.waves(run.number):
        foreign = [item.task for item in wave.imported if item.task.digest not in sizes]
        sizes.update(await _sizes(judge, foreign))
        memory += wave.imported
        # What comes from elsewhere may help where the run was stuck; new tasks alone do not.
        stuck = result.unsolved if result is not None and wave.imported else ()
        result = await run_algorithm(
            [*wave.tasks, *stuck],
            sampling,
            policy=configuration.learns_by,
            budget=None if amount is None else Budget(amount, configuration.budget_unit),
            seed=configuration.seed,
            efforts=levels,
            imported=memory,
            first=first,
        )
        memory, first = list(result.memory), result.iterations
    if result is not None:
        run.journal.finish_run(run.number, result.ending)


async def _within(means: Means, playing: Awaitable[None]) -> str | None:
    """Play until the end or a cap, and return which; what was sampled by then is recorded."""
    limit = means.max_minutes
    try:
        async with asyncio.timeout(None if limit is None else limit * 60):
            await playing
    except CapReachedError as error:
        return str(error)
    except TimeoutError:
        if limit is None:
            raise
        return f"the limit of {limit:g} minutes is reached"
    except TaskError as error:
        raise UsageError(str(error)) from error
    return None


def improve(
    tasks: Sequence[Task],
    out: Path,
    configuration: Configuration | None = None,
    *,
    workers: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
    means: Means | None = None,
) -> ImproveResult:
    """Write a library: run Algorithm 1 over the tasks and leave a run directory.

    Args:
        tasks: the operators to write.
        out: the run directory; gets `summary.json`, `library/`, and `journal.db`.
        configuration: how to sample and learn; the paper's settings by default.
        workers: processes that sample, and as many that judge. Does not change the result.
        resume: go on with the run in `out`, if there is one, without repeating finished work. Tasks
            that are new to it join it; then they alone are sampled.
        progress: listens to the run.
        means: where it is recorded, how models are reached, and what it may spend.

    Raises:
        UsageError: if something has to be mended first; nothing is sampled then.
        JournalError: if the run cannot be recorded.
        ModelError: if the model cannot be used.
    """
    return asyncio.run(
        improve_async(
            tasks,
            out,
            configuration or Configuration(),
            workers=workers,
            resume=resume,
            progress=progress or Silent(),
            means=means,
        )
    )


class Silent:
    """A `Progress` that says nothing."""

    def iteration_began(self, *_: object, effort: int) -> None:
        """Ignore it."""

    def asked(self, *_: object) -> None:
        """Ignore it."""

    def sampled(self, *_: object, replayed: bool) -> None:
        """Ignore it."""

    def solved(self, *_: object) -> None:
        """Ignore it."""


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        is_file = isinstance(error, FileExistsError)
        reason = "it is a file" if is_file else error.strerror or str(error)
        raise UsageError(f"{out}: cannot be used as a run directory ({reason})") from error


def _require_own_files(tasks: Sequence[Task]) -> None:
    """Refuse tasks whose solutions would overwrite each other."""
    names: dict[str, list[str]] = {}
    for task in tasks:
        path = f"{task.group}/{task.short_name}"
        names.setdefault(path.casefold(), []).append(task.test_name)
    problems = [
        f"{' and '.join(sharing)}: expected names that differ as file names; give one of them"
        " another test_name"
        for sharing in names.values()
        if len(sharing) > 1
    ]
    if problems:
        raise UsageError("\n".join(problems))


def _begun_run(
    journal: Journal,
    place: Place,
    content: Mapping[str, Any],
    tasks: Sequence[Task],
    out: Path,
    *,
    resume: bool,
) -> int | None:
    """Return the run to go on with; None if a new one is to begin."""
    shared = isinstance(place.journal, str)
    begun = place.run is not None if shared else bool(journal.runs())
    if not begun:
        return None
    blank = _is_blank(journal, place)
    if not resume and not blank:
        raise UsageError(
            f"{out} holds a run already; go on with it by --resume, or choose another --out"
        )
    try:
        return journal.resume_run(content, tasks, run=place.run, grow=True)
    except NoRunError as error:
        raise UsageError(f"{out}: {error}") from error
    except JournalMismatchError as error:
        if blank:
            return None  # it failed before its first sample; what has been mended begins anew
        raise UsageError(f"{out} holds another run: {error}") from error


def _is_blank(journal: Journal, place: Place) -> bool:
    number = place.run if place.run is not None else journal.runs()[-1].id
    try:
        totals = journal.totals(number)
    except NoRunError:
        return False
    return totals.samples == totals.imported == 0 and next(journal.exchanges(number), None) is None


async def _sizes(judge: Judge, tasks: Sequence[Task]) -> dict[str, Mapping[str, int]]:
    """Run every task's own code once, so that a broken task costs no samples."""
    found = await asyncio.gather(*map(judge.sizes, tasks), return_exceptions=True)
    broken = [
        f"{task.test_name}: {result}"
        for task, result in zip(tasks, found, strict=True)
        if isinstance(result, TaskError)
    ]
    if broken:
        raise UsageError("\n".join(broken))
    sizes: dict[str, Mapping[str, int]] = {}
    for task, result in zip(tasks, found, strict=True):
        if isinstance(result, BaseException):
            raise result
        sizes[task.digest] = result
    return sizes


def _judge_seed(configuration: Configuration) -> int:
    return int(digest_of(["judge", configuration.seed])[:8], 16)
