"""Reads programs of plain lines line by line, because the programs of a task share most of them.

A line is plain if it is one statement of its own wherever it stands: not indented, with balanced
brackets, without strings and without a block. Only a program of nothing but such lines, all of them
without an error, is read here; everything else is read as a whole, and means the same either way.
"""

import keyword
import re
from collections.abc import Callable

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
"""Reads a line as line 1 and without its comment; None if it is not plain, or has an error."""


def is_plain(code: str) -> bool:
    """Whether a line without its comment means the same, or nothing, wherever it stands."""
    return (
        len(code) <= _LONGEST
        and not code.startswith(" ")
        and _ANYWHERE_ELSE.isdisjoint(code)
        and sum(map(code.count, "([{")) == sum(map(code.count, ")]}"))
    )


def read_lines(text: str, read: LineReader) -> s.Program | None:
    """Return a program of plain lines that ends well, or None if it has to be read as a whole."""
    statements: list[s.Statement] = []
    comments: tuple[str, ...] = ()
    returns = False
    for number, line in enumerate(text.split("\n"), start=1):
        code, mark, comment = line.partition("#")
        code = code.rstrip(" ")
        if mark and (comment := comment.lstrip("#").strip()):
            comments += (comment,)
        if not code:
            continue
        statement = _common(code, read, number, comments)
        if statement is None:
            found = read(code)
            if found is None:
                return None
            statement = _at(found, number, comments)
        returns = returns or isinstance(statement, s.Return)
        statements.append(statement)
        comments = ()
    return s.Program(tuple(statements), comments) if returns else None


def _common(
    code: str, read: LineReader, line: int, comments: tuple[str, ...]
) -> s.Statement | None:
    """Read a primitive on named streams, or a return of them; None if it is anything else."""
    if call := _CALL.fullmatch(code):
        into, operator, opening, streams, closing = call.groups()
        names, arguments = into.split(", "), streams.split(", ")
        operation = read(operator)
        if (
            not isinstance(operation, s.Evaluate)
            or len(opening) != len(closing)
            or not RESERVED.isdisjoint(names)
            or not RESERVED.isdisjoint(arguments)
        ):
            return None
        given: tuple[s.Expression, ...] = tuple([s.Name(name, line) for name in arguments])
        if opening and len(given) > 1:
            given = (s.Sequence(given, line),)
        bound = tuple([s.Name(name, line) for name in names])
        target = bound[0] if len(bound) == 1 else s.Targets(bound, line)
        applied = s.Apply(_expression(operation.value, line), given, line)
        return s.Assign((target,), applied, comments, line)
    if result := _RETURN.fullmatch(code):
        names = result[1].split(", ")
        if RESERVED.isdisjoint(names):
            results = tuple([s.Name(name, line) for name in names])
            value = results[0] if len(results) == 1 else s.Sequence(results, line)
            return s.Return(value, comments, line)
    return None


def _at(statement: s.Statement, line: int, comments: tuple[str, ...]) -> s.Statement:
    """Return the same statement on another line."""
    match statement:
        case s.Assign(targets=targets, value=value):
            moved = tuple([_target(target, line) for target in targets])
            return s.Assign(moved, _expression(value, line), comments, line)
        case s.Return(value=value):
            return s.Return(_expression(value, line), comments, line)
        case s.Evaluate(value=value):
            return s.Evaluate(_expression(value, line), comments, line)
        case s.For():
            raise AssertionError("a loop has a colon, so it is no plain line")


def _target(target: s.Target, line: int) -> s.Target:
    if isinstance(target, s.Name):
        return s.Name(target.id, line)
    return s.Targets(tuple([_target(item, line) for item in target.items]), line)


def _expressions(items: tuple[s.Expression, ...], line: int) -> tuple[s.Expression, ...]:
    return tuple([_expression(item, line) for item in items])


def _expression(expression: s.Expression, line: int) -> s.Expression:
    match expression:
        case s.Name(id=name):
            return s.Name(name, line)
        case s.Apply(receiver=receiver, arguments=arguments):
            return s.Apply(_expression(receiver, line), _expressions(arguments, line), line)
        case s.Operator(primitive=primitive, arguments=named):
            values = tuple([(name, _expression(value, line)) for name, value in named])
            return s.Operator(primitive, values, line)
        case s.Integer(value=value):
            return s.Integer(value, line)
        case s.Sequence(items=items):
            return s.Sequence(_expressions(items, line), line)
        case s.Product(left=left, right=right):
            return s.Product(_expression(left, line), _expression(right, line), line)
        case s.Index(sequence=sequence, at=at):
            return s.Index(_expression(sequence, line), at, line)
        case s.ZipLists(lists=lists):
            return s.ZipLists(_expressions(lists, line), line)
        case s.Comprehension(element=element, loops=loops):
            moved = tuple([(_target(at, line), _expression(over, line)) for at, over in loops])
            return s.Comprehension(_expression(element, line), moved, line)
