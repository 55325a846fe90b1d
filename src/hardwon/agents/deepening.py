"""The embedded default: sampling first, then deepening search for what is left."""

from collections.abc import AsyncIterator

from hardwon.agents.protocols import Proposer, Request
from hardwon.records import Answer


class DeepeningProposer:
    """Draws samples at effort 0, and hands every higher effort to a search."""

    def __init__(self, sampler: Proposer, search: Proposer) -> None:
        self._sampler = sampler
        self._search = search

    @property
    def name(self) -> str:
        """See `Proposer.name`: the sampler's."""
        return self._sampler.name

    def propose(self, request: Request) -> AsyncIterator[Answer]:
        """See `Proposer.propose`."""
        return (self._search if request.effort else self._sampler).propose(request)

    async def close(self) -> None:
        """See `Proposer.close`."""
        await self._sampler.close()
        await self._search.close()
