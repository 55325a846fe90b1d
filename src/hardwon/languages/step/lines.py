"""Reads the plain lines of programs one by one, because the programs of a task share most of them.

A line is plain if it is one statement of its own wherever it stands: not indented, with balanced
brackets, without strings and without a block. Such lines are read here for as long as they come
without an error; the rest of a program is read as a whole, and means the same either way.
"""

import keyword
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from hardwon.languages.step import syntax as s
from hardwon.languages.step.primitives import PRIMITIVES

MODULE = "step"
RESERVED = frozenset({MODULE, "zip", "list", "tuple", *PRIMITIVES, *keyword.kwlist})
"""Names that a program cannot assign to, or that have another meaning below where it does."""

_LONGEST = 400
"""Longer lines are seldom met again, and would fill the memory of those that are."""
_ANYWHERE_ELSE = frozenset("'\"\\;:")
"""What may make the meaning of a line depend on the lines around it."""

_NAME = "[A-Za-z][A-Za-z0-9_]*"
_NAMES = f"{_NAME}(?:, {_NAME})*"
_CALL = re.compile(
    rf"({_NAMES}) = (step\.{_NAME}\([^()]*\))\.apply\((\(?)({_NAMES})(\)?)\)", re.ASCII
)
"""What most lines are: a primitive on streams that have names."""
_RETURN = re.compile(rf"return ({_NAMES})", re.ASCII)

LineReader = Callable[[str], s.Statement | None]
"""Reads a line without its comment, as line 0; None if it is not plain, or has an error."""


def is_plain(code: str) -> bool:
    """Whether a line without its comment means the same, or nothing, wherever it stands."""
    return (
        len(code) <= _LONGEST
        and not code.startswith(" ")
        and _ANYWHERE_ELSE.isdisjoint(code)
        and sum(map(code.count, "([{")) == sum(map(code.count, ")]}"))
    )


def read_lines(
    lines: Sequence[str], start: int, read: LineReader
) -> tuple[tuple[s.Statement, ...], int]:
    """Return the statements from a line on, and how many lines are then done, those above included.

    Comments belong to the statement below them, so those above the first line that is not plain are
    left to whoever reads it.
    """
    statements: list[s.Statement] = []
    done = start
    comments: tuple[str, ...] = ()
    for number, line in enumerate(lines[start:], start=start + 1):
        code, mark, comment = line.partition("#")
        if mark and (comment := comment.lstrip("#").strip()):
            comments += (comment,)
        code = code.rstrip(" ")
        if not code:
            continue
        statement = read(code)
        if statement is None:
            break
        statements.append(_at(statement, number, comments))
        done, comments = number, ()
    return tuple(statements), done


def _at(statement: s.Statement, line: int, comments: tuple[str, ...]) -> s.Statement:
    """Return a statement as it stands in a program."""
    match statement:
        case s.Assign(targets=targets, value=value):
            return s.Assign(targets, value, comments, line)
        case s.Return(value=value):
            return s.Return(value, comments, line)
        case s.Evaluate(value=value):
            return s.Evaluate(value, comments, line)
        case s.For():
            raise AssertionError("a loop has a colon, so it is no plain line")


def read_common(code: str, read: LineReader) -> s.Statement | None:
    """Read a primitive on named streams, or a return of them; None if it is anything else.

    This is for lines that are new, but whose operator has been met before.
    """
    if call := _CALL.fullmatch(code):
        into, operator, opening, streams, closing = call.groups()
        bound, given = into.split(", "), streams.split(", ")
        operation = read(operator)
        if (
            not isinstance(operation, s.Evaluate)
            or len(opening) != len(closing)
            or not RESERVED.isdisjoint(bound)
            or not RESERVED.isdisjoint(given)
        ):
            return None
        arguments: tuple[s.Expression, ...] = tuple(map(_name, given))
        if opening and len(given) > 1:
            arguments = (s.Sequence(arguments),)
        targets = tuple(map(_name, bound))
        target = targets[0] if len(targets) == 1 else s.Targets(targets)
        return s.Assign((target,), s.Apply(operation.value, arguments))
    if result := _RETURN.fullmatch(code):
        names = result[1].split(", ")
        if RESERVED.isdisjoint(names):
            results = tuple(map(_name, names))
            return s.Return(results[0] if len(results) == 1 else s.Sequence(results))
    return None


@lru_cache(maxsize=4096)
def _name(name: str) -> s.Name:
    return s.Name(name)
