"""The embedded default: sampling first, then deepening search for what is left."""

from collections.abc import AsyncIterator

from hardwon.agents.protocols import Proposer, Request
from hardwon.agents.searching import SearchProposer
from hardwon.records import Answer


class DeepeningProposer:
    """Draws samples at effort 0, and hands every higher effort to a search."""

    def __init__(self, sampler: Proposer, search: SearchProposer) -> None:
        self._sampler = sampler
        self._search = search

    @property
    def name(self) -> str:
        """See `Proposer.name`: the sampler's."""
        return self._sampler.name

    def propose(self, request: Request) -> AsyncIterator[Answer]:
        """See `Proposer.propose`."""
        if request.effort == 0:
            return self._sampler.propose(request)
        return self._search.propose_from(1, request)

    async def close(self) -> None:
        """See `Proposer.close`."""
        await self._sampler.close()
        await self._search.close()
