"""Tries again after failures that pass, and turns the others into samples that failed."""

import random

from hardwon.models.limiting import LONGEST_REST, Wait
from hardwon.models.protocol import Model, ModelError
from hardwon.models.provider import PromptRefusedError, PromptTooLongError, TransientError
from hardwon.records import Completion, Finish, Parameters, Prompt, Usage

FIRST_PAUSE = 1.0
"""Seconds before the second attempt; each further pause is twice as long."""
LONGEST_PAUSE = 60.0
GONE = 3
"""Requests in a row without an answer after which a server is taken to be gone."""


class Retrying:
    """A model that answers every request, if only with a failure."""

    def __init__(self, model: Model, *, attempts: int, wait: Wait) -> None:
        """Wrap a model.

        Args:
            model: the one that may fail.
            attempts: how often a request is sent at most.
            wait: how to wait between them.
        """
        self._model = model
        self._attempts = attempts
        self._wait = wait
        self._reached = False
        self._in_a_row = 0
        """Requests that got no answer since the last one that did."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return one sample, or `Finish.FAILED` with the reason as its text.

        Raises:
            CapReachedError: if the run may not spend more.
            ModelError: if no request can succeed, no server was ever reached, or `GONE` requests
                in a row were given up: to try all others as often would take hours.
        """
        problem = TransientError("not tried", reached=False)
        for attempt in range(1, self._attempts + 1):
            if attempt > 1:
                await self._wait(pause(attempt - 1, problem.retry_after))
            try:
                completion = await self._model.complete(prompt, parameters, index=index, role=role)
            except PromptRefusedError as error:
                self._reached, self._in_a_row = True, 0
                unsent = isinstance(error, PromptTooLongError) and not error.sent
                return _failed(f"the prompt was refused: {error}", attempt - unsent)
            except TransientError as error:
                problem = error
                self._reached |= error.reached
            else:
                self._reached, self._in_a_row = True, 0
                usage = completion.usage.model_copy(update={"requests": attempt})
                return completion.model_copy(update={"usage": usage})
        if not self._reached:
            raise ModelError(f"{self.name} cannot be used: {problem}")
        self._in_a_row += 1
        if self._in_a_row >= GONE:
            raise ModelError(
                f"{self.name} does not answer any more: {self._in_a_row} requests in a row were"
                f" given up after {self._attempts} attempts each; the last one: {problem}"
            )
        return _failed(
            f"no answer after {self._attempts} attempts; the last one: {problem}", self._attempts
        )

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()


def pause(failures: int, retry_after: float | None) -> float:
    """Return the seconds to wait after so many failures of one request.

    At least what the server asks for, up to `LONGEST_REST`; beyond that a random part, so that
    requests which failed together do not return together.
    """
    backoff = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (failures - 1))
    if retry_after is None:
        return random.uniform(backoff / 2, backoff)
    return min(retry_after, LONGEST_REST) + random.uniform(0, backoff)


def _failed(reason: str, attempts: int) -> Completion:
    return Completion(text=reason, finish=Finish.FAILED, usage=Usage(requests=attempts))
