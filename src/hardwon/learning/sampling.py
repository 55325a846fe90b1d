"""Parallel sampling of the agentic system, with a journal that spares finished work."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from hardwon.agents.protocols import Request, UnansweredError
from hardwon.journal import Journal, SampleRecord
from hardwon.learning.outcomes import Batch, Outcome
from hardwon.learning.policies import View, whole
from hardwon.records import Answer, Experience, Task, Usage, Verdict

UNTEMPERED = 0.0
"""Stands for the temperature of samples above the usual effort, which have none."""

SEARCHES = 2
"""Samples of each task above the usual effort: one search taught by all demonstrations, one not."""

_COMMIT = 16
"""Samples per transaction, where they come fast; otherwise each is committed as it comes."""

_COMMIT_SECONDS = 1.0
"""What a crash can cost at most, per batch in flight."""

WAVE = 8
"""Samples that are asked for together where a batch may stop early."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How each task is sampled in an iteration. The defaults are the paper's (section 4.1)."""

    samples: int = 64
    """n, per temperature."""
    temperatures: tuple[float, ...] = (0.4, 0.7, 1.0)
    seed: int = 0
    stop_after: int | None = None
    """Ask for no further wave of samples of a task at a temperature once so many are correct.

    Whether a wave is asked for depends on the waves before it alone, never on the order in which
    samples arrive. None: all are drawn, as in the paper."""
    view: View = whole
    """What each task sees of the demonstrations of a step."""


@dataclass(frozen=True, slots=True)
class RunJournal:
    """Where one run is recorded."""

    journal: Journal
    run: int
    judge: str
    """Digest of the judge's configuration, under which verdicts are shared."""


class System(Protocol):
    """The agentic system, p(y | x, d) with its verdicts."""

    def sample(self, request: Request) -> AsyncIterator[tuple[Answer, Verdict]]:
        """Yield one judged answer per wanted index."""
        ...

    def remember(self, task: Task, program: str, verdict: Verdict) -> None:
        """Take over a known verdict on a program, given by its digest."""
        ...


class Progress(Protocol):
    """Listens to a run. Events come in order; none of them may raise."""

    def iteration_began(
        self,
        index: int,
        tasks: Sequence[Task],
        demonstrations: Sequence[Experience],
        *,
        effort: int,
    ) -> None:
        """An iteration starts: which tasks it samples, with which demonstrations, how hard."""
        ...

    def asked(self, task: Task, usage: Usage) -> None:
        """A model answered, or failed to, while a task was sampled, at this cost."""
        ...

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        """A sample was judged, or found in the journal."""
        ...

    def solved(self, experience: Experience) -> None:
        """A task was solved for the first time."""
        ...


@asynccontextmanager
async def first_error() -> AsyncIterator[None]:
    """Let the first error of a task group through instead of the group."""
    try:
        yield
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from errors


@dataclass(frozen=True, slots=True)
class _Round:
    """What all batches of one iteration share."""

    iteration: int
    stratum: int
    demonstrations: tuple[Experience, ...]
    effort: int
    samples: int
    is_over: bool
    """Whether it was finished before: then it has the samples that it has."""
    unanswered: list[UnansweredError] = field(default_factory=list)


