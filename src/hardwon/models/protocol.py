"""What a model must offer, and what can go wrong with one."""

from typing import Protocol

from hardwon.records import Completion, Exchange, Parameters, Prompt


class ModelError(Exception):
    """The model cannot be used at all: wrong name, no key, no server. Says what would help."""


class CapReachedError(Exception):
    """A cap of the run is reached: no further request is made. Says which cap, and how far."""


class Model(Protocol):
    """Continues prompts."""

    @property
    def name(self) -> str:
        """What identifies it in a run's configuration, e.g. "openai:gpt-4o"."""
        ...

    async def complete(
        self, prompt: Prompt, parameters: Parameters, *, index: int = 0, role: str = "proposer"
    ) -> Completion:
        """Return one sample.

        Args:
            prompt: the conversation to continue.
            parameters: how to sample.
            index: which of the samples of this prompt is wanted. Samples differ by it.
            role: which agent asks; the ledger counts by it.

        A failure of one request is a completion that says so (`Finish.FAILED`).

        Raises:
            CapReachedError: if the run may not spend more.
            ModelError: if no request can succeed.
        """
        ...

    async def close(self) -> None:
        """Release connections and processes."""
        ...


class ResponseStore(Protocol):
    """Keeps exchanges, so that none is paid twice."""

    def find(self, key: str) -> Completion | None:
        """Return the completion recorded under `Exchange.key`, if there is one."""
        ...

    def keep(self, exchange: Exchange) -> None:
        """Record an exchange.

        Keeping it again changes nothing, but for one that failed: an answer takes its place.
        """
        ...
