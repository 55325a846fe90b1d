"""The embedded default: sampling first, then deepening search for what is left."""

from collections.abc import AsyncIterator

from hardwon.agents.protocols import Proposer, Request
from hardwon.agents.searching import SearchProposer
from hardwon.languages import get_language
from hardwon.languages.legal import Searches
from hardwon.records import Answer


class DeepeningProposer:
    """Draws samples at effort 0, and hands every higher effort to a search.

    Where a task's language has no search, a higher effort says so and costs nothing.
    """

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
        if not isinstance(get_language(request.task.language), Searches):
            return _nothing(request)
        return self._search.propose_from(1, request)

    async def close(self) -> None:
        """See `Proposer.close`."""
        await self._sampler.close()
        await self._search.close()


async def _nothing(request: Request) -> AsyncIterator[Answer]:
    note = f"no search is known for the language {request.task.language}"
    for index in request.indices:
        yield Answer(index=index, impl=None, note=note)
