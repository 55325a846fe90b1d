"""Tokens as far as they can be told from a text, without the model's own tokenizer."""

from math import ceil

from hardwon.records import Prompt

MOST_PER_BYTE = 0.5
"""Upper bound for code and prose in all common vocabularies; usual are 0.2 to 0.35."""
LIKELY_PER_BYTE = 1 / 3
"""Rather too many than too few, where a server does not say."""
TEMPLATE_TOKENS = 64
"""What a chat template usually adds at most: marks around messages, a default system prompt."""


def size_of(text: str) -> int:
    """Return the length of a text in bytes of UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))


def size_of_prompt(prompt: Prompt) -> int:
    """Return the length of a prompt in bytes of UTF-8."""
    return sum(size_of(message.text) for message in prompt.messages)


def most_tokens(size: int, per_byte: float = MOST_PER_BYTE) -> int:
    """Return a bound on the tokens of a prompt of so many bytes."""
    return ceil(size * per_byte) + TEMPLATE_TOKENS


def likely_tokens(text: str) -> int:
    """Return an estimate of the tokens of a text."""
    return ceil(size_of(text) * LIKELY_PER_BYTE)
