"""The program as a dataflow graph: loops unrolled, names resolved, every stream a value."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from hardwon.languages.step.primitives import Primitive

INPUT = -1
"""The node index of references to the program's input streams."""


class Ref(NamedTuple):
    """One stream: result `port` of a node, or input stream number `port` if node is INPUT."""

    node: int
    port: int


@dataclass(frozen=True, slots=True)
class Node:
    """One primitive applied to streams. Merge takes its list first and its index last."""

    primitive: Primitive
    inputs: tuple[Ref, ...]
    outputs: int
    line: int = field(default=0, compare=False)
    comments: tuple[str, ...] = field(default=(), compare=False)
    names: tuple[str | None, ...] = field(default=(), compare=False)
    """What the author called the results."""

    def results(self, index: int) -> tuple[Ref, ...]:
        """Return references to the results, given the node's own index."""
        return results_of(index, self.outputs)


@lru_cache(maxsize=1 << 14)
def results_of(index: int, count: int) -> tuple[Ref, ...]:
    """Return references to the results of a node that makes so many."""
    if count == 1:
        return (Ref(index, 0),)
    return tuple([Ref(index, port) for port in range(count)])


@dataclass(frozen=True, slots=True)
class Graph:
    """A program without spelling: nodes in an order in which they can run."""

    inputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Ref, ...]
    comments: tuple[str, ...] = field(default=(), compare=False)
    """Comments above the return statement."""
    line: int = field(default=0, compare=False)
    """Where the results are returned."""

    def uses(self) -> Counter[Ref]:
        """Return how often each stream is consumed. Returning one is not a consumption."""
        return Counter([ref for node in self.nodes for ref in node.inputs])

    def refs(self) -> Iterator[Ref]:
        """Yield every stream, inputs first."""
        for port in range(len(self.inputs)):
            yield Ref(INPUT, port)
        for index, node in enumerate(self.nodes):
            yield from node.results(index)

    def name(self, ref: Ref) -> str:
        """Return what the author called a stream, for messages."""
        if ref.node == INPUT:
            return self.inputs[ref.port]
        names = self.nodes[ref.node].names
        named = names[ref.port] if ref.port < len(names) else None
        return named or f"the result of {self.nodes[ref.node].primitive.name}"
