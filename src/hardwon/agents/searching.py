"""The proposer that searches: no model, no chance, and an account of how it ended.

Sample number i of a task is a search of its own. Number 0 goes strictly by what statements cost;
the others vary the order among similar costs. Temperature and seed do nothing, so that a search is
worth continuing: at effort e it may spend `evaluations` times four to the power of e in all, and
goes on where it stopped at the effort below. A program is offered once; whoever asks again, harder,
has had it refused and gets the next. All that only depends on task, demonstrations, index and
effort, as long as no search runs out of time.
"""

import asyncio
import contextlib
import functools
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hardwon.agents.protocols import Change, Request
from hardwon.judge.hosting import ConfinedHost
from hardwon.judge.limits import Limits
from hardwon.languages import get_language
from hardwon.languages.legal import Searches, SearchReport
from hardwon.languages.protocol import ProcessEndedError, TaskProcess
from hardwon.records import Answer, Usage, Verdict, digest_of

GROWTH = 4
"""By how much each effort multiplies the evaluations."""
EVALUATIONS = 8_000
"""At effort 0."""
_IDLE_BYTES = 500_000_000
"""Memory of the searches that one worker keeps besides the one that runs, so that they can go on;
the running one may take 1.2 GB and what PyTorch takes."""
_PROCESS_BYTES = 200_000_000
"""What a process takes before it searches."""
_GRACE_SECONDS = 30.0
"""How much longer than it should a search may take before its process is ended."""
_MOST_TEXT = 20_000


def search_limits() -> Limits:
    """Return the bounds on a search: the address space holds PyTorch besides the 2 GB of data."""
    return Limits(seconds=600.0, memory_bytes=4 << 30)


class NoSearchError(Exception):
    """The task's language cannot search."""


@dataclass
class _Warm:
    """A search that can go on, and what it has reported at each effort so far."""

    process: TaskProcess
    reports: list[SearchReport] = field(default_factory=list)
    bytes: int = _PROCESS_BYTES


@dataclass
class _Worker:
    """One process at a time, and the searches that are kept."""

    limits: Limits
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    hosts: dict[str, ConfinedHost] = field(default_factory=dict)
    warm: OrderedDict[str, _Warm] = field(default_factory=OrderedDict)

    def report(
        self, key: str, module: str, message: Mapping[str, Any], budgets: tuple[int, ...]
    ) -> SearchReport:
        """Search with one budget after the other and return the last report.

        Its steps are those beyond the budget before the last. Blocks.
        """
        self._make_room(key)
        warm = self.warm.get(key)
        if warm is None:
            host = self.hosts.setdefault(module, ConfinedHost(module, self.limits))
            warm = self.warm[key] = _Warm(host.spawn())
        self.warm.move_to_end(key)
        seconds = self.limits.seconds
        for budget in budgets[len(warm.reports) :]:
            try:
                reply, _ = warm.process.ask(
                    {**message, "budget": budget, "seconds": seconds},
                    seconds=seconds + _GRACE_SECONDS,
                    most=0,
                )
            except (ProcessEndedError, TimeoutError):
                self._drop(key)
                raise
            warm.reports.append(_read(reply))
            warm.bytes = _PROCESS_BYTES + _natural(reply.get("bytes"))
        last = warm.reports[len(budgets) - 1]
        counted = warm.reports[len(budgets) - 2].steps if len(budgets) > 1 else 0
        return replace(last, steps=max(0, last.steps - counted))

    def interrupt(self, key: str) -> None:
        """End the search that another thread waits for."""
        warm = self.warm.get(key)
        if warm is not None:
            warm.process.interrupt()

    def _make_room(self, key: str) -> None:
        """Drop the searches that have waited longest, but for this one, until the rest fits."""
        idle = [other for other in self.warm if other != key]
        while idle and sum(self.warm[other].bytes for other in idle) > _IDLE_BYTES:
            self._drop(idle.pop(0))

    def _drop(self, key: str) -> None:
        self.warm.pop(key).process.stop()

    def stop(self) -> None:
        """End all processes."""
        for key in list(self.warm):
            self._drop(key)
        for host in self.hosts.values():
            host.stop()


class SearchPool:
    """Runs searches in confined processes, a bounded number at a time."""

    def __init__(self, workers: int = 1, limits: Limits | None = None) -> None:
        limits = limits or search_limits()
        self._workers = [_Worker(limits) for _ in range(max(1, workers))]

    async def search(
        self, request: Request, variant: int, budgets: tuple[int, ...], start: str | None = None
    ) -> SearchReport:
        """Search for the request's task.

        A process that dies or hangs is a report without a program.

        Raises:
            NoSearchError: if the task's language cannot search.
        """
        task = request.task.question
        language = get_language(task.language)
        if not isinstance(language, Searches):
            raise NoSearchError(f"the language pack {task.language} cannot search")
        demonstrations = list(request.demonstrations)
        key = digest_of(
            [
                task.digest,
                [shown.model_dump(mode="json") for shown in demonstrations],
                variant,
                start,
                budgets[0],
            ]
        )
        message = {
            "task": task,
            "demonstrations": demonstrations,
            "sizes": {digest: dict(sizes) for digest, sizes in request.sizes.items()},
            "seed": variant,
            "start": start,
        }
        worker = next((one for one in self._workers if key in one.warm), None) or min(
            self._workers, key=lambda one: one.waiting
        )
        worker.waiting += 1
        try:
            async with worker.lock:
                work = functools.partial(worker.report, key, language.searcher, message, budgets)
                return await _finished(work, functools.partial(worker.interrupt, key))
        except TimeoutError:
            return SearchReport((), 0, "time", "its process did not answer any more")
        except ProcessEndedError as error:
            return SearchReport((), 0, f"its process ended ({error})", "")
        finally:
            worker.waiting -= 1

    async def close(self) -> None:
        """End all processes."""
        for worker in self._workers:
            async with worker.lock:
                await asyncio.to_thread(worker.stop)


