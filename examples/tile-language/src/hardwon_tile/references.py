"""Runs the code of tasks: in a confined process for the judge, or in a generated test.

The judge imports this module for its name only. A confined process may open no files but Python's
own, so whatever it needs is imported here, at the top.
"""

import ast
from array import array
from collections.abc import Callable, Mapping
from typing import Any

import torch

from hardwon.records import Task

Reply = tuple[dict[str, Any], list[bytes]]


def serve_task() -> Callable[[dict[str, Any], list[bytearray]], Reply]:
    """Return what answers a confined process's requests; see `Language.executor`."""
    torch.set_num_threads(1)
    return _answer


def _answer(request: dict[str, Any], data: list[bytearray]) -> Reply:
    """Run the references once per setting.

    The reply has one problem per setting, empty where there is none, and its data the results of
    those settings in float64, output by output.
    """
    del data
    problems: list[str] = []
    results: list[bytes] = []
    for sizes, inputs in request["settings"]:
        try:
            found = run_references(request["task"], sizes, inputs)
        except Exception as error:
            problems.append(f"{type(error).__name__}: {error}"[:1000])
        else:
            problems.append("")
            results += [array("d", item.flatten().tolist()).tobytes() for item in found]
    return {"problems": problems}, results


def run_references(
    task: Task, sizes: Mapping[str, int], inputs: Mapping[str, torch.Tensor]
) -> list[torch.Tensor]:
    """Execute a task's `global` code and its references on float64 inputs.

    Raises:
        ValueError: if the sizes break a constraint of the task.
        Exception: whatever the code raises.
    """
    space: dict[str, Any] = {"torch": torch, **sizes}
    exec(task.global_code, space)
    for constraint in task.constraints:
        if not eval(constraint, space):
            raise ValueError(f"the task does not allow these sizes: {constraint}")
    space["input_data"] = {name: tensor.double() for name, tensor in inputs.items()}
    return [_evaluated(output.data_transform[0], dict(space)).double() for output in task.outputs]


def _evaluated(block: str, space: dict[str, Any]) -> torch.Tensor:
    """Run statements and return the value of the expression that ends them."""
    *before, last = ast.parse(block.strip()).body
    assert isinstance(last, ast.Expr)
    exec(compile(ast.Module(before, []), "<reference>", "exec"), space)
    result: torch.Tensor = eval(compile(ast.Expression(last.value), "<reference>", "eval"), space)
    return result
