"""What the judge says of one answer."""

from enum import StrEnum

from hardwon.records.base import Record


class Stage(StrEnum):
    """The judge's checks, in the order in which they run."""

    PARSE = "parse"
    TYPES = "types"
    AFFINE = "affine"
    FUNCTIONAL = "functional"


class Difference(Record):
    """Where, and by how much, a result differs from the reference."""

    output: str
    """The name of the result."""
    component: int
    """Which component of its tuples."""
    sizes: dict[str, int]
    """The sizes of all symbols when it happened."""
    seed: int
    values: str
    """The kind of random values that it happened with."""
    differing: int
    """How many values are wrong."""
    total: int
    """How many values there are."""
    place: tuple[int, ...]
    """The first wrong value's index, outermost first; empty if the shape itself is wrong."""
    expected: str
    """The reference's value there, or the expected shape."""
    got: str
    largest: str
    """The largest absolute difference; `nan` where something finite is not."""


class StreamType(Record):
    """What is known of one stream of a program."""

    name: str
    line: int | None
    """Where it comes from; None for an input."""
    dtype: str
    shape: str


class Diagnostic(Record):
    """One error of a program, written for an author who wants to repair it."""

    stage: Stage
    line: int | None
    """1-based line of the program; None where the error has no place in it."""
    message: str
    """What is wrong, with what was expected and what came."""
    rule: str | None = None
    """The rule of the language that is broken."""
    difference: Difference | None = None
    """For a wrong result: where and by how much."""


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
    streams: tuple[StreamType, ...] = ()
    """The type of every stream as far as it is known; left out of a correct program's verdict."""
    seconds: float = 0.0
    """Wall time of the judgement. Not part of its identity."""
