"""The agentic system: one task in, judged samples out (paper, section 3)."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing

from hardwon.agents.asking import STOPS
from hardwon.agents.gathering import as_they_come
from hardwon.agents.guardians import NoGuardian
from hardwon.agents.protocols import (
    Change,
    Guardian,
    Proposer,
    Repairer,
    Request,
    UnansweredError,
)
from hardwon.judge import Judge
from hardwon.languages.protocol import TaskError
from hardwon.records import Answer, Task, Verdict, program_digest

_LOG = logging.getLogger(__name__)


class AgenticSystem:
    """Proposer, guardian, judge and repairer. Equal programs of one task are judged once."""

    def __init__(
        self,
        proposer: Proposer,
        judge: Judge,
        guardian: Guardian | None = None,
        repairer: Repairer | None = None,
    ) -> None:
        """Put agents together; without the last two, answers are judged as they are."""
        self._proposer = proposer
        self._judge = judge
        self._guardian: Guardian = guardian or NoGuardian()
        self._repairer = repairer
        # Judging is fast and has its own queue: one by one, an interruption wastes the least.
        self._at_once = 1 if guardian is None and repairer is None else sys.maxsize
        self._verdicts: dict[tuple[str, str], asyncio.Future[Verdict]] = {}

    def remember(self, task: Task, program: str, verdict: Verdict) -> None:
        """Take over a verdict from the journal, by the program's digest."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        future.set_result(verdict)
        self._verdicts.setdefault((task.digest, program), future)

    async def sample(self, request: Request) -> AsyncIterator[tuple[Answer, Verdict]]:
        """Yield one judged answer per wanted index, in any order, as they come.

        The answer carries what all agents spent on it. A sample waits for no other one, and its
        failure ends no other one.

        Raises:
            TaskError: if the task itself is broken.
            UnansweredError: after everything else, if an agent's request for a sample was never
                answered. Without it the sample is not what was asked for, so it is left out.
            CapReachedError: after everything that came before the cap was judged and yielded. An
                answer whose guardian or repairer could not be asked any more is yielded only if it
                is correct as it is: the others might have become so, and a run that goes on with a
                higher cap takes them up where they stood.
            ModelError: in the same way, if a model cannot be used.
        """
        stops: list[Exception] = []

        async def finished(answer: Answer) -> tuple[Answer, Verdict]:
            return await self._finished(request, answer, stops)

        samples = as_they_come(
            self._proposer.propose(request),
            finished,
            at_once=self._at_once,
            at_the_end=STOPS,
        )
        async with aclosing(samples):
            async for pair in samples:
                yield pair
        if stops:
            raise stops[0]

    async def _finished(
        self, request: Request, answer: Answer, stops: list[Exception]
    ) -> tuple[Answer, Verdict]:
        """Guard, judge and repair one answer.

        An error that ends the run goes to `stops` where the answer is correct all the same.
        """
        answer, verdict = await self._checked(request, answer, stops)
        while self._repairer is not None and not verdict.correct:
            try:
                change = await self._repairer.repair(request, answer, verdict)
            except STOPS:
                raise
            except Exception as error:
                return _noted(answer, "repairer", error), verdict
            if change is None:
                break
            repaired = _changed(answer, change).model_copy(update={"note": None})
            answer, verdict = await self._checked(request, repaired, stops)
        return answer, verdict

    async def _checked(
        self, request: Request, answer: Answer, stops: list[Exception]
    ) -> tuple[Answer, Verdict]:
        """Guard and judge an answer."""
        stop: Exception | None = None
        try:
            answer = _changed(answer, await self._guardian.guard(request, answer))
        except UnansweredError:
            raise
        except STOPS as error:
            stop = error
        except Exception as error:
            answer = _noted(answer, "guardian", error)
        verdict = await self._verdict(request.task, answer.impl)
        if stop is not None:
            if not verdict.correct:
                raise stop
            stops.append(stop)
            answer = _noted(answer, "guardian", stop)
        return answer, verdict

    async def _verdict(self, task: Task, impl: str | None) -> Verdict:
        key = (task.digest, program_digest(impl))
        known = self._verdicts.get(key)
        if known is None:
            known = asyncio.ensure_future(self._judged(task, impl))
            self._verdicts[key] = known
        # Another sample may wait for the same verdict: one that is cancelled must not cancel both.
        return await asyncio.shield(known)

    async def _judged(self, task: Task, impl: str | None) -> Verdict:
        try:
            return await self._judge.judge(task, impl)
        except TaskError as error:
            raise TaskError(f"{task.test_name}: {error}") from error

    async def close(self) -> None:
        """Give up judgements that nobody waits for any more, and release the agents."""
        for verdict in self._verdicts.values():
            verdict.cancel()
        await asyncio.gather(*self._verdicts.values(), return_exceptions=True)
        await self._proposer.close()
        await self._guardian.close()
        if self._repairer is not None:
            await self._repairer.close()


def _changed(answer: Answer, change: Change) -> Answer:
    return answer.model_copy(
        update={
            "impl": change.impl,
            "usage": answer.usage + change.usage,
            "exchanges": (*answer.exchanges, *change.exchanges),
        }
    )


def _noted(answer: Answer, agent: str, error: Exception) -> Answer:
    """Return the answer as it is, with a note on the agent that had nothing to say on it."""
    if not isinstance(error, STOPS):
        _LOG.error("the %s failed over a sample", agent, exc_info=error)
    note = f"the {agent} failed: {error}"
    return answer.model_copy(update={"note": f"{answer.note}; {note}" if answer.note else note})
