"""By what functions and inputs are known: what they do, not what they are called.

The key of a function is its body with names of weights left out. So experience with one operator
carries over to others that use the same unit, and nothing depends on the names in a task file.
"""

import ast
import hashlib
import textwrap
from collections.abc import Mapping
from functools import lru_cache

from hardwon.languages.step.types import Buffer, Component, Multihot
from hardwon.records import FunctionSpec, Task

ROUTE = "route"
"""The consumer key of a multi-hot stream that routes tokens."""


@lru_cache(maxsize=4096)
def function_key(spec: FunctionSpec) -> str:
    """Return a key that functions with the same body share, whatever they are called."""
    try:
        tree = ast.parse(textwrap.dedent(spec.apply))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return hashlib.sha256(spec.apply.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "name"
    kind = "map" if spec.init is None else f"fold{spec.init}"
    return hashlib.sha256(f"{kind} {ast.dump(tree)}".encode()).hexdigest()[:16]


def function_keys(task: Task) -> Mapping[str, str]:
    """Return the key of every function of a task, by the name that programs use."""
    return {fn.func_name: function_key(fn) for fn in task.fns}


def input_key(component: Component) -> str:
    """Return the producer key of a component of an input stream."""
    match component:
        case Multihot() | Buffer(elem=Multihot()):
            return "input:multihot"
        case _:
            return "input"
