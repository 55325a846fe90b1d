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
    """What one sample cost. Proposers that call no model leave the tokens at zero."""

    input_tokens: int = 0
    output_tokens: int = 0
    steps: int = 0
    """Search or sampling steps, the unit of cost of proposers without a model."""

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            steps=self.steps + other.steps,
        )


class Answer(Record):
    """What came back for one sample of one task."""

    index: int
    """Position of the sample among those of its task, iteration and temperature."""
    impl: str | None
    """The program; None if the proposer gave up within its bounded steps."""
    usage: Usage = Usage()
