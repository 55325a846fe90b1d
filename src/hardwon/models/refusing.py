"""Does not send again what a server has refused as too long."""

import asyncio
from contextlib import suppress

from hardwon.models.protocol import Model
from hardwon.models.provider import PromptTooLongError
from hardwon.models.tokens import size_of_prompt
from hardwon.records import Completion, Parameters, Prompt

HEAD_START = 0.25
"""Seconds: refusals come at once, since nothing has to be written, and answers do not."""


class Refusing:
    """A model that is asked once about a prompt that is too long for it.

    A run wants many samples of a prompt, and the length is the same for all of them. So the first
    one goes ahead a little, unless a prompt of that length has been answered before.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._too_long: dict[tuple[str, int], str] = {}
        """What the server said, by the prompt and the room for its answer."""
        self._first: dict[tuple[str, int], asyncio.Event] = {}
        """Prompts whose first request is under way."""
        self._longest = -1
        """Bytes of the longest prompt that was answered."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return one sample.

        Raises:
            PromptTooLongError: if the server refuses the prompt as too long, or has done so before.
            TransientError, PromptRefusedError, CapReachedError, ModelError: as the model does.
        """
        length, size = (prompt.digest, parameters.max_tokens), size_of_prompt(prompt)
        ended = None
        if size > self._longest:
            if length in self._first:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._first[length].wait(), HEAD_START)
            else:
                ended = self._first[length] = asyncio.Event()
        try:
            if length in self._too_long:
                raise PromptTooLongError(self._too_long[length], sent=False)
            completion = await self._model.complete(prompt, parameters, index=index, role=role)
            self._longest = max(self._longest, size)
            return completion
        except PromptTooLongError as error:
            self._too_long[length] = str(error)
            raise
        finally:
            if ended is not None:
                del self._first[length]
                ended.set()

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()
