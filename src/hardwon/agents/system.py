"""The agentic system: one task in, judged samples out (paper, section 3)."""

import asyncio
from collections.abc import AsyncIterator

from hardwon.agents.protocols import Proposer, Request
from hardwon.judge import Judge
from hardwon.languages.protocol import TaskError
from hardwon.records import Answer, Task, Verdict, program_digest


class AgenticSystem:
    """A proposer whose answers are judged. Equal answers to one task are judged once."""

    def __init__(self, proposer: Proposer, judge: Judge) -> None:
        self._proposer = proposer
        self._judge = judge
        self._verdicts: dict[tuple[str, str], asyncio.Future[Verdict]] = {}

    def remember(self, task: Task, program: str, verdict: Verdict) -> None:
        """Take over a verdict from the journal, by the program's digest."""
        future: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        future.set_result(verdict)
        self._verdicts.setdefault((task.digest, program), future)

    async def sample(self, request: Request) -> AsyncIterator[tuple[Answer, Verdict]]:
        """Yield one judged answer per wanted index."""
        async for answer in self._proposer.propose(request):
            yield answer, await self._verdict(request.task, answer.impl)

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
        """Give up judgements that nobody waits for any more, and release the proposer."""
        for verdict in self._verdicts.values():
            verdict.cancel()
        await asyncio.gather(*self._verdicts.values(), return_exceptions=True)
        await self._proposer.close()
