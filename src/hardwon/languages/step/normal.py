"""The normal form: programs that differ in spelling only have the same one.

Spelling is: names, comments, the order of independent statements, loops or straight lines, nested
or chained calls, an explicit Zip or a tuple, which of two equal Copies goes where.
"""

import hashlib
from functools import cache

from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import Copy, Zip


def normal_form(graph: Graph) -> str:
    """Return the same text for two graphs exactly if they are the same program.

    Copies stand for the stream that they copy, because a program does not depend on which of two
    equal streams it consumes. What the law says of the program is part of the form: a program that
    lacks a Copy is not the same as one that has it.
    """
    plain = _without_copies(graph)
    flat = _flat_inputs(plain)
    lines: list[str] = []
    numbers: dict[int, int] = {}

    def name(ref: Ref) -> str:
        return f"in{ref.port}" if ref.node == INPUT else f"v{numbers[ref.node]}.{ref.port}"

    def visit(root: int) -> None:
        stack = [root]
        while stack:
            index = stack[-1]
            if index in numbers:
                stack.pop()
                continue
            inputs = flat[index]
            waiting = [ref.node for ref in inputs if ref.node != INPUT and ref.node not in numbers]
            if waiting:
                stack += reversed(waiting)
                continue
            numbers[index] = len(numbers)
            lines.append(f"{plain.nodes[index].primitive} {' '.join(map(name, inputs))}")
            stack.pop()

    for ref in plain.outputs:
        if ref.node != INPUT:
            visit(ref.node)
    returned = ", ".join(map(name, plain.outputs))
    for index in _unused(plain, set(numbers)):
        visit(index)
    excess = sorted(f"{name(ref)} x{count}" for ref, count in _violations(graph, plain).items())
    return "\n".join([*lines, f"return {returned}", *excess])


def _without_copies(graph: Graph) -> Graph:
    source: dict[Ref, Ref] = {}
    for index, node in enumerate(graph.nodes):
        if isinstance(node.primitive, Copy):
            origin = source.get(node.inputs[0], node.inputs[0])
            source.update(dict.fromkeys(node.results(index), origin))
    nodes = tuple(
        Node(node.primitive, tuple(source.get(ref, ref) for ref in node.inputs), node.outputs)
        for node in graph.nodes
    )
    return Graph(graph.inputs, nodes, tuple(source.get(ref, ref) for ref in graph.outputs))


def _flat_inputs(graph: Graph) -> list[tuple[Ref, ...]]:
    """Return every node's inputs; a Zip of Zips is one Zip, since tuples are flat."""
    uses = graph.uses()
    flat: list[tuple[Ref, ...]] = []
    for node in graph.nodes:
        inputs: list[Ref] = []
        for ref in node.inputs:
            inner = (
                isinstance(node.primitive, Zip)
                and uses[ref] == 1
                and ref.node != INPUT
                and isinstance(graph.nodes[ref.node].primitive, Zip)
            )
            inputs += flat[ref.node] if inner else (ref,)
        flat.append(tuple(inputs))
    return flat


def _unused(graph: Graph, reached: set[int]) -> list[int]:
    """Return the nodes whose results nobody takes, apart from Copies, in an order without names."""

    @cache
    def digest(index: int) -> str:
        node = graph.nodes[index]
        parts = [str(node.primitive)]
        for ref in node.inputs:
            parts.append(f"in{ref.port}" if ref.node == INPUT else f"{digest(ref.node)}.{ref.port}")
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    for index in range(len(graph.nodes)):
        digest(index)  # in order of definition, so that the recursion stays shallow
    consumed = {
        ref.node
        for node in graph.nodes
        if not isinstance(node.primitive, Copy)
        for ref in node.inputs
    }
    sinks = [
        index
        for index, node in enumerate(graph.nodes)
        if index not in reached and index not in consumed and not isinstance(node.primitive, Copy)
    ]
    return sorted(sinks, key=digest)


def _violations(graph: Graph, plain: Graph) -> dict[Ref, int]:
    """Return the streams that the law finds overused, by the stream that they are copies of."""
    excess: dict[Ref, int] = {}
    origin: dict[Ref, Ref] = {}
    for index, node in enumerate(graph.nodes):
        for before, after in zip(node.inputs, plain.nodes[index].inputs, strict=True):
            origin[before] = after
    for ref, count in graph.uses().items():
        if count > 1:
            excess[origin[ref]] = excess.get(origin[ref], 0) + count - 1
    return excess
