"""What a language pack tells a model about its language. Optional, as inspection is."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from hardwon.records import Task


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example: a task with its answer, in none of the benchmarks."""

    task: Task
    """Its `impl` is the answer."""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """The reference card of one primitive, or of one usage pattern."""

    title: str
    text: str
    example: Example | None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A program before and after the language's global law was enforced."""

    task: Task
    """Its `impl` is None."""
    before: str
    after: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Manual:
    """Everything that a prompt says about a language."""

    title: str
    """The language's name for people."""
    introduction: str
    """What a program is, in a paragraph or two; what the code fence is called."""
    fence: str
    """The language tag of code fences, e.g. "python"."""
    cards: tuple[Card, ...]
    """One per primitive."""
    patterns: tuple[Card, ...]
    """How primitives are used together."""
    law: str
    """The global law, in words; empty if the language has none."""
    rewrites: tuple[Rewrite, ...]
    """Of the law: examples where it is broken zero, one and two times."""
    grammar: str
    """GBNF of the syntax alone, for local models; empty if there is none."""


@runtime_checkable
class Explains(Protocol):
    """A language pack that can explain itself to a model."""

    def manual(self) -> Manual:
        """Return what prompts say about the language."""
        ...
