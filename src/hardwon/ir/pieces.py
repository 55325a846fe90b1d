"""Programs that an author hands over piece by piece, with explanations in between.

The last piece returns, and reads names that only earlier pieces bind.
"""

import ast
from dataclasses import dataclass

_PLAIN = (ast.Assign, ast.AnnAssign, ast.For)


@dataclass(frozen=True, slots=True)
class Piece:
    """Statements, as far as names go."""

    code: str
    reads: frozenset[str]
    """Names that it reads before it binds them, if it does."""
    binds: frozenset[str]
    calls: frozenset[str]
    """The first names of what it calls: `step` in `step.Map(fn=f).apply(x)`."""
    is_plain: bool
    """Whether it consists of assignments and loops."""


def piece_of(tree: ast.Module, code: str) -> Piece:
    """Return what parsed code reads, binds and calls."""
    reads: set[str] = set()
    binds: set[str] = set()
    for statement in tree.body:
        # A loop, or a comprehension in the value, binds its own names.
        inner: ast.AST | None = statement
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            inner = statement.value
        reads |= _names(statement, ast.Load) - _names(inner or statement, ast.Store) - binds
        binds |= _names(statement, ast.Store)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return Piece(
        code,
        reads=frozenset(reads),
        binds=frozenset(binds),
        calls=frozenset(name for call in calls if (name := _root(call.func)) is not None),
        is_plain=all(isinstance(statement, _PLAIN) for statement in tree.body),
    )


def assembled(last: Piece, earlier: list[Piece]) -> str:
    """Return a program with the earlier pieces that bind what it reads, in their order.

    Only pieces that call what the program calls belong to it: `E0 = Stream(...)` may be a remark.
    """
    code, needed, calls = [last.code], set(last.reads), set(last.calls)
    for piece in reversed(earlier):
        is_alike = bool(piece.calls & calls) if calls else bool(piece.calls)
        # What a piece reads before it binds it is there without the piece: an input.
        new = piece.binds - piece.reads
        if piece.is_plain and is_alike and new & needed:
            code.insert(0, piece.code)
            needed = (needed - new) | piece.reads
            calls |= piece.calls
    return "\n".join(code)


def _names(tree: ast.AST, context: type[ast.expr_context]) -> set[str]:
    return {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }


def _root(function: ast.expr) -> str | None:
    while not isinstance(function, ast.Name):
        match function:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.Call(func=inner):
                function = inner
            case _:
                return None
    return function.id
