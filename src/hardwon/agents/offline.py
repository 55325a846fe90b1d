"""The proposer that needs no model: random well-typed programs, steered by demonstrations."""

import asyncio
from collections.abc import AsyncIterator

from hardwon.agents.protocols import Request
from hardwon.languages import get_language
from hardwon.languages.protocol import Samples
from hardwon.records import Answer, digest_of
from hardwon.workers import Child, ChildEndedError

_CHUNK = 16
"""Samples per message; small enough for a lively progress display."""


class ProposerError(Exception):
    """The proposer itself does not work."""


class OfflineProposer:
    """Draws samples in worker processes. Deterministic under a seed, whatever their number."""

    name = "offline"

    def __init__(self, workers: int = 1) -> None:
        self._idle: asyncio.Queue[Child] = asyncio.Queue()
        self._children = [Child("hardwon.agents.drawing") for _ in range(max(1, workers))]
        for child in self._children:
            self._idle.put_nowait(child)

    async def propose(self, request: Request) -> AsyncIterator[Answer]:
        """See `Proposer.propose`.

        Raises:
            ProposerError: if the language's pack has no sampler, or a process fails.
        """
        task = request.task.question
        if not isinstance(get_language(task.language), Samples):
            raise ProposerError(
                f"{task.test_name}: the language pack {task.language} has no sampler of its own;"
                " have a model write the programs (--model)"
            )
        message = {
            "task": task.model_dump(mode="json"),
            "demonstrations": [d.model_dump(mode="json") for d in request.demonstrations],
            "sizes": {digest: dict(sizes) for digest, sizes in request.sizes.items()},
            "temperature": request.temperature,
            "key": f"{request.seed} {task.digest} {request.temperature}",
        }
        message["lesson"] = digest_of([task.digest, message["demonstrations"]])
        for start in range(0, len(request.indices), _CHUNK):
            chunk = list(request.indices[start : start + _CHUNK])
            for row in await self._draw({**message, "indices": chunk}):
                yield Answer.model_validate(row)

    async def _draw(self, message: dict[str, object]) -> list[object]:
        child = await self._idle.get()
        try:
            if not child.running:
                await child.start()
            reply = await child.ask(message)
            rows: list[object] = reply["rows"]
            return rows
        except (ChildEndedError, OSError) as error:
            await child.stop()
            raise ProposerError(f"a sampling process ended unexpectedly: {error}") from error
        finally:
            self._idle.put_nowait(child)

    async def close(self) -> None:
        """Stop the worker processes."""
        await asyncio.gather(*(child.stop() for child in self._children))