class Sampling:
    """The environment of Algorithm 1: samples, records every sample, remembers experiences."""

    def __init__(
        self,
        system: System,
        record: RunJournal,
        plan: SamplingPlan,
        sizes: Mapping[str, Mapping[str, int]],
        progress: Progress,
    ) -> None:
        self._system = system
        self._journal, self._run, self._judge = record.journal, record.run, record.judge
        self._plan = plan
        self._sizes = sizes
        self._progress = progress
        self._known: set[str] = set()

    async def sample(
        self,
        iteration: int,
        stratum: int,
        tasks: Sequence[Task],
        demonstrations: tuple[Experience, ...],
        *,
        effort: int = 0,
    ) -> list[Outcome]:
        """See `Environment.sample`. Above the usual effort, each task gets a few samples only.

        Samples whose requests were never answered are left out: they say nothing of their tasks.
        A run that goes on asks for them again, if it was interrupted in the same iteration.

        Raises:
            UnansweredError: if there is no sample at all; the iteration is not over then.
        """
        self._journal.begin_iteration(
            self._run, iteration, stratum, demonstrations, tasks, effort=effort
        )
        temperatures = self._plan.temperatures if effort == 0 else (UNTEMPERED,)
        samples = self._plan.samples if effort == 0 else SEARCHES
        is_over = self._journal.is_complete(self._run, iteration)
        here = _Round(iteration, stratum, demonstrations, effort, samples, is_over)
        self._progress.iteration_began(iteration, tasks, demonstrations, effort=effort)
        async with first_error(), asyncio.TaskGroup() as group:
            rows = [
                [
                    group.create_task(self._batch(here, task, temperature))
                    for temperature in temperatures
                ]
                for task in tasks
            ]
        outcomes = [
            Outcome(task, iteration, tuple(batch.result() for batch in row))
            for task, row in zip(tasks, rows, strict=True)
        ]
        if here.unanswered and not any(outcome.samples for outcome in outcomes):
            raise here.unanswered[0]
        self._journal.finish_iteration(self._run, iteration)
        return outcomes

    def remember(self, experience: Experience) -> None:
        """See `Environment.remember`."""
        self._journal.record_experience(self._run, experience)
        self._progress.solved(experience)

    async def _batch(self, here: _Round, task: Task, temperature: float) -> Batch:
        self._recall_verdicts(task)
        found = self._journal.samples(self._run, here.iteration, task.digest, temperature)
        for record in found.values():
            self._progress.sampled(task, record, replayed=True)
        size = here.samples if self._plan.stop_after is None else WAVE
        for start in range(0, here.samples, size):
            wave = range(start, min(start + size, here.samples))
            missing = tuple(index for index in wave if index not in found)
            if missing and not here.is_over:
                await self._draw(here, self._request(here, task, temperature, missing), found)
            # Later waves do not count, even if an interrupted run has some of their samples.
            if self._is_enough(found[index] for index in range(wave.stop) if index in found):
                break
        return Batch(temperature, tuple(found[index] for index in sorted(found)))

    def _is_enough(self, found: Iterable[SampleRecord]) -> bool:
        wanted = self._plan.stop_after
        return wanted is not None and sum(sample.verdict.correct for sample in found) >= wanted

    def _request(
        self, here: _Round, task: Task, temperature: float, indices: tuple[int, ...]
    ) -> Request:
        demonstrations = self._plan.view(task, here.demonstrations, here.stratum)
        return Request(
            task=task,
            demonstrations=demonstrations,
            temperature=temperature,
            indices=indices,
            seed=self._plan.seed * 1_000_003 + here.iteration,
            effort=here.effort,
            sizes={
                item.digest: self._sizes[item.digest]
                for item in (task, *(shown.task for shown in demonstrations))
            },
            asked=partial(self._progress.asked, task),
        )

    async def _draw(self, here: _Round, request: Request, found: dict[int, SampleRecord]) -> None:
        """Ask for samples, record them, and add them to those that are found."""
        task = request.task
        fresh: list[SampleRecord] = []
        committed = time.monotonic()

        def commit() -> None:
            nonlocal committed
            committed = time.monotonic()
            self._journal.record_samples(
                self._run,
                here.iteration,
                task.digest,
                request.temperature,
                fresh,
                judge=self._judge,
            )
            found.update((record.answer.index, record) for record in fresh)
            fresh.clear()

        try:
            async for answer, verdict in self._system.sample(request):
                record = SampleRecord(answer=answer, verdict=verdict)
                fresh.append(record)
                self._progress.sampled(task, record, replayed=False)
                if len(fresh) >= _COMMIT or time.monotonic() - committed >= _COMMIT_SECONDS:
                    commit()
        except UnansweredError as error:
            known = str(error) in map(str, here.unanswered)
            here.unanswered.append(error)
            _LOG.warning(
                "%s at temperature %g: not all samples came; those that did count alone (%s)",
                *(task.test_name, request.temperature, "as before" if known else error),
            )
        finally:
            if fresh:  # also when interrupted: what was sampled is kept
                commit()

    def _recall_verdicts(self, task: Task) -> None:
        """Hand known verdicts on programs of this task to the system, once per task."""
        if task.digest in self._known:
            return
        self._known.add(task.digest)
        for program, verdict in self._journal.verdicts(task.digest, self._judge).items():
            self._system.remember(task, program, verdict)
