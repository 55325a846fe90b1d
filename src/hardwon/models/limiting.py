"""How hard a provider may be asked: so many requests at a time, and none while it wants a rest."""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hardwon.models.protocol import Model
from hardwon.models.provider import TransientError
from hardwon.records import Completion, Parameters, Prompt

LONGEST_REST = 300.0
"""Seconds; a server that asks for a longer rest is asked again after this time all the same."""

Wait = Callable[[float], Awaitable[None]]
"""Waits so many seconds, or less if the run ends before."""


class Gate:
    """The way to one server; all models behind it share it."""

    def __init__(
        self, concurrency: int, wait: Wait, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Open the way.

        Args:
            concurrency: requests at a time.
            wait: how to wait.
            clock: seconds that never go back.
        """
        self._free = concurrency
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._wait = wait
        self._clock = clock
        self._opens = float("-inf")

    @asynccontextmanager
    async def passed(self, *, urgent: bool = False) -> AsyncIterator[None]:
        """Pass when there is room, and make room again in the end.

        Args:
            urgent: go before those who are not; otherwise first come, first served.
        """
        await self._enter(self._urgent if urgent else self._others)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, queue: deque[asyncio.Future[None]]) -> None:
        if self._free:  # nobody waits then
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # its turn had come in the same moment
            raise

    def _leave(self) -> None:
        for queue in (self._urgent, self._others):
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    turn.set_result(None)
                    return
        self._free += 1

    def rest(self, seconds: float) -> None:
        """Let nobody pass for a while."""
        self._opens = max(self._opens, self._clock() + min(seconds, LONGEST_REST))

    async def opened(self) -> None:
        """Wait until the server may be asked again."""
        left = self._opens - self._clock()
        if left > 0:
            # Everybody waits for the same moment, and should not come back at the same moment.
            await self._wait(left + random.uniform(0, 1 + left / 10))


class Limited:
    """A model that is asked through a gate.

    Samples that have begun go first: guardians and repairers before proposers. So a cap in the
    middle of a run finds as few of them as possible unfinished.
    """

    def __init__(self, model: Model, gate: Gate) -> None:
        self._model = model
        self._gate = gate

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return one sample, when it is this request's turn."""
        async with self._gate.passed(urgent=role != "proposer"):
            await self._gate.opened()
            try:
                return await self._model.complete(prompt, parameters, index=index, role=role)
            except TransientError as error:
                if error.retry_after is not None:
                    self._gate.rest(error.retry_after)
                raise

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
