"""Lines that hold a program: how they may be indented, and where in them it begins and ends."""

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from hardwon.ir.pieces import piece_of

_Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTION_NAMES = ("program", "impl")
COMMENT = re.compile(r"\s*#")


def layouts(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield lines dedented in all ways that an author may have meant, the likeliest first."""
    code = [number for number, line in enumerate(lines) if line and not COMMENT.match(line)]
    if not code:
        yield [line.lstrip() for line in lines]
        return
    margins = [indentation(lines[number]) for number in code]
    least = min(margins)
    yield [_dedented(line, least) for line in lines]
    if margins[0] != least:
        # The first line is right, some others are too far left.
        yield [_dedented(line, margins[0]) for line in lines]
    if len(margins) > 1 and margins[0] != min(margins[1:]):
        # All but the first line are right.
        rest = [_dedented(line, min(margins[1:])) for line in lines]
        rest[code[0]] = lines[code[0]].lstrip()
        yield rest
    if not any(lines[number].endswith(":") for number in code):
        # Nothing asks for an indentation, so whatever there is was not meant.
        yield [line.lstrip() for line in lines]


def _dedented(line: str, margin: int) -> str:
    return line[min(indentation(line), margin) :]


def indentation(line: str) -> int:
    """Return how many spaces a line begins with."""
    return len(line) - len(line.lstrip(" "))


def up_to_return(body: list[ast.stmt]) -> list[ast.stmt]:
    """Return the statements up to the first `return` or, without one, the first function."""
    for kind in (ast.Return, _Function):
        for index, statement in enumerate(body, start=1):
            if isinstance(statement, kind):
                return body[:index]
    return []


def named_function(tree: ast.Module, lines: Sequence[str]) -> str | None:
    """Return the body of the last function that is named as programs are, wherever it stands."""
    if any(isinstance(statement, ast.Return) for statement in tree.body):
        return None
    named = [
        node
        for node in ast.walk(tree)
        if isinstance(node, _Function)
        and node.name in _FUNCTION_NAMES
        and any(isinstance(inner, ast.Return) for inner in node.body)
    ]
    if not named:
        return None
    function = max(named, key=lambda node: node.lineno)
    start = end = min([function.lineno, *(item.lineno for item in function.decorator_list)]) - 1
    while start and COMMENT.match(lines[start - 1]):
        start -= 1
    comments = [line.lstrip() for line in lines[start:end]]
    return joined([*comments, *next(layouts(_body_lines(function, lines)))])


def returning(body: list[ast.stmt], lines: Sequence[str]) -> str | None:
    """Return the program that lines hold, bare or as a function; None if no `return` ends it."""
    if body and isinstance(body[-1], ast.Return):
        return joined(lines[_start_of_last(body) :])
    match [statement for statement in body if isinstance(statement, _Function)]:
        case [function] if any(isinstance(inner, ast.Return) for inner in function.body):
            comments = [line for line in lines[: function.lineno - 1] if COMMENT.match(line)]
            return joined([*comments, *next(layouts(_body_lines(function, lines)))])
        case _:
            return None


def _start_of_last(body: list[ast.stmt]) -> int:
    """Return the first line of the last of several programs, each of which returns."""
    before = [at for at, node in enumerate(body[:-1], start=1) if isinstance(node, ast.Return)]
    if not before:
        return 0
    first, last = (ast.Module(part, []) for part in (body[: before[-1]], body[before[-1] :]))
    if piece_of(first, "").binds & piece_of(last, "").reads:
        return 0
    return body[before[-1] - 1].end_lineno or 0


def _body_lines(function: _Function, lines: Sequence[str]) -> list[str]:
    """Return the lines of a function's body, its docstring left out, its comments kept."""
    body = function.body
    if len(body) > 1 and ast.get_docstring(function) is not None:
        body = body[1:]
    start = body[0].lineno - 1
    head = lines[start].encode()[: body[0].col_offset].decode()
    if head.strip():
        # A function on one line.
        return [lines[start][len(head) :], *lines[start + 1 : function.end_lineno]]
    while not lines[start - 1] or COMMENT.match(lines[start - 1]):
        start -= 1
    return list(lines[start : function.end_lineno])


def joined(lines: Sequence[str]) -> str:
    """Return lines as a program, without blank lines at its ends."""
    return "\n".join(line.rstrip() for line in lines).strip("\n")
