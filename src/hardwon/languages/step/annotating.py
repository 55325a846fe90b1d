"""Explains a program: the type of every stream at its line, and the dataflow graph."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hardwon.languages.inspection import AnnotatedLine, Annotation, FlowEdge, FlowNode
from hardwon.languages.step.affine import affine_errors
from hardwon.languages.step.checker import infer_types
from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.parser import ParseError, parse
from hardwon.languages.step.primitives import (
    Bufferize,
    Copy,
    Flatten,
    Identity,
    Partition,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    Streamify,
    Zip,
)
from hardwon.languages.step.primitives.base import argument_text
from hardwon.languages.step.reading import code_lines
from hardwon.languages.step.signature import Function, signature_of
from hardwon.languages.step.types import Stream, components, shape_text
from hardwon.records import Diagnostic, Task

_MOVERS = (
    Bufferize,
    Copy,
    Flatten,
    Identity,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    Streamify,
    Zip,
)
_DYNAMIC = re.compile(r"\?(\d+)@\d+")
UNKNOWN = "?"
_WIDE = 30
"""Longest line of a label in which a tuple still stands on one line."""


def annotate(task: Task, impl: str, sizes: Mapping[str, int]) -> Annotation:
    """Return everything that can be said of a program without running it."""
    signature = signature_of(task)
    try:
        program = parse(impl)
    except ParseError as error:
        return Annotation(_lines(impl, {}, error.diagnostics), error.diagnostics)
    elaboration = elaborate(program, signature, sizes)
    typing = infer_types(elaboration.graph, signature, sizes)
    law = affine_errors(elaboration.graph)
    errors = (*elaboration.errors, *typing.errors, *law)
    view = _View(elaboration.graph, typing.types, errors)
    used = {
        value.name
        for node in view.graph.nodes
        for _, value in node.primitive.arguments()
        if isinstance(value, Function)
    }
    functions = [fn.name for fn in signature.functions]
    calls = [node for at, node in enumerate(view.graph.nodes) if at not in view.implicit]
    return Annotation(
        lines=_lines(impl, view.streams_by_line(), errors),
        errors=errors,
        nodes=tuple(view.nodes(task)),
        edges=tuple(view.edges()),
        facts={
            "lines of code": code_lines(impl),
            "primitive calls": len(calls),
            "shape primitives": sum(node.primitive.reshapes for node in calls),
            "Copies missing": sum(n - 1 for n in view.graph.uses().values() if n > 1),
            "functions used": tuple(name for name in functions if name in used),
            "functions unused": tuple(name for name in functions if name not in used),
        },
    )


def _lines(
    impl: str,
    streams: Mapping[int, tuple[tuple[str, str], ...]],
    errors: tuple[Diagnostic, ...],
) -> tuple[AnnotatedLine, ...]:
    return tuple(
        AnnotatedLine(
            number,
            text,
            streams.get(number, ()),
            tuple(error for error in errors if error.line == number),
        )
        for number, text in enumerate(impl.splitlines(), start=1)
    )


@dataclass(frozen=True)
class _View:
    graph: Graph
    types: Mapping[Ref, Stream]
    errors: tuple[Diagnostic, ...]

    @property
    def implicit(self) -> frozenset[int]:
        """The Zips that nobody wrote: a tuple of streams was given where one is taken."""
        consumers: defaultdict[int, list[Node]] = defaultdict(list)
        for node in self.graph.nodes:
            for ref in node.inputs:
                consumers[ref.node].append(node)
        returned = {ref.node for ref in self.graph.outputs}
        return frozenset(
            index
            for index, node in enumerate(self.graph.nodes)
            if isinstance(node.primitive, Zip)
            and not any(node.names)
            and index not in returned
            and [reader.line for reader in consumers[index]] == [node.line]
        )

    def streams_by_line(self) -> dict[int, tuple[tuple[str, str], ...]]:
        """Return the name and type of every stream, by the line that makes it."""
        rows: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
        for index, node in enumerate(self.graph.nodes):
            if index in self.implicit:
                continue
            for ref in node.results(index):
                name = self.graph.name(ref) if self._named(ref) else f"({node.primitive.name})"
                rows[node.line].append((name, " ".join(self._type(ref))))
        return {line: tuple(row) for line, row in rows.items()}

    def _named(self, ref: Ref) -> bool:
        names = self.graph.nodes[ref.node].names
        return ref.port < len(names) and names[ref.port] is not None

    def _type(self, ref: Ref) -> tuple[str, ...]:
        """Return a stream's dtype and shape, or a question mark if an error hides them."""
        stream = self.types.get(ref)
        if stream is None:
            return (UNKNOWN,)
        shape = shape_text(stream.shape)
        return str(stream.dtype), _DYNAMIC.sub(r"?\1", shape) if self._routes_once else shape

    @property
    def _routes_once(self) -> bool:
        """Whether a dynamic dimension's number says where it comes from."""
        return sum(isinstance(node.primitive, Partition) for node in self.graph.nodes) <= 1

    def nodes(self, task: Task) -> Iterator[FlowNode]:
        """Yield the boxes: inputs, steps in order, results."""
        for port, name in enumerate(self.graph.inputs):
            yield FlowNode(f"in{port}", "input", name, "input")
        faulty = {error.line for error in self.errors if error.line is not None}
        for index, node in enumerate(self.graph.nodes):
            if index not in self.implicit:
                yield FlowNode(
                    f"step{index}",
                    "step",
                    node.primitive.name,
                    _arguments(node),
                    line=node.line or None,
                    faulty=node.line in faulty,
                    moves=isinstance(node.primitive, _MOVERS),
                )
        for position, _ in enumerate(self.graph.outputs):
            yield FlowNode(
                f"out{position}",
                "output",
                task.outputs[position].name,
                "result",
                line=self.graph.line or None,
                faulty=self.graph.line in faulty,
            )

    def edges(self) -> Iterator[FlowEdge]:
        """Yield the streams between the boxes."""
        for index, node in enumerate(self.graph.nodes):
            if index not in self.implicit:
                for ref in self._sources(node):
                    yield FlowEdge(_key(ref), f"step{index}", self._label(ref))
        for position, ref in enumerate(self.graph.outputs):
            yield FlowEdge(_key(ref), f"out{position}", self._label(ref))

    def _sources(self, node: Node) -> Iterator[Ref]:
        for ref in node.inputs:
            if ref.node in self.implicit:
                yield from self._sources(self.graph.nodes[ref.node])
            else:
                yield ref

    def _label(self, ref: Ref) -> str:
        """Return a stream's name and type in short lines."""
        stream = self.types.get(ref)
        named = ref.node != INPUT and self._named(ref)
        head = f"{self.graph.name(ref)}: " if named else ""
        dtype, *shape = self._type(ref)
        items = components(stream.dtype) if stream else ()
        if len(head) + len(dtype) <= _WIDE or len(items) < 2:
            return "\n".join([head + dtype, *shape])
        texts = list(map(str, items))
        rows = [f"[{texts[0]},", *(f"{text}," for text in texts[1:-1]), f"{texts[-1]}]"]
        return "\n".join([*([head.strip()] if head else []), *rows, *shape])


def _key(ref: Ref) -> str:
    return f"in{ref.port}" if ref.node == INPUT else f"step{ref.node}"


def _arguments(node: Node) -> str:
    """Return a primitive's arguments for a box: the function by its name alone."""
    return ", ".join(
        value.name if isinstance(value, Function) else f"{name}={argument_text(value)}"
        for name, value in node.primitive.arguments()
    )
