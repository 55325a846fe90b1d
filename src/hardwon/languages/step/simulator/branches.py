"""Rewrites decisions of a body into selections, so that it can work on a whole batch.

`if c: return a` followed by `return b` becomes `return _select(c, a, b)`: both sides are computed,
and every element takes its own. That is the same as the decision as long as c says something of
each element separately, which `Selector` checks whenever it is used.
"""

import ast
import copy
import textwrap
from collections.abc import Sequence

import torch

from hardwon.languages.step.semantics.base import RunError

SELECT = "_select"
"""The name under which a rewritten body finds its `Selector`."""


class Selector:
    """Selects between two results element by element."""

    def __init__(self) -> None:
        self.batch = 0
        """The size of the batch, set before every use."""

    def __call__(self, condition: object, yes: object, no: object) -> object:
        """Return `yes` where the condition holds and `no` elsewhere.

        Raises:
            RunError: if the condition does not have exactly one value per element.
        """
        if isinstance(condition, bool):
            return yes if condition else no
        if not isinstance(condition, torch.Tensor):
            raise RunError("a decision over something other than a tensor")
        if condition.shape[:1] != (self.batch,) or condition.numel() != self.batch:
            raise RunError("a decision that is not made element by element")
        if isinstance(yes, list | tuple) and isinstance(no, list | tuple):
            if len(yes) != len(no):
                raise RunError("branches with different numbers of results")
            return [self._pick(condition, a, b) for a, b in zip(yes, no, strict=True)]
        return self._pick(condition, yes, no)

    @staticmethod
    def _pick(condition: torch.Tensor, yes: object, no: object) -> torch.Tensor:
        if not all(isinstance(side, torch.Tensor | int | float) for side in (yes, no)):
            raise RunError("branches that are no tensors")
        tensors = (torch.as_tensor(yes), torch.as_tensor(no))
        return torch.where(condition.to(torch.bool), *tensors)


class _NotRewritableError(Exception):
    """A body does more than assign names, decide and return."""


def without_branches(body: str) -> list[ast.stmt] | None:
    """Return the statements of a body with selections for decisions.

    None if the body holds no decision, or anything that cannot be rewritten with certainty.
    """
    statements = ast.parse(textwrap.dedent(body)).body
    if not any(isinstance(node, ast.If | ast.IfExp) for s in statements for node in ast.walk(s)):
        return None
    try:
        return _block(statements)
    except _NotRewritableError:
        return None


def _block(statements: Sequence[ast.stmt]) -> list[ast.stmt]:
    """Rewrite assignments that end in one return."""
    found: list[ast.stmt] = []
    for at, statement in enumerate(statements):
        match statement:
            case ast.Assign(targets=[ast.Name()]):
                found.append(_Expressions().visit(copy.deepcopy(statement)))
            case ast.Return(value=value) if value is not None:
                found.append(ast.Return(_Expressions().visit(copy.deepcopy(value))))
                return found
            case ast.If(test=test, body=body, orelse=orelse):
                rest = [*orelse, *statements[at + 1 :]]
                yes, no = _only_value(body), _only_value(rest)
                found.append(ast.Return(_selection(test, yes, no)))
                return found
            case _:
                raise _NotRewritableError
    raise _NotRewritableError


def _only_value(statements: Sequence[ast.stmt]) -> ast.expr:
    """Return what a branch returns; names that it assigns itself would leak into the other one."""
    match _block(statements):
        case [ast.Return(value=value)] if value is not None:
            return value
    raise _NotRewritableError


def _selection(test: ast.expr, yes: ast.expr, no: ast.expr) -> ast.expr:
    condition = _Expressions().visit(copy.deepcopy(test))
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        raise _NotRewritableError
    if isinstance(test.ops[0], ast.In | ast.NotIn | ast.Is | ast.IsNot):
        raise _NotRewritableError
    return ast.Call(ast.Name(SELECT, ast.Load()), [condition, yes, no], [])


class _Expressions(ast.NodeTransformer):
    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        return _selection(node.test, self.visit(node.body), self.visit(node.orelse))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        raise _NotRewritableError

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        raise _NotRewritableError
