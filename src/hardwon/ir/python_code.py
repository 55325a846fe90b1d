"""Parses the Python that task files and answers hold. Nothing is ever executed here."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from hardwon.ir.problems import shown

_LINE_IN_MESSAGE = re.compile(r" on line \d+| \(detected at line \d+\)")
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class CodeError:
    """Why a block of Python is not what it should be."""

    line: int | None
    """1-based line of the block; None where the parser gives none."""
    message: str


def parse_python(code: str) -> ast.Module | CodeError:
    """Parse statements; whatever the parser raises comes back as a value."""
    try:
        with warnings.catch_warnings():
            # An odd escape such as "\d" is the author's business, not an error of the file.
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except SyntaxError as error:
        # Lines are counted within the block there, which would confuse beside the file's line.
        message = _LINE_IN_MESSAGE.sub("", error.msg)
        return CodeError(error.lineno, f"not valid Python: {message}")
    except ValueError as error:
        return CodeError(None, f"not valid Python: {error}")
    except (RecursionError, MemoryError):
        return CodeError(None, "not valid Python: nested too deeply")


def check_module(code: str) -> CodeError | None:
    """Check code that runs as a module does; it may be empty."""
    tree = parse_python(code)
    if isinstance(tree, CodeError):
        return tree
    for returned in _returns(tree):
        return CodeError(returned.lineno, "expected statements outside a function, got `return`")
    return None


def check_function_body(code: str) -> CodeError | None:
    """Check the body of a function that hands back a value."""
    tree = parse_python(code)
    if isinstance(tree, CodeError):
        return tree
    if not tree.body:
        return CodeError(None, "expected the body of a Python function, got no statement")
    if not any(returned.value for returned in _returns(tree)):
        return CodeError(None, "expected a `return` with a value, got none")
    return None


def check_final_expression(code: str) -> CodeError | None:
    """Check statements whose last one is an expression, the block's value."""
    tree = parse_python(code)
    if isinstance(tree, CodeError):
        return tree
    if not tree.body:
        return CodeError(None, "expected an expression on the last line, got no statement")
    for returned in _returns(tree):
        return CodeError(returned.lineno, "expected a bare expression as the value, got `return`")
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        got = shown(ast.unparse(last).splitlines()[0])
        return CodeError(last.lineno, f"expected an expression on the last line, got {got}")
    return None


def check_expression(code: str) -> CodeError | None:
    """Check a single expression."""
    tree = parse_python(code)
    if isinstance(tree, CodeError):
        return tree
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return CodeError(None, f"expected one Python expression, got {shown(code)}")
    return None


def _returns(tree: ast.Module) -> Iterator[ast.Return]:
    """Yield the `return` statements that are not in a function of their own."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, _SCOPES):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))
