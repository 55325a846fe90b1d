"""How a task looks as a Python script: the pieces that a template cannot spell itself."""

import ast
import math
import textwrap
from collections.abc import Sequence

from hardwon.records import Task, TensorSpec


def dtype_text(components: Sequence[str]) -> str:
    """Return a dtype as an expression, several components as a list."""
    return components[0] if len(components) == 1 else f"[{', '.join(components)}]"


def dims_text(dims: Sequence[str]) -> str:
    """Return dimensions as a list."""
    return f"[{', '.join(dims)}]"


def number_text(value: float) -> str:
    """Return an entry of an initial state as an expression."""
    return f"{value:g}" if math.isfinite(value) else f'float("{value}")'


def drawn_text(tensor: TensorSpec) -> str:
    """Return how a tensor's values are drawn, as arguments."""
    if tensor.data_gen is not None:
        return f'data="{tensor.data_gen}"'
    return f"least_ones={tensor.min}, most_ones={tensor.max}"


def reference_text(task: Task) -> str:
    """Return the body of a function that computes the expected outputs."""
    lines: list[str] = []
    names: list[str] = []
    for output in task.outputs:
        type_text = f"{dtype_text(output.dtype)}, {dims_text(output.dims)}"
        lines.append(f"# {output.name}: stream({type_text})")
        for number, block in enumerate(output.data_transform):
            name = output.name if len(output.data_transform) == 1 else f"{output.name}_{number}"
            lines.append(_assigned(block, name))
            names.append(name)
    lines.append(f"return {', '.join(names)}")
    return "\n".join(lines)


def _assigned(block: str, name: str) -> str:
    """Return a block with the value of its last expression bound to a name."""
    block = textwrap.dedent(block).strip("\n")
    try:
        last = ast.parse(block).body[-1]
    except (SyntaxError, ValueError, IndexError, RecursionError, MemoryError):
        return block  # in another language than Python
    lines = block.split("\n")
    line = lines[last.lineno - 1]
    start = len(line.encode()[: last.col_offset].decode())
    lines[last.lineno - 1] = f"{line[:start]}{name} = {line[start:]}"
    return "\n".join(lines)
