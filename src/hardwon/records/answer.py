"""One sample of the agentic system, before it is judged."""

import hashlib

from hardwon.records.base import Record

NO_PROGRAM = "no program"
"""Stands in for the digest of a program where a sample has none."""


def program_digest(impl: str | None) -> str:
    """SHA-256 of a program's text in UTF-8, or the marker of an answer without a program."""
    if impl is None:
        return NO_PROGRAM
    return hashlib.sha256(impl.encode("utf-8", "surrogatepass")).hexdigest()


class Usage(Record):
    """What one sample cost, over all its requests. Proposers without a model count steps."""

    requests: int = 0
    input_tokens: int = 0
    """All tokens of the prompts, cached ones included."""
    cached_tokens: int = 0
    """The part of the input that the provider had in its cache."""
    output_tokens: int = 0
    """All tokens that the model wrote, thinking included."""
    thinking_tokens: int = 0
    """The part of the output that is thinking."""
    usd: float = 0.0
    """US dollars, by the price table; zero for models without a price."""
    steps: int = 0
    """Search or sampling steps, the unit of cost of proposers without a model."""

    def __add__(self, other: "Usage") -> "Usage":
        mine, others = self.model_dump(), other.model_dump()
        return Usage(**{name: value + others[name] for name, value in mine.items()})

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens


class Answer(Record):
    """What came back for one sample of one task."""

    index: int
    """Position of the sample among those of its task, iteration and temperature."""
    impl: str | None
    """The program; None if the proposer gave up within its bounded steps."""
    usage: Usage = Usage()
    exchanges: tuple[str, ...] = ()
    """Keys of the exchanges with models that led to it, in order."""
    note: str | None = None
    """What the proposer has to say: why there is no program, what came nearest."""
