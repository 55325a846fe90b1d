"""At which sizes a generated file checks its operator."""

import ast
import itertools
from collections.abc import Mapping

from hardwon.languages.step.codegen.blocks import Block
from hardwon.languages.step.settings import DEFAULT_SIZES, ConstraintError, holds
from hardwon.records import Task

OTHER_SIZES = (
    {"M": 4, "N": 3, "K": 5, "D": 8},
    {"M": 3, "N": 6, "K": 4, "D": 10},
    {"M": 6, "N": 8, "K": 12, "D": 24},
)
"""They differ from the default ones, and from each other, in every symbol."""
MAX_SETTINGS = 3
VALUE_SUFFIX = "_value"


def value_name(symbol: str) -> str:
    """Return the name of the integer that stands for a symbol in task code."""
    return symbol + VALUE_SUFFIX


def size_settings(task: Task, setup: Block) -> list[Mapping[str, int]]:
    """Return the default sizes, and others that meet the task's constraints."""
    known = _literal_sizes(setup)
    others = (
        sizes
        for sizes in OTHER_SIZES
        if all(_surely_holds(constraint, sizes, known) for constraint in task.constraints)
    )
    return [DEFAULT_SIZES, *itertools.islice(others, MAX_SETTINGS - 1)]


def _surely_holds(constraint: str, sizes: Mapping[str, int], known: Mapping[str, int]) -> bool:
    """Whether a task is meant for these sizes; `known` are those that its set-up fixes.

    What cannot be told without running the task's code counts as no. `holds` counts it as yes,
    so it is asked for the opposite.
    """
    try:
        return not holds(f"not ({constraint.strip()}\n)", {**sizes, **known})
    except ConstraintError:
        return False


def _literal_sizes(setup: Block) -> dict[str, int]:
    """Return the sizes that the set-up fixes by `E_value = 3` or `ctx[E] = 3`."""
    sizes = {}
    for statement in setup.tree.body:
        match statement:
            case ast.Assign(targets=targets, value=ast.Constant(value=int(size))):
                for target in targets:
                    match target:
                        case ast.Name(id=name) if name.endswith(VALUE_SUFFIX):
                            sizes[name.removesuffix(VALUE_SUFFIX)] = size
                        case ast.Subscript(value=ast.Name(id="ctx"), slice=ast.Name(id=name)):
                            sizes[name] = size
    return sizes


def ctx_uses(setup: Block) -> tuple[set[str], bool]:
    """Return the symbols X of all `ctx[X] = ...`, and whether `ctx` is used in other ways."""
    uses = subscripts = 0
    stored = set()
    for node in ast.walk(setup.tree):
        match node:
            case ast.Name(id="ctx"):
                uses += 1
            case ast.Subscript(value=ast.Name(id="ctx"), slice=ast.Name(id=name), ctx=use):
                subscripts += 1
                if isinstance(use, ast.Store):
                    stored.add(name)
    return stored, uses > subscripts
