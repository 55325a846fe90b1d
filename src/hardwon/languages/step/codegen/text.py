"""Pieces of Python text: calls and lists broken over lines, names, numbers, types."""

import ast
import math
import re
from collections.abc import Collection, Iterable, Sequence

from hardwon.records import OutputSpec, Task, TensorSpec

LINE_LENGTH = 100
INDENT = "    "

TYPE_NAMES = frozenset({"fp32", "Multihot", "Buffer", "Tile", "Tuple"})
_TYPE_NODES = (
    *(ast.Expression, ast.Call, ast.List, ast.Name, ast.Constant),
    *(ast.BinOp, ast.Mult, ast.Load),
)


def type_expression(text: str, prefix: str = "") -> str:
    """Return the Python expression of a type or dimension; it is written almost like one.

    Raises:
        ValueError: if the text is anything else.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        raise ValueError(f"expected a type or a dimension, got {text!r}") from None
    for node in ast.walk(tree):
        constructor = not isinstance(node, ast.Call) or ast.unparse(node.func) in TYPE_NAMES
        if not constructor or not isinstance(node, _TYPE_NODES):
            raise ValueError(f"expected a type or a dimension, got {text!r}")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in TYPE_NAMES:
            node.id = prefix + node.id
    return ast.unparse(tree)


def type_names(task: Task) -> list[str]:
    """Return the names in all types and dimensions of a task, in order."""
    tensors: list[TensorSpec | OutputSpec] = [*task.inputs, *task.parameters, *task.outputs]
    texts = [
        *(text for tensor in tensors for text in (*tensor.dtype, *tensor.dims)),
        *(text for fn in task.fns for text in (*fn.input_dtype, *fn.output_dtype)),
    ]
    names = (name for text in texts for name in re.findall(r"[^\W\d]\w*", text))
    return [name for name in names if name not in TYPE_NAMES]


def dims_text(dims: Sequence[str]) -> str:
    """Return the Python list of some dimensions.

    Raises:
        ValueError: if one of them is none.
    """
    return f"[{', '.join(map(type_expression, dims))}]"


def described(spec: TensorSpec | OutputSpec) -> str:
    """Return a stream's name, type and shape (innermost first) for a comment.

    Raises:
        ValueError: if it has parts that are no types or dimensions.
    """
    parts = ", ".join(map(type_expression, spec.dtype))
    dtype = parts if len(spec.dtype) == 1 else f"({parts})"
    return f"{spec.name}: stream of {dtype}, shape {dims_text(spec.dims)}"


def number_text(value: float) -> str:
    """Return the shortest Python expression of a number."""
    if not math.isfinite(value):
        return f'float("{value}")'
    return str(int(value)) if value == int(value) else repr(value)


def unused(name: str, taken: Collection[str]) -> str:
    """Return the name, with underscores behind it if it is taken."""
    while name in taken:
        name += "_"
    return name


def call_text(head: str, arguments: Iterable[str], brackets: tuple[str, str] = ("(", ")")) -> str:
    """Return `head(arguments)`, one argument a line if it is too long for one line."""
    opening, closing = brackets
    arguments = list(arguments)
    line = f"{head}{opening}{', '.join(arguments)}{closing}"
    if len(line) < LINE_LENGTH:
        return line
    indent = head[: len(head) - len(head.lstrip())]
    inner = [f"{indent}{INDENT}{argument}," for argument in arguments]
    return "\n".join([head + opening, *inner, indent + closing])


def list_text(head: str, items: Iterable[str]) -> str:
    """Return `head=[items],` for items that bring their own indentation."""
    lines = [f"{item}," for item in items]
    indent = head[: len(head) - len(head.lstrip())]
    return "\n".join([f"{head}=[", *lines, f"{indent}],"]) if lines else f"{head}=[],"
