"""At which sizes and seeds a task's programs are checked."""

import ast
import itertools
import operator
from collections.abc import Callable, Mapping
from typing import Any

from hardwon.languages.protocol import Setting
from hardwon.records import Task

DEFAULT_SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
"""The benchmark's sizes; E has none until a task's `global` binds it."""

_OTHER_SIZES = ({"M": 4, "N": 3, "K": 5, "D": 8}, {"M": 3, "N": 6, "K": 4, "D": 10})
"""Sizes with other orders and parities than the default ones; the first that fits is used."""

_DEFAULT_DRAWS = 2
"""One draw of data lets wrong answers to a discrete task pass now and then, two rarely do."""


def check_settings(task: Task, seed: int) -> tuple[Setting, ...]:
    """Return the default sizes with several seeds, and other sizes that the task allows."""
    settings = [Setting({}, seed + draw) for draw in range(_DEFAULT_DRAWS)]
    for sizes in _OTHER_SIZES:
        if all(holds(constraint, {**DEFAULT_SIZES, **sizes}) for constraint in task.constraints):
            settings.append(Setting(sizes, seed + _DEFAULT_DRAWS))
            break
    return tuple(settings)


_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class ConstraintError(ValueError):
    """A constraint is not a comparison of sizes."""


def parse_constraint(text: str) -> ast.Compare:
    """Read a constraint such as `D % 2 == 0`.

    Raises:
        ConstraintError: if it is anything but a comparison of integer expressions over symbols.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConstraintError(
            f"expected a comparison such as `D % 2 == 0`, got {text!r}"
        ) from error
    allowed = (ast.Compare, ast.BinOp, ast.Name, ast.Constant, ast.Load, *_BINARY, *_COMPARE)
    for node in ast.walk(tree):
        integer = not isinstance(node, ast.Constant) or type(node.value) is int
        if not isinstance(node, allowed) or not integer:
            raise ConstraintError(
                f"expected integers, symbols, + - * // % and comparisons, got {text!r}"
            )
    if not isinstance(tree, ast.Compare):
        raise ConstraintError(f"expected a comparison such as `D % 2 == 0`, got {text!r}")
    return tree


def holds(constraint: str, sizes: Mapping[str, int]) -> bool:
    """Return whether a constraint holds; one about a symbol without a size is taken to hold."""
    tree = parse_constraint(constraint)

    def value(node: ast.expr) -> int:
        match node:
            case ast.Constant(value=int(number)):
                return number
            case ast.Name(id=name):
                return sizes[name.removesuffix("_value")]
            case ast.BinOp(left=left, op=op, right=right):
                return _BINARY[type(op)](value(left), value(right))
        raise ConstraintError(f"expected integers and symbols in {constraint!r}")

    try:
        numbers = [value(node) for node in (tree.left, *tree.comparators)]
    except (KeyError, ZeroDivisionError):
        return True
    pairs = itertools.pairwise(numbers)
    return all(
        _COMPARE[type(op)](left, right) for op, (left, right) in zip(tree.ops, pairs, strict=True)
    )
