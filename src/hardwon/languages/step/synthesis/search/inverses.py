"""Solving a function's body for one of its arguments, where it is plain elementwise arithmetic.

Whatever is solved for is confirmed by calling the function, so a body that is misread costs time
and nothing else.
"""

import ast
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

_MOST_CANCELLED = 1e5
"""By how much the terms of a sum may exceed the sum."""

Known = Sequence[torch.Tensor | None]
"""The arguments; None for the one to solve for."""


@dataclass(frozen=True, slots=True)
class Inverse:
    """A body as an expression of its arguments, solved for one of them."""

    expression: ast.expr
    argument: int

    def __call__(
        self, result: torch.Tensor, known: Known, constants: Mapping[str, object]
    ) -> torch.Tensor | None:
        """Return the argument that gives this result; None if that cannot be said.

        Args:
            result: of the function, elementwise.
            known: the other arguments, of shapes that broadcast with the result.
            constants: the names that the body may use.
        """
        try:
            return _solve(self.expression, self.argument, result, _Scope(known, constants))
        except (_UnreadableError, RuntimeError):  # shapes that do not broadcast
            return None


def inverse_of(body: str, argument: int) -> Inverse | None:
    """Return the inverse of a body that returns a list of one expression, if it can be read."""
    try:
        statements = ast.parse(textwrap.dedent(body)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match statements:
        case [ast.Return(value=ast.List(elts=[expression]))]:
            pass
        case _:
            return None
    uses = sum(_argument(node) == argument for node in ast.walk(expression))
    return Inverse(expression, argument) if uses == 1 else None


@dataclass(frozen=True, slots=True)
class _Scope:
    known: Known
    constants: Mapping[str, object]


class _UnreadableError(Exception):
    """The expression has a part that is not understood."""


_CALLS: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "neg": torch.neg,
    "negative": torch.neg,
    "reciprocal": torch.reciprocal,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "square": torch.square,
    "abs": torch.abs,
    "log1p": torch.log1p,
    "expm1": torch.expm1,
}
_UNDONE: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exp": torch.log,
    "log": torch.exp,
    "sqrt": lambda result: torch.where(result < 0, torch.nan, result.square()),
    "rsqrt": lambda result: torch.where(result < 0, torch.nan, 1 / result.square()),
    "neg": torch.neg,
    "negative": torch.neg,
    "reciprocal": torch.reciprocal,
    "sigmoid": torch.logit,
    "tanh": torch.atanh,
    "log1p": torch.expm1,
    "expm1": torch.log1p,
}


def _argument(node: ast.AST) -> int | None:
    """Return which argument `input[i]` stands for."""
    match node:
        case ast.Subscript(value=ast.Name(id="input"), slice=ast.Constant(value=int() as at)):
            return at
    return None


def _called(node: ast.expr) -> tuple[str, ast.expr] | None:
    """Return the function and the only argument of `torch.f(x)` or `x.f()`."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="torch"), attr=name), args=[inner], keywords=[]
        ):
            return name, inner
        case ast.Call(func=ast.Attribute(value=inner, attr=name), args=[], keywords=[]):
            return name, inner
    return None


def _widened(node: ast.expr) -> ast.expr | None:
    """Return x of `x[..., None]`, which adds dimensions that data has here already."""
    match node:
        case ast.Subscript(
            value=inner, slice=ast.Tuple(elts=[ast.Constant(value=value), *rest])
        ) if value is Ellipsis and all(
            isinstance(item, ast.Constant) and item.value is None for item in rest
        ):
            return inner
    return None


def _solve(node: ast.expr, argument: int, result: torch.Tensor, scope: _Scope) -> torch.Tensor:
    if _argument(node) == argument:
        return result
    if (inner := _widened(node)) is not None:
        return _solve(inner, argument, result, scope)
    if (call := _called(node)) is not None and call[0] in _UNDONE:
        return _solve(call[1], argument, _UNDONE[call[0]](result), scope)
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return _solve(inner, argument, -result, scope)
        case ast.BinOp(left=left, op=op, right=right):
            on_left = any(_argument(part) == argument for part in ast.walk(left))
            other = _value(right if on_left else left, scope)
            return _solve(
                left if on_left else right, argument, _undone(op, result, other, on_left), scope
            )
    raise _UnreadableError


def _undone(
    op: ast.operator, result: torch.Tensor, other: torch.Tensor, on_left: bool
) -> torch.Tensor:
    """Solve `x op other`, or `other op x`, for x."""
    match op:
        case ast.Add():
            return _unabsorbed(result - other, result)
        case ast.Sub():
            return _unabsorbed(result + other if on_left else other - result, result)
        case ast.Mult():
            return result / other
        case ast.Div():
            return result * other if on_left else other / result
    raise _UnreadableError


def _unabsorbed(terms: torch.Tensor, result: torch.Tensor) -> torch.Tensor:
    """Return terms of a sum, or NaN where they are so large that any small result fits them."""
    largest = terms.abs().reshape(len(terms), -1).amax(dim=1)
    allowed = _MOST_CANCELLED * result.abs().reshape(len(result), -1).amax(dim=1)
    good = (largest <= allowed).reshape(-1, *(1 for _ in terms.shape[1:]))
    return torch.where(good, terms, torch.nan)


def _value(node: ast.expr, scope: _Scope) -> torch.Tensor:
    """Return the value of an expression without the argument that is solved for."""
    at = _argument(node)
    if at is not None:
        known = scope.known[at] if 0 <= at < len(scope.known) else None
        if known is not None:
            return known
        raise _UnreadableError
    if (inner := _widened(node)) is not None:
        return _value(inner, scope)
    if (call := _called(node)) is not None and call[0] in _CALLS:
        return _CALLS[call[0]](_value(call[1], scope))
    match node:
        case ast.Constant(value=int() | float() as number):
            return torch.tensor(float(number), dtype=torch.float64)
        case ast.Name(id=name) if isinstance(scope.constants.get(name), int | float):
            return torch.tensor(float(scope.constants[name]), dtype=torch.float64)  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand, scope)
        case ast.BinOp(left=left, op=op, right=right):
            first, second = _value(left, scope), _value(right, scope)
            match op:
                case ast.Add():
                    return first + second
                case ast.Sub():
                    return first - second
                case ast.Mult():
                    return first * second
                case ast.Div():
                    return first / second
                case ast.Pow():
                    return first**second
    raise _UnreadableError
