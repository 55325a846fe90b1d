"""The normal form: programs that differ in spelling only have the same one.

Spelling is: names, comments, the order of independent statements, loops or straight lines, nested
or chained calls, an explicit Zip or a tuple, which of two equal Copies goes where.
"""

import hashlib
from collections import Counter

from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.primitives import Copy, Primitive, Zip

Inputs = list[tuple[Ref, ...]]
"""What every node of a graph takes."""


def normal_form(graph: Graph) -> str:
    """Return the same text for two graphs exactly if they are the same program.

    Copies stand for the stream that they copy, because a program does not depend on which of two
    equal streams it consumes. What the law says of the program is part of the form: a program that
    lacks a Copy is not the same as one that has it.
    """
    plain, outputs = _without_copies(graph)
    flat, merged = _flat_inputs(graph, plain)
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
        return f"{_text(graph.nodes[index].primitive)} {' '.join(map(name, flat[index]))}"

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

    for ref in outputs:
        if ref.node != INPUT:
            visit(ref.node)
    lines.append(f"return {', '.join(map(name, outputs))}")
    # What no result depends on has no order to number it by, so each such node is named by what it
    # computes: which of two equal ones another takes makes no difference.
    for index, node in enumerate(graph.nodes):
        if index not in numbers and not isinstance(node.primitive, Copy):
            digests[index] = hashlib.sha256(line(index).encode()).hexdigest()
    unused = sorted(f"unused {digests[index]}" for index in digests.keys() - merged)
    overused = sorted(f"{name(ref)} x{count}" for ref, count in _violations(graph, plain).items())
    return "\n".join([*lines, *unused, *overused])


@IdentityMemo
def _text(primitive: Primitive) -> str:
    return str(primitive)


def _without_copies(graph: Graph) -> tuple[Inputs, tuple[Ref, ...]]:
    """Return every node's inputs, and the results, with the streams that Copies are copies of."""
    source: dict[Ref, Ref] = {}
    inputs: Inputs = []
    for index, node in enumerate(graph.nodes):
        inputs.append(tuple([source.get(ref, ref) for ref in node.inputs]))
        if isinstance(node.primitive, Copy):
            source.update(dict.fromkeys(node.results(index), inputs[index][0]))
    return inputs, tuple([source.get(ref, ref) for ref in graph.outputs])


def _flat_inputs(graph: Graph, plain: Inputs) -> tuple[Inputs, set[int]]:
    """Return every node's inputs, and the Zips that have become a part of another one.

    A Zip of Zips is one Zip, since tuples are flat.
    """
    zips = {index for index, node in enumerate(graph.nodes) if isinstance(node.primitive, Zip)}
    if not any(ref.node in zips for index in zips for ref in plain[index]):
        return plain, set()
    uses = Counter(
        [
            ref
            for node, inputs in zip(graph.nodes, plain, strict=True)
            if not isinstance(node.primitive, Copy)
            for ref in inputs
        ]
    )
    flat: Inputs = []
    merged: set[int] = set()
    for index, given in enumerate(plain):
        inputs: list[Ref] = []
        for ref in given:
            if index in zips and ref.node in zips and uses[ref] == 1:
                inputs += flat[ref.node]
                merged.add(ref.node)
            else:
                inputs.append(ref)
        flat.append(tuple(inputs))
    return flat, merged


def _violations(graph: Graph, plain: Inputs) -> dict[Ref, int]:
    """Return the streams that the law finds overused, by the stream that they are copies of."""
    uses = graph.uses()
    if max(uses.values(), default=0) <= 1:
        return {}
    excess: dict[Ref, int] = {}
    origin: dict[Ref, Ref] = {}
    for node, inputs in zip(graph.nodes, plain, strict=True):
        origin.update(zip(node.inputs, inputs, strict=True))
    for ref, count in uses.items():
        if count > 1:
            excess[origin[ref]] = excess.get(origin[ref], 0) + count - 1
    return excess
