"""Programs on their way to the process that runs them: plain tuples, quick to send and to compare.

What a runner needs of a program is little: no names, no lines, and of the types only how many
dimensions every stream has.
"""

from collections.abc import Mapping
from typing import Any

from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.primitives import PRIMITIVES, Primitive
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.together import rank_with_draws
from hardwon.languages.step.types import Stream

Place = tuple[int, int]
"""A stream: the node that it comes from, or INPUT, and the port."""
WireNode = tuple[str, tuple[Any, ...], tuple[Place, ...], tuple[int, ...]]
"""Primitive, arguments, inputs, and the number of dimensions of every result."""
Program = tuple[tuple[WireNode, ...], tuple[Place, ...]]
"""Nodes and results."""


def to_program(typed: TypedGraph, *, together: bool = False) -> Program:
    """Return what a runner needs of a typed graph, if all draws run together or one does."""
    types: Mapping[Ref, Stream] = typed.types
    count = rank_with_draws if together else _dimensions
    nodes = tuple(
        (
            *_operation(node.primitive),
            tuple([(ref.node, ref.port) for ref in node.inputs]),
            tuple([count(types[ref]) for ref in node.results(index)]),
        )
        for index, node in enumerate(typed.graph.nodes)
    )
    return nodes, tuple([(ref.node, ref.port) for ref in typed.graph.outputs])


def _dimensions(stream: Stream) -> int:
    return len(stream.shape)


@IdentityMemo
def _operation(primitive: Primitive) -> tuple[str, tuple[Any, ...]]:
    return primitive.name, tuple([_argument(value) for _, value in primitive.arguments()])


def _argument(value: object) -> object:
    match value:
        case Function(name=name):
            return name
        case Dim(coefficient=coefficient, divisor=divisor, powers=powers):
            return (coefficient, divisor, powers)
    return value


def to_primitive(
    name: str, arguments: tuple[Any, ...], functions: tuple[Function, ...]
) -> Primitive:
    """Return the primitive that a wire node names."""
    by_name = {fn.name: fn for fn in functions}

    def read(value: object) -> object:
        match value:
            case str():
                return by_name[value]
            case (int(coefficient), int(divisor), tuple(powers)):
                return Dim(coefficient, divisor, powers)
        return value

    return PRIMITIVES[name](*map(read, arguments))