async def _finished(
    work: Callable[[], SearchReport], interrupt: Callable[[], None]
) -> SearchReport:
    """Run blocking work; if the waiting is cancelled, interrupt it and wait for its end."""
    future = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        while not future.done():
            interrupt()  # again and again, since it may be between two requests
            await asyncio.wait({future}, timeout=0.2)
        with contextlib.suppress(Exception):
            future.result()
        raise


def _read(reply: Mapping[str, Any]) -> SearchReport:
    """Return a reply as a report; the process that sent it runs other people's code."""
    programs = reply.get("programs")
    if not isinstance(programs, list) or not all(isinstance(text, str) for text in programs):
        raise ProcessEndedError("it sent no report")
    return SearchReport(
        programs=tuple(text for text in programs if len(text) <= _MOST_TEXT),
        steps=_natural(reply.get("steps")),
        stopped=str(reply.get("stopped"))[:_MOST_TEXT],
        hint=str(reply.get("hint"))[:_MOST_TEXT],
    )


def _natural(number: object) -> int:
    """Return a number that a process sent, or 0 where it is none."""
    return max(0, number) if isinstance(number, int) else 0


class SearchProposer:
    """See the module's docstring; implements `hardwon.agents.protocols.Proposer`."""

    name = "search"

    def __init__(
        self,
        workers: int = 1,
        *,
        evaluations: int = EVALUATIONS,
        limits: Limits | None = None,
    ) -> None:
        self.evaluations = evaluations
        self._pool = SearchPool(workers, limits)

    def propose(self, request: Request) -> AsyncIterator[Answer]:
        """See `Proposer.propose`."""
        return self.propose_from(0, request)

    async def propose_from(self, lowest: int, request: Request) -> AsyncIterator[Answer]:
        """Yield what `propose` does, where nobody has asked at efforts below the lowest.

        So what is found within their budgets has not been refused, and is offered.
        """
        searches = [asyncio.create_task(self._one(lowest, request, at)) for at in request.indices]
        try:
            for search in asyncio.as_completed(searches):
                yield await search
        finally:
            for search in searches:
                search.cancel()
            await asyncio.gather(*searches, return_exceptions=True)

    async def _one(self, lowest: int, request: Request, index: int) -> Answer:
        efforts = range(min(lowest, request.effort), request.effort + 1)
        budgets = tuple(self.evaluations * GROWTH**effort for effort in efforts)
        variant = index
        if request.demonstrations:
            # What was learned leads astray at times, so every other search goes without.
            variant, untaught = divmod(index, 2)
            request = replace(request, demonstrations=()) if untaught else request
        report = await self._pool.search(request, variant, budgets)
        return Answer(
            index=index,
            impl=report.programs[0] if report.programs else None,
            usage=Usage(steps=report.steps),
            note=None if report.programs else said(report),
        )

    async def close(self) -> None:
        """See `Proposer.close`."""
        await self._pool.close()


class SearchRepairer:
    """Looks for a program near a refused one; implements `Repairer`.

    What it finds has agreed with the references, so there is nothing left to mend if the judge
    refuses that as well: every sample is repaired once.
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        evaluations: int = EVALUATIONS,
        limits: Limits | None = None,
    ) -> None:
        self.evaluations = evaluations
        self._pool = SearchPool(workers, limits)
        self._found: set[tuple[str, str]] = set()

    async def repair(self, request: Request, answer: Answer, verdict: Verdict) -> Change | None:
        """See `Repairer.repair`. The verdict does not matter: the search judges for itself."""
        del verdict
        if answer.impl is None or (request.task.digest, answer.impl) in self._found:
            return None
        budget = self.evaluations * GROWTH**request.effort
        report = await self._pool.search(request, 0, (budget,), answer.impl)
        found = next((text for text in report.programs if text != answer.impl), None)
        if found is None:
            return None
        self._found.add((request.task.digest, found))
        return Change(found, Usage(steps=report.steps))

    async def close(self) -> None:
        """See `Repairer.close`."""
        await self._pool.close()


_REASONS = {
    "budget": "the evaluations are spent",
    "exhausted": "there is no further program within the bounds of the search",
    "memory": "the memory is used up",
    "time": "the time is up",
}


def said(report: SearchReport) -> str:
    """Return why a search ended without a program, for people."""
    reason = _REASONS.get(report.stopped, report.stopped)
    text = f"search ended after {report.steps:,} evaluations: {reason}"
    return f"{text}; {report.hint}" if report.hint else text
