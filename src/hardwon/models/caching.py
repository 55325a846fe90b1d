"""Answers from what was answered before, and keeps what is answered now."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from hardwon.models.protocol import Model, ResponseStore
from hardwon.models.response_file import CacheError
from hardwon.records import Completion, Exchange, Finish, Parameters, Prompt

_LOG = logging.getLogger(__name__)

_FOR_GOOD = frozenset({Finish.STOP, Finish.LENGTH, Finish.REFUSAL})


class Cached:
    """A model whose answers are kept. Equal requests at the same time are sent once."""

    def __init__(
        self,
        model: Model,
        *,
        record: ResponseStore | None,
        cache: ResponseStore | None,
        finishing: Callable[[], bool],
        place: str = "",
    ) -> None:
        """Wrap a model.

        Args:
            model: the one that is asked for what neither store has.
            record: what happened in one run: keeps every completion, failures too, so that the run
                can be replayed as it was. A run that goes on asks again for what failed.
            cache: what any run may use: keeps what the model chose to say. A run goes on without it
                if it fails.
            finishing: whether requests in flight are to end even if nobody waits for them.
            place: tells servers apart in the cache that serve different models by one name.
        """
        self._model = model
        self._record = record
        self._cache = cache
        self._finishing = finishing
        self._place = place
        self._fetching: dict[str, asyncio.Task[Completion]] = {}
        self._waiting: dict[str, int] = {}

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return one sample, from a store if one has it."""
        request = Exchange(
            role=role,
            model=self.name,
            prompt=prompt,
            parameters=parameters,
            index=index,
            completion=Completion(text="", finish=Finish.EMPTY),
        )
        key = request.key
        if key not in self._fetching:
            found = self._find(request)
            if found is not None:
                return found
            task = asyncio.create_task(self._fetch(request))
            self._fetching[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await self._join(key, self._fetching[key])

    async def close(self) -> None:
        """Let requests in flight end if the run's caps say so, cancel the others, and close."""
        tasks = list(self._fetching.values())
        if not self._finishing():
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._model.close()

    async def _join(self, key: str, task: asyncio.Task[Completion]) -> Completion:
        self._waiting[key] = self._waiting.get(key, 0) + 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._waiting[key] == 1 and not self._finishing():
                task.cancel()
                # Let it note what has arrived before the cancellation goes on.
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.wait({task})
            raise
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]

    async def _fetch(self, request: Exchange) -> Completion:
        asking = asyncio.create_task(
            self._model.complete(
                request.prompt, request.parameters, index=request.index, role=request.role
            )
        )
        try:
            completion = await asyncio.shield(asking)
        except asyncio.CancelledError:
            # Cancelling a task that is done changes nothing: what it has brought is kept.
            asking.cancel()
            await asyncio.wait({asking})
            if not asking.cancelled() and asking.exception() is None:
                self._keep(request, asking.result())
            raise
        self._keep(request, completion)
        return completion

    def _find(self, request: Exchange) -> Completion | None:
        if self._record is not None:
            found = self._record.find(request.key)
            if found is not None and found.finish is not Finish.FAILED:
                return found
        found = self._find_in_cache(self._placed(request).key)
        if found is not None and self._record is not None:
            self._record.keep(request.model_copy(update={"completion": found}))
        return found

    def _placed(self, exchange: Exchange) -> Exchange:
        if not self._place:
            return exchange
        # Not a copy, which would keep the key.
        fields = {name: getattr(exchange, name) for name in Exchange.model_fields}
        return Exchange(**{**fields, "model": f"{exchange.model} at {self._place}"})

    def _find_in_cache(self, key: str) -> Completion | None:
        if self._cache is None:
            return None
        try:
            return self._cache.find(key)
        except CacheError as error:
            self._give_up_cache(error)
            return None

    def _keep(self, request: Exchange, completion: Completion) -> None:
        exchange = request.model_copy(update={"completion": completion})
        try:
            if self._cache is not None and _is_for_good(completion):
                self._cache.keep(self._placed(exchange))
        except CacheError as error:
            self._give_up_cache(error)
        if self._record is not None:
            self._record.keep(exchange)

    def _give_up_cache(self, error: CacheError) -> None:
        self._cache = None
        _LOG.warning("the run goes on without its cache of answers: %s", error)

    def _forget(self, key: str, task: asyncio.Task[Completion]) -> None:
        del self._fetching[key]
        if not task.cancelled():
            task.exception()  # looked at, in case nobody waits any more


def _is_for_good(completion: Completion) -> bool:
    """Whether a completion is what the model has to say, so that nobody need ask again.

    Not where it came to nothing: another request may bring an answer, and a model that spent its
    whole limit on thoughts may be given a higher one.
    """
    said = completion.text.strip() or completion.finish is Finish.REFUSAL
    return completion.finish in _FOR_GOOD and bool(said)
