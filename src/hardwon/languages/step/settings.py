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
    if all_hold(constraints, sizes):
        return sizes
    steps = itertools.product(range(_FARTHEST + 1), repeat=len(sizes))
    for raised in sorted(steps, key=sum):
        near = {name: size + by for (name, size), by in zip(sizes.items(), raised, strict=True)}
        if all_hold(constraints, near):
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
    """A constraint is not a condition on sizes."""


def parse_constraint(text: str) -> ast.expr:
    """Read a constraint such as `D % 2 == 0 and D >= 4`.

    Raises:
        ConstraintError: if it is anything but comparisons of integer expressions over symbols,
            joined by `and`, `or` and `not`.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        _check_condition(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConstraintError(
            "expected comparisons of sizes such as `D % 2 == 0`, made of integers, symbols and"
            f" + - * // %, joined by and, or, not; got {text!r}"
        ) from error
    return tree


def _check_condition(node: ast.expr) -> None:
    match node:
        case ast.BoolOp(values=parts):
            for part in parts:
                _check_condition(part)
        case ast.UnaryOp(op=ast.Not(), operand=part):
            _check_condition(part)
        case ast.Compare(left=left, ops=ops, comparators=others) if {*map(type, ops)} <= set(
            _COMPARE
        ):
            for side in (left, *others):
                _check_number(side)
        case _:
            raise ConstraintError("no condition")


def _check_number(node: ast.expr) -> None:
    match node:
        case ast.Constant(value=int(value)) if not isinstance(value, bool):
            pass
        case ast.Name():
            pass
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            _check_number(left)
            _check_number(right)
        case _:
            raise ConstraintError("no number")


def constrained(constraint: str) -> frozenset[str]:
    """Return the symbols that a constraint speaks of."""
    names = (node for node in ast.walk(parse_constraint(constraint)) if isinstance(node, ast.Name))
    return frozenset(_symbol(name.id) for name in names)


def holds(constraint: str, sizes: Mapping[str, int]) -> bool:
    """Return whether a constraint holds.

    It is taken to hold as long as that cannot be told: where the task's `global` has still to bind
    a symbol that it speaks of, or where it divides by zero.
    """
    tree = parse_constraint(constraint)
    try:
        return _is_met(tree, sizes)
    except (KeyError, ZeroDivisionError):
        return True


def all_hold(constraints: Sequence[str], sizes: Mapping[str, int]) -> bool:
    """Return whether all constraints hold, as far as that can be told."""
    return all(holds(constraint, sizes) for constraint in constraints)


def _is_met(node: ast.expr, sizes: Mapping[str, int]) -> bool:
    """Decide a condition that `parse_constraint` returned, or part of one."""
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_is_met(part, sizes) for part in parts)
        case ast.BoolOp(values=parts):
            return any(_is_met(part, sizes) for part in parts)
        case ast.UnaryOp(operand=part):
            return not _is_met(part, sizes)
        case ast.Compare(left=left, ops=ops, comparators=others):
            pairs = itertools.pairwise(_number(side, sizes) for side in (left, *others))
            return all(_COMPARE[type(op)](*pair) for op, pair in zip(ops, pairs, strict=True))
    raise ConstraintError(f"not a condition: {ast.unparse(node)}")


def _number(node: ast.expr, sizes: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int(number)):
            return number
        case ast.Name(id=name):
            return sizes[_symbol(name)]
        case ast.BinOp(left=left, op=op, right=right):
            return _BINARY[type(op)](_number(left, sizes), _number(right, sizes))
    raise ConstraintError(f"not a number: {ast.unparse(node)}")


def _symbol(name: str) -> str:
    """Return the symbol whose size a name stands for: `E_value` and `E` mean the same."""
    return name.removesuffix("_value")
