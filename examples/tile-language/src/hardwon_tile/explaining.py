"""What `hardwon explain` and reports show of a program."""

from collections.abc import Sequence

from hardwon.languages.inspection import AnnotatedLine, Annotation, FlowEdge, FlowNode
from hardwon.records import Diagnostic
from hardwon_tile.checking import REGISTERS, most_held, size_text
from hardwon_tile.syntax import Instruction


def annotation(
    impl: str, program: Sequence[Instruction], errors: Sequence[Diagnostic]
) -> Annotation:
    """Return a program's lines with what they make, and its graph of tiles."""
    made = {item.line: item for item in program if item.makes}
    lines = tuple(
        AnnotatedLine(
            number=number,
            text=line,
            streams=((made[number].first, size_text(made[number].size)),) if number in made else (),
            errors=tuple(error for error in errors if error.line == number),
        )
        for number, line in enumerate(impl.split("\n"), start=1)
    )
    if any(error.stage != "affine" for error in errors):
        return Annotation(lines, tuple(errors))
    facts = {
        "instructions": len(program),
        f"tiles held at a time (of {REGISTERS})": most_held(program),
    }
    return Annotation(lines, tuple(errors), *_graph(program), facts)


def _graph(program: Sequence[Instruction]) -> tuple[tuple[FlowNode, ...], tuple[FlowEdge, ...]]:
    """Return a box per instruction but `free`, and an edge per tile that is read."""
    sizes = {item.first: size_text(item.size) for item in program if item.makes}
    shown = [item for item in program if item.op != "free"]
    nodes = tuple(
        FlowNode(
            key=f"{item.op} {item.first}",
            kind={"load": "input", "store": "output"}.get(item.op, "step"),
            title={"load": ", ".join(item.operands), "store": item.first}.get(item.op, item.op),
            detail=item.operands[0] if item.op == "fill" else "",
            line=item.line,
            moves=item.op == "flip",
        )
        for item in shown
    )
    makers = {item.first: node.key for item, node in zip(shown, nodes, strict=True) if item.makes}
    edges = tuple(
        FlowEdge(makers[name], node.key, sizes[name])
        for item, node in zip(shown, nodes, strict=True)
        for name in item.reads
    )
    return nodes, edges
