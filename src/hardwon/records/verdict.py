"""What the judge says of one answer."""

from enum import StrEnum

from hardwon.records.base import Record


class Stage(StrEnum):
    """The judge's checks, in the order in which they run."""

    PARSE = "parse"
    TYPES = "types"
    AFFINE = "affine"
    FUNCTIONAL = "functional"


class Diagnostic(Record):
    """One error of a program, written for an author who wants to repair it."""

    stage: Stage
    line: int | None
    """1-based line of the program; None where the error has no place in it."""
    message: str
    """What is wrong, with what was expected and what came."""
    rule: str | None = None
    """The rule of the language that is broken."""


class Verdict(Record):
    """The judge's answer: correct only if every check passed (paper, section 3: r = 1)."""

    correct: bool
    stage: Stage | None
    """The first check that failed; None for a correct program."""
    affine: bool | None
    """Whether every stream is consumed at most once; None if the program could not be read."""
    functional: bool | None
    """Whether all results equal the reference; None if the program could not be run."""
    errors: tuple[Diagnostic, ...] = ()
    normal_form: str | None = None
    """Hash that programs share when they differ in spelling only; None if not readable."""
    code_lines: int | None = None
    """Lines of code without comments and blank lines; None if not readable."""
    seconds: float = 0.0
    """Wall time of the judgement. Not part of its identity."""
