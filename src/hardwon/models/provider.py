"""The inner side of a model: one request to one server, and what can go wrong with it.

`Provider` is what each kind of server implements. The wrappers around it (limits, ledger, retries,
cache) are the same for all of them.
"""

from dataclasses import dataclass, field
from typing import Protocol

from hardwon.records import Finish, Parameters, Prompt


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens as a server reports them, unchecked: None where it says nothing."""

    input: object = None
    """All tokens of the prompt, cached ones included."""
    cached: object = None
    """The part that was read from the server's cache."""
    written: object = None
    """The part that was written to it, where that costs extra."""
    output: object = None
    """All tokens that the model wrote, thinking included."""
    thinking: object = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered."""

    text: str
    finish: Finish
    thinking: str | None = None
    model: str = ""
    counts: Counts = field(default_factory=Counts)


class TransientError(Exception):
    """No answer this time; another try may bring one."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        reached: bool = True,
        billed: bool = False,
    ) -> None:
        """Describe the failure.

        Args:
            message: what happened, for people.
            retry_after: seconds that the server asks to wait.
            reached: whether there is a server at all.
            billed: whether the model may have worked on it all the same, so that it may cost.
        """
        super().__init__(message)
        self.retry_after = retry_after
        self.reached = reached
        self.billed = billed


class LimitGrownError(Exception):
    """The model turns out to need room for thinking: ask again, with a higher limit.

    Nothing was billed. The ledger has to know the new limit before the request is sent.
    """


class PromptRefusedError(Exception):
    """The server does not take this prompt, and will not next time; others may be fine."""


class PromptTooLongError(PromptRefusedError):
    """The prompt and the room for its answer are more than the model has."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        """Describe the refusal.

        Args:
            message: what the server said.
            sent: whether it was asked this time, or is known to refuse.
        """
        super().__init__(message)
        self.sent = sent


class Provider(Protocol):
    """Sends single requests to one model of one server."""

    @property
    def name(self) -> str:
        """What the model is called in a run, e.g. "openai:gpt-4o"."""
        ...

    def output_limit(self, parameters: Parameters) -> int:
        """Return the most tokens that an answer may take, thinking included."""
        ...

    async def send(self, prompt: Prompt, parameters: Parameters, index: int, limit: int) -> Reply:
        """Send one request, once.

        Args:
            prompt: the conversation.
            parameters: how to sample; `limit` goes before their own limit.
            index: which of the samples of this prompt.
            limit: the most tokens that the answer may take, as `output_limit` said.

        Raises:
            LimitGrownError: if `output_limit` says more by now.
            TransientError: if another try may help.
            PromptRefusedError: if the server takes other prompts, but not this one.
            ModelError: if it takes none at all.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
