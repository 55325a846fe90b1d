"""What a language pack tells a model about its language, and how it knows programs in answers.

Both protocols are optional. A model that is asked in a language without a manual sees the task and
nothing else; and where no pack says what its programs look like, they are taken to be Python.
"""

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


STATEMENTS = "E1 = ...\nreturn E1"
"""The form of programs in packs that read Python's statements."""


@dataclass(frozen=True, slots=True)
class Manual:
    """Everything that a prompt says about a language."""

    title: str
    """The language's name for people."""
    introduction: str
    """What a program is, in a paragraph or two."""
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
    form: str = STATEMENTS
    """A program with dots in it, which shows how answers look."""


@runtime_checkable
class Explains(Protocol):
    """A language pack that can explain itself to a model."""

    def manual(self) -> Manual:
        """Return what prompts say about the language."""
        ...


@runtime_checkable
class Recognises(Protocol):
    """A language pack that knows its programs when it sees them; for syntax that is not Python's.

    Without it, what counts as a program in an answer is what Python's parser reads and what ends
    by `return`.
    """

    def is_program(self, text: str) -> bool:
        """Return whether a piece of an answer is a whole program, be it a wrong one.

        The piece is what stood in a code fence or under an `impl` key, or the whole answer. It is
        without common indentation, and anything may be in it.
        """
        ...
