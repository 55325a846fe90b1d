"""Runs adaptive self-improvement over tasks and leaves a run directory behind."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hardwon
from hardwon.agents import AgenticSystem, OfflineProposer, Proposer
from hardwon.api.errors import UsageError
from hardwon.api.library import write_library, write_summary
from hardwon.api.summary import Summary, summarise
from hardwon.journal import Journal, JournalMismatchError, NoRunError
from hardwon.judge import Judge
from hardwon.languages.protocol import TaskError
from hardwon.learning import Progress, RunJournal, Sampling, SamplingPlan
from hardwon.learning import improve as run_algorithm
from hardwon.records import Record, Task, digest_of

JOURNAL = "journal.db"
MODELS = ("offline",)


class Configuration(Record):
    """Everything that decides what a run does, apart from its tasks."""

    model: str = "offline"
    samples: int = 64
    """Per task, temperature and iteration."""
    temperatures: tuple[float, ...] = (0.4, 0.7, 1.0)
    granularity: int = 3
    seed: int = 0

    def validated(self) -> "Configuration":
        """Return itself.

        Raises:
            UsageError: if a value makes no sense, naming all that do not.
        """
        problems = [
            message
            for holds, message in (
                (
                    self.model in MODELS,
                    f"model: expected {' or '.join(MODELS)}, got {self.model!r}",
                ),
                (self.samples >= 1, f"samples: expected at least 1, got {self.samples}"),
                (
                    self.granularity >= 1,
                    f"granularity: expected at least 1, got {self.granularity}",
                ),
                (
                    bool(self.temperatures) and all(0 < t <= 10 for t in self.temperatures),
                    f"temperatures: expected numbers above 0 and up to 10, got {self.temperatures}",
                ),
                (
                    len(set(self.temperatures)) == len(self.temperatures),
                    f"temperatures: expected each one once, got {self.temperatures}",
                ),
            )
            if not holds
        ]
        if problems:
            raise UsageError("\n".join(problems))
        return self


class ImproveResult(Record):
    """How a run ended."""

    summary: Summary
    resumed: bool
    """Whether any part of it was done before."""


async def improve_async(
    tasks: Sequence[Task],
    out: Path,
    configuration: Configuration,
    *,
    workers: int = 1,
    resume: bool = False,
    progress: Progress,
) -> ImproveResult:
    """Run Algorithm 1 over the tasks; see `improve`."""
    configuration = configuration.validated()
    if not tasks:
        raise UsageError("expected at least one task")
    _require_own_files(tasks)
    _make_folder(out)
    content = configuration.model_dump(mode="json")
    with Journal.open(out / JOURNAL) as journal:
        begun = _begun_run(journal, content, tasks, out, resume=resume)
        async with Judge(workers=workers, seed=_judge_seed(configuration)) as judge:
            sizes = await _sizes(judge, tasks)
            run = journal.begin_run(content, tasks) if begun is None else begun
            proposer: Proposer = OfflineProposer(workers)
            system = AgenticSystem(proposer, judge)
            try:
                sampling = Sampling(
                    system,
                    RunJournal(journal, run, _judge_digest(configuration)),
                    SamplingPlan(
                        configuration.samples, configuration.temperatures, configuration.seed
                    ),
                    sizes,
                    progress,
                )
                result = await run_algorithm(
                    tasks,
                    sampling,
                    granularity=configuration.granularity,
                    seed=configuration.seed,
                )
            except TaskError as error:
                raise UsageError(str(error)) from error
            finally:
                await system.close()
        journal.finish_run(run, result.ending)
        summary = summarise(journal, run, result, tasks, content)
    write_library(out / "library", result.memory)
    write_summary(out / "summary.json", summary)
    return ImproveResult(summary=summary, resumed=begun is not None)


def improve(
    tasks: Sequence[Task],
    out: Path,
    configuration: Configuration | None = None,
    *,
    workers: int = 1,
    resume: bool = False,
    progress: Progress | None = None,
) -> ImproveResult:
    """Write a library: run Algorithm 1 over the tasks and leave a run directory.

    Args:
        tasks: the operators to write.
        out: the run directory; gets `summary.json`, `library/`, and `journal.db`.
        configuration: how to sample and learn; the paper's settings by default.
        workers: processes that sample, and as many that judge. Does not change the result.
        resume: go on with the run in `out`, if there is one, without repeating finished work.
        progress: listens to the run.

    Raises:
        UsageError: if something has to be mended first; nothing is sampled then.
        JournalError: if the run cannot be recorded.
    """
    return asyncio.run(
        improve_async(
            tasks,
            out,
            configuration or Configuration(),
            workers=workers,
            resume=resume,
            progress=progress or Silent(),
        )
    )


class Silent:
    """A `Progress` that says nothing."""

    def iteration_began(self, *_: object) -> None:
        """Ignore it."""

    def sampled(self, *_: object, replayed: bool) -> None:
        """Ignore it."""

    def solved(self, *_: object) -> None:
        """Ignore it."""


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be used as a run directory ({error.strerror})") from error


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
    content: Mapping[str, Any],
    tasks: Sequence[Task],
    out: Path,
    *,
    resume: bool,
) -> int | None:
    """Return the run to go on with; None if a new one is to begin."""
    if not resume and journal.runs():
        raise UsageError(
            f"{out} holds a run already; go on with it by --resume, or choose another --out"
        )
    try:
        return journal.resume_run(content, tasks)
    except NoRunError:
        return None
    except JournalMismatchError as error:
        raise UsageError(f"{out} holds another run: {error}") from error


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


def _judge_digest(configuration: Configuration) -> str:
    return digest_of({"hardwon": hardwon.__version__, "seed": _judge_seed(configuration)})
