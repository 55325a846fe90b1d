"""The affine law, on streams rather than names, and Copy insertion, which makes it hold."""

from collections import Counter
from dataclasses import replace

from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import Copy
from hardwon.records import Diagnostic, Stage

RULE = "affine law: every stream is consumed by at most one primitive"


def affine_errors(graph: Graph) -> tuple[Diagnostic, ...]:
    """Return one error per stream that is consumed more than once, at the second consumption."""
    errors: list[Diagnostic] = []
    uses = graph.uses()
    if max(uses.values(), default=0) <= 1:
        return ()
    seen: Counter[Ref] = Counter()
    for node in graph.nodes:
        for ref in node.inputs:
            seen[ref] += 1
            if seen[ref] == 2:
                message = (
                    f"{graph.name(ref)} is consumed {uses[ref]} times, expected at most once;"
                    " use step.Copy() to make two streams of one"
                )
                errors.append(
                    Diagnostic(
                        stage=Stage.AFFINE, line=node.line or None, message=message, rule=RULE
                    )
                )
    return tuple(errors)


def insert_copies(graph: Graph) -> Graph:
    """Return the graph with Copy wherever a stream is consumed more than once.

    A stream that is consumed n times gets n - 1 Copies, placed right before its first consumer.
    Results do not change. A graph that is affine already comes back as it is.
    """
    uses = graph.uses()
    if all(count <= 1 for count in uses.values()):
        return graph
    nodes: list[Node] = []
    moved: dict[int, int] = {}
    copies: dict[Ref, list[Ref]] = {}

    def current(ref: Ref) -> Ref:
        return ref if ref.node == INPUT else Ref(moved[ref.node], ref.port)

    def consume(ref: Ref, line: int) -> Ref:
        """Return the stream that stands for the next consumption of `ref`."""
        if uses[ref] <= 1:
            return current(ref)
        if ref not in copies:
            copies[ref] = []
            rest = current(ref)
            base = graph.name(ref) if graph.name(ref).isidentifier() else None
            for number in range(uses[ref] - 1):
                last = number == uses[ref] - 2
                names = (
                    _copy_name(base, number),
                    _copy_name(base, number + 1) if last else _copy_name(base, number, "rest"),
                )
                nodes.append(Node(Copy(), (rest,), 2, line, names=names))
                copies[ref].append(Ref(len(nodes) - 1, 0))
                rest = Ref(len(nodes) - 1, 1)
            copies[ref].append(rest)
        return copies[ref].pop(0)

    for index, node in enumerate(graph.nodes):
        first = len(nodes)
        inputs = tuple(consume(ref, node.line) for ref in node.inputs)
        moved[index] = len(nodes)
        nodes.append(replace(node, inputs=inputs))
        if moved[index] > first:  # the author's comment stays on top of what it speaks of
            nodes[first] = replace(nodes[first], comments=node.comments)
            nodes[-1] = replace(nodes[-1], comments=())
    return replace(graph, nodes=tuple(nodes), outputs=tuple(map(current, graph.outputs)))


def _copy_name(base: str | None, number: int, suffix: str = "") -> str | None:
    if base is None:
        return None
    return f"{base}_{suffix}{number}" if suffix else f"{base}_{number}"
