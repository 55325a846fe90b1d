"""At which sizes and seeds a task's programs are checked."""

import ast
import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hardwon.languages.protocol import PLAIN, Setting
from hardwon.records import Task

DEFAULT_SIZES = {"M": 5, "N": 7, "K": 9, "D": 16}
"""The benchmark's sizes; E has none until a task's `global` binds it."""

TIES = "ties"
"""Few distinct values, a third of them zero; routing vectors alternate between few ones and many.
"""
LARGE = "large"
"""Large magnitudes of both signs; routing vectors with as many ones as there may be."""
SMALL = "small"
"""Small magnitudes, so that what is added to them shows."""
NEGATIVE = "negative"
"""No positive numbers; routing vectors with as few ones as there may be."""

_OTHER: tuple[tuple[Mapping[str, int], tuple[str, ...]], ...] = (
    ({"M": 1, "N": 1, "K": 1, "D": 1}, (PLAIN,)),
    ({"M": 4, "N": 4, "K": 4, "D": 4}, (PLAIN, TIES)),  # what is equal in size is not the same
    ({"M": 9, "N": 5, "K": 7, "D": 3}, (PLAIN, NEGATIVE)),  # distinct and odd
    ({"M": 8, "N": 11, "K": 13, "D": 24}, (PLAIN,)),  # all larger than by default
)
_DEFAULT_DRAWS = (PLAIN, PLAIN, TIES, LARGE, SMALL, NEGATIVE)
"""One draw of data lets wrong answers to a discrete task pass now and then, two rarely do."""
_FARTHEST = 4
"""By how much a size may be raised to fulfil a task's constraints."""


def check_settings(task: Task, seed: int) -> tuple[Setting, ...]:
    """Return the default sizes with several kinds of values, and other sizes that the task allows.

    Sizes that break one of the task's constraints are raised a little where that helps, and left
    out where it does not.
    """
    settings = [Setting({}, seed, _DEFAULT_DRAWS)]
    for number, (sizes, draws) in enumerate(_OTHER, start=1):
        allowed = _allowed(sizes, task.constraints)
        if allowed is not None:
            settings.append(Setting(allowed, seed + 100 * number, draws))
    return tuple(settings)


def _allowed(sizes: Mapping[str, int], constraints: Sequence[str]) -> Mapping[str, int] | None:
    """Return the nearest sizes, none smaller, under which all constraints hold."""
    if all(holds(constraint, sizes) for constraint in constraints):
        return sizes
    steps = itertools.product(range(_FARTHEST + 1), repeat=len(sizes))
    for raised in sorted(steps, key=sum):
        near = {name: size + by for (name, size), by in zip(sizes.items(), raised, strict=True)}
        if all(holds(constraint, near) for constraint in constraints):
            return near
    return None


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
