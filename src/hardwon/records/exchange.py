"""What is said to a model, and what comes back."""

from enum import StrEnum
from functools import cached_property

from hardwon.records.answer import Usage
from hardwon.records.base import Record, digest_of


class Speaker(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


class Message(Record):
    """One message of a conversation."""

    speaker: Speaker
    text: str
    stable: bool = False
    """Whether many prompts begin with everything up to here: providers may cache that prefix."""


class Prompt(Record):
    """A conversation that a model is to continue; stable messages come first."""

    messages: tuple[Message, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the messages."""
        return digest_of([[message.speaker, message.text] for message in self.messages])


class Parameters(Record):
    """How a model samples. What a provider does not offer is left out of its request."""

    temperature: float | None = None
    """None where the model has none, as most reasoning models."""
    max_tokens: int = 1024
    """The most output tokens of one sample (paper, section 4.1), thinking not included."""
    seed: int | None = None
    """Decides a sample, with the prompt and its index, where the model honours it."""
    grammar: str | None = None
    """GBNF that the answer has to follow; local models only."""


class Finish(StrEnum):
    """Why a model stopped."""

    STOP = "stop"
    LENGTH = "length"
    """At the limit of tokens; the text is incomplete."""
    REFUSAL = "refusal"
    """The model or the provider declined."""
    EMPTY = "empty"
    """The provider answered without any text."""
    FAILED = "failed"
    """No answer came, after all retries; the text says why. It is no sample."""


class Completion(Record):
    """One sample of a model."""

    text: str
    """The answer without thinking."""
    finish: Finish
    usage: Usage = Usage()
    thinking: str | None = None
    """Reasoning that the provider shows apart from the answer."""
    model: str = ""
    """The name under which the provider answered."""


class Exchange(Record):
    """One request to a model with its completion, as a journal keeps it."""

    role: str
    """Which agent asked: "proposer", "guardian" or "repairer"."""
    model: str
    """The model as the run names it, e.g. "openai:NAME"."""
    prompt: Prompt
    parameters: Parameters
    index: int
    """Which of the samples of this prompt; a model draws each of them anew."""
    completion: Completion

    @cached_property
    def key(self) -> str:
        """Names the request by its content; equal keys may share a completion."""
        return exchange_key(self.model, self.prompt, self.parameters, self.index)


def exchange_key(model: str, prompt: Prompt, parameters: Parameters, index: int) -> str:
    """Return the SHA-256 of everything that decides a completion."""
    return digest_of([model, prompt.digest, parameters.model_dump(mode="json"), index])
