"""The normal form: programs that differ in spelling only have the same one.

Spelling is: names, comments, the order of independent statements, loops or straight lines, nested
or chained calls, an explicit Zip or a tuple, which of two equal Copies goes where.
"""

import hashlib
from collections import Counter

from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import Copy, Zip


def normal_form(graph: Graph) -> str:
    """Return the same text for two graphs exactly if they are the same program.

    Copies stand for the stream that they copy, because a program does not depend on which of two
    equal streams it consumes. What the law says of the program is part of the form: a program that
    lacks a Copy is not the same as one that has it.
    """
    plain = _without_copies(graph)
    flat, merged = _flat_inputs(plain)
    lines: list[str] = []
    numbers: dict[int, int] = {}
    digests: dict[int, str] = {}

    def name(ref: Ref) -> str:
        if ref.node == INPUT:
            return f"in{ref.port}"
        if ref.node in numbers:
            return f"v{numbers[ref.node]}.{ref.port}"
        return f"{digests[ref.node]}.{ref.port}"

    def line(index: int) -> str:
        return f"{plain.nodes[index].primitive} {' '.join(map(name, flat[index]))}"

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
            lines.append(line(index))
            stack.pop()

    for ref in plain.outputs:
        if ref.node != INPUT:
            visit(ref.node)
    lines.append(f"return {', '.join(map(name, plain.outputs))}")
    # What no result depends on has no order to number it by, so each such node is named by what it
    # computes: which of two equal ones another takes makes no difference.
    for index, node in enumerate(plain.nodes):
        if index not in numbers and not isinstance(node.primitive, Copy):
            digests[index] = hashlib.sha256(line(index).encode()).hexdigest()
    unused = sorted(f"unused {digests[index]}" for index in digests.keys() - merged)
    overused = sorted(f"{name(ref)} x{count}" for ref, count in _violations(graph, plain).items())
    return "\n".join([*lines, *unused, *overused])


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


def _flat_inputs(graph: Graph) -> tuple[list[tuple[Ref, ...]], set[int]]:
    """Return every node's inputs, and the Zips that have become a part of another one.

    A Zip of Zips is one Zip, since tuples are flat.
    """
    uses = Counter(
        ref for node in graph.nodes if not isinstance(node.primitive, Copy) for ref in node.inputs
    )
    flat: list[tuple[Ref, ...]] = []
    merged: set[int] = set()
    for node in graph.nodes:
        inputs: list[Ref] = []
        for ref in node.inputs:
            if (
                isinstance(node.primitive, Zip)
                and uses[ref] == 1
                and ref.node != INPUT
                and isinstance(graph.nodes[ref.node].primitive, Zip)
            ):
                inputs += flat[ref.node]
                merged.add(ref.node)
            else:
                inputs.append(ref)
        flat.append(tuple(inputs))
    return flat, merged


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
