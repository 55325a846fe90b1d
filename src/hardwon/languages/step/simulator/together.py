"""Runs several draws of data as one: as an additional outermost dimension of every stream.

No primitive reaches beyond the dimensions that it names, so the draws stay apart. Routing is the
exception: what Partition sends has one outermost dimension of which only the data knows the length,
and there the tokens of all draws follow each other. Merge takes them out again in the same order,
so that this is right as long as nothing in between looks at that dimension as a whole.
"""

import ast
from collections.abc import Mapping

from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import Dim, symbol
from hardwon.languages.step.graph import Graph, Node, Ref
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.primitives import (
    Copy,
    Flatten,
    Identity,
    Merge,
    Partition,
    Primitive,
    Promote,
    Reshape,
)
from hardwon.languages.step.types import Stream
from hardwon.records import Task

_ROUTING = (Partition, Merge)
"""Without these, no length is up to the data, so that nothing can mix."""


def stay_apart(typed: TypedGraph) -> bool:
    """Whether draws that run as one do not mix."""
    graph = typed.graph
    if not any(isinstance(node.primitive, _ROUTING) for node in graph.nodes):
        return True
    return all(_keeps_apart(node, graph, typed.types) for node in graph.nodes)


@IdentityMemo
def rank_with_draws(stream: Stream) -> int:
    """Return how many dimensions a stream has if draws run as one."""
    return len(stream.shape) + (not _is_ragged(stream))


def _keeps_apart(node: Node, graph: Graph, types: Mapping[Ref, Stream]) -> bool:
    if isinstance(node.primitive, Merge):
        *parts, index = node.inputs
        return all(_is_sent(types[part], port, index, graph) for port, part in enumerate(parts))
    ragged = [types[ref] for ref in node.inputs if _is_ragged(types[ref])]
    if any(_is_dynamic(dim) for ref in node.inputs for dim in types[ref].shape[:-1]):
        return False
    return not ragged or not _touches_outermost(node.primitive, ragged[0].rank)


def _touches_outermost(primitive: Primitive, rank: int) -> bool:
    match primitive:
        case Promote(b=b):
            return b > rank
        case Flatten(L=positions) | Reshape(L=positions):
            return rank in positions
    return False


def _is_sent(part: Stream, port: int, index: Ref, graph: Graph) -> bool:
    """Whether a stream has the tokens that the same index has sent to this port."""
    dim = part.shape[-1]
    for name, _ in dim.powers:
        sent, at, node = name.partition("@")
        if at and sent == f"?{port}" and dim == symbol(name):
            sender = graph.nodes[int(node)]
            return _origin(sender.inputs[1], graph) == _origin(index, graph)
    return False


def _origin(ref: Ref, graph: Graph) -> Ref:
    while ref.node >= 0 and isinstance(graph.nodes[ref.node].primitive, Copy | Identity):
        ref = graph.nodes[ref.node].inputs[0]
    return ref


def _is_dynamic(dim: Dim) -> bool:
    return any(name.startswith("?") for name, _ in dim.powers)


def _is_ragged(stream: Stream) -> bool:
    return _is_dynamic(stream.shape[-1])


def reads_input_streams(task: Task) -> bool:
    """Whether task code may look at an input stream by `input_data`, and not only at parameters."""
    parameters = {parameter.name for parameter in task.parameters}
    for code in (task.global_code, *(fn.apply for fn in task.fns)):
        if code.count("input_data") != sum(
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Name)
            and node.value.id == "input_data"
            and isinstance(node.slice, ast.Constant)
            and node.slice.value in parameters
            for node in _nodes(code)
        ):
            return True
        if any(word in code for word in ("globals", "eval", "exec", "__")):
            return True
    return False


def _nodes(code: str) -> list[ast.AST]:
    # A body is not a module: it returns.
    indented = "\n".join(f" {line}" for line in code.splitlines()) or " pass"
    try:
        return list(ast.walk(ast.parse(f"def body():\n{indented}\n pass")))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
