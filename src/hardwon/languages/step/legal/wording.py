"""How statements are written: names for new streams, and tuples where streams are zipped."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hardwon.languages.step import syntax as s
from hardwon.languages.step.decompile import decompile
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import PRIMITIVES
from hardwon.languages.step.primitives.base import Inputs
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.signature import Signature

Names = Mapping[Ref, str]
"""What streams are called."""

_ZIP = "Zip"
_UNWRITTEN = "zipped"
"""The name of all streams that are written as a tuple, so that they use up no number."""


def statement_text(
    nodes: Sequence[Node], start: int, results: tuple[Ref, ...], names: Names, signature: Signature
) -> tuple[str, Names]:
    """Write the nodes from `start` on.

    Args:
        nodes: all nodes so far.
        start: the first one that is new.
        results: what is returned at the end; with none of them the text has no `return`.
        names: of all streams before `start`.
        signature: of the task.

    Returns:
        the text, and the names of all streams.
    """
    # To the new nodes everything before them is an input.
    before = [ref for ref, name in names.items() if name != _UNWRITTEN]
    moved = {ref: Ref(INPUT, port) for port, ref in enumerate(before)}
    new: list[Node] = []
    for index, node in enumerate(nodes[start:], start):
        inputs = tuple(moved[ref] for ref in node.inputs)
        hints = (_UNWRITTEN,) if _is_tuple(nodes, index) else ()
        moved |= {ref: Ref(index - start, ref.port) for ref in node.results(index)}
        new.append(replace(node, inputs=inputs, names=hints))
    part = Graph(
        tuple(names[ref] for ref in before), tuple(new), tuple(moved[ref] for ref in results)
    )
    *written, returned = decompile(part, signature).statements
    found = dict(names)
    for index, statement in enumerate(written, start):
        assert isinstance(statement, s.Assign)
        targets = _names(statement.targets[0])
        found |= zip(nodes[index].results(index), targets, strict=True)
    shown = (*written, returned) if results else tuple(written)
    return print_program(s.Program(_with_tuples(shown))), found


def program_text(graph: Graph, signature: Signature) -> str:
    """Return a program, by the names that its nodes have."""
    return print_program(s.Program(_with_tuples(decompile(graph, signature).statements)))


def named(nodes: Sequence[Node], names: Names) -> list[Node]:
    """Return the nodes with the names of their results."""
    return [
        replace(node, names=tuple(names[ref] for ref in node.results(index)))
        for index, node in enumerate(nodes)
    ]


def _is_tuple(nodes: Sequence[Node], index: int) -> bool:
    """Whether a node zips what the next one applies a function to."""
    if nodes[index].primitive.name != _ZIP or index + 1 == len(nodes):
        return False
    user = nodes[index + 1]
    return user.primitive.inputs is Inputs.ZIPPED and user.inputs == (Ref(index, 0),)


def _names(target: s.Target) -> tuple[str, ...]:
    match target:
        case s.Name(id=name):
            return (name,)
        case s.Targets(items=items):
            return tuple(name for item in items for name in _names(item))


def _with_tuples(statements: Sequence[s.Statement]) -> tuple[s.Statement, ...]:
    """Write streams as a tuple where they are zipped right before a function is applied to them."""
    kept: list[s.Statement] = []
    for statement in statements:
        match kept[-1:], statement:
            case (
                [
                    s.Assign(
                        targets=(s.Name(id=zipped),),
                        value=s.Apply(
                            receiver=s.Operator(primitive="Zip"),
                            arguments=(s.Sequence() as streams,),
                        ),
                    )
                ],
                s.Assign(
                    value=s.Apply(
                        receiver=s.Operator(primitive=primitive) as operator,
                        arguments=(s.Name(id=used),),
                    )
                ),
            ) if used == zipped and PRIMITIVES[primitive].inputs is Inputs.ZIPPED:
                kept[-1] = replace(statement, value=s.Apply(operator, (streams,)))
            case _:
                kept.append(statement)
    return tuple(kept)
