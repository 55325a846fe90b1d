"""Replays a typed program with one edit. Where the edit changes a shape, later steps are adapted.

Without repair most edits would be caught by the types. Repeating, flattening or re-splitting the
changed stream makes a program that type-checks and that only the functional check can refuse.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import (
    Bufferize,
    Copy,
    Flatten,
    Primitive,
    Repeat,
    RepeatRef,
    Reshape,
    Streamify,
)
from hardwon.languages.step.signature import Function, Signature
from hardwon.languages.step.synthesis.builder import Builder, CannotAdaptError, element
from hardwon.languages.step.synthesis.calls import Arguments, Call
from hardwon.languages.step.synthesis.values import Fit, Value, buffer_dims, fits, full_dims
from hardwon.languages.step.types import Buffer, Stream, components


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one node, or of the results if `node` is None. References are the original's.

    Exactly one of the other fields is set.
    """

    node: int | None
    primitive: Primitive | None = None
    """Another primitive on the same inputs."""
    inputs: tuple[Ref, ...] | None = None
    """Other inputs (or results, if `node` is None)."""
    bypass: Ref | None = None
    """The stream that takes the place of the node's result."""
    again: bool = False
    """Apply the node to its own result as well."""
    call: Function | None = None
    """Another function, of whatever type, on the node's only input."""
    insert: tuple[int, Function] | None = None
    """A position among the inputs, and a function that is applied to that input first."""
    order: tuple[int, ...] | None = None
    """Which result takes the place of which."""
    misaligned: bool = False
    """Repeat the stream as a whole instead of each element, and pretend it were the same."""


@dataclass(frozen=True)
class Rewriter:
    """Rewrites one plain program (without Copy)."""

    signature: Signature
    sizes: Mapping[str, int]
    graph: Graph
    types: Mapping[Ref, Stream]

    @classmethod
    def of(cls, typed: TypedGraph, signature: Signature, sizes: Mapping[str, int]) -> "Rewriter":
        """Prepare; the types are those of a builder, which does not number dynamic dimensions."""
        graph = without_copies(typed.graph)
        builder = Builder(signature, sizes)
        for node in graph.nodes:
            builder.add(node.primitive, node.inputs)
        return cls(signature, sizes, graph, builder.types)

    def apply(self, edit: Edit) -> Graph:
        """Return the edited program, without Copy and without steps that nothing needs.

        Raises:
            CannotAdaptError: if no repair makes it type-check.
        """
        builder = Builder(self.signature, self.sizes)
        moved = {Ref(INPUT, port): Ref(INPUT, port) for port in range(len(self.graph.inputs))}
        for index, node in enumerate(self.graph.nodes):
            edited = edit if edit.node == index else None
            wanted = node.inputs
            given = edited.inputs if edited and edited.inputs else wanted
            refs = tuple(
                self._fitted(builder, moved[now], self.types[before])
                for now, before in zip(given, wanted, strict=True)
            )
            results = self._results(builder, index, refs, edited, moved)
            for ref in results:
                if ref.node != INPUT and not builder.nodes[ref.node].names:
                    builder.nodes[ref.node] = replace(builder.nodes[ref.node], names=node.names)
            moved.update(zip(node.results(index), results, strict=True))
        returned = edit.inputs if edit.node is None and edit.inputs else self.graph.outputs
        outputs = tuple(
            self._fitted(builder, moved[ref], declared)
            for ref, declared in zip(returned, self.signature.outputs, strict=True)
        )
        return builder.finish(outputs)

    def _results(
        self,
        builder: Builder,
        index: int,
        refs: tuple[Ref, ...],
        edit: Edit | None,
        moved: Mapping[Ref, Ref],
    ) -> tuple[Ref, ...]:
        node = self.graph.nodes[index]
        if edit is None:
            return builder.add(node.primitive, refs)
        if edit.bypass is not None:
            return (moved[edit.bypass],)
        if edit.call is not None:
            return (called(builder, edit.call, refs[0]),)
        if edit.misaligned:
            return (self._repeated_whole(builder, refs[0], self.types[Ref(index, 0)]),)
        if edit.insert is not None:
            at, function = edit.insert
            made = called(builder, function, refs[at])
            fitted = self._fitted(builder, made, self.types[node.inputs[at]])
            refs = (*refs[:at], fitted, *refs[at + 1 :])
        results = builder.add(edit.primitive or node.primitive, refs)
        if edit.again:
            (before,) = node.inputs
            fitted = self._fitted(builder, results[0], self.types[before])
            return builder.add(node.primitive, (fitted,))
        if edit.order is not None:
            return tuple(results[port] for port in edit.order)
        return results

    def _fitted(self, builder: Builder, ref: Ref, wanted: Stream) -> Ref:
        """Return a stream of the wanted type that is made from `ref`."""
        found = builder.types[ref]
        if _same_but_for_data(found, wanted):
            return ref
        items = components(wanted.dtype)
        try:
            result = builder.adapt(ref, element(items), wanted.shape)
        except CannotAdaptError:
            result = reinterpret(builder, ref, wanted)
        if not _same_but_for_data(builder.types[result], wanted):
            raise CannotAdaptError(f"{found} does not become {wanted}")
        return result

    def _repeated_whole(self, builder: Builder, ref: Ref, wanted: Stream) -> Ref:
        items = components(wanted.dtype)
        outside = (*wanted.shape[1:], wanted.shape[0])
        return reinterpret(builder, builder.adapt(ref, element(items), outside), wanted)


def called(builder: Builder, function: Function, ref: Ref) -> Ref:
    """Return a function's result on a stream, which provides all of its inputs; folds are scanned.

    Raises:
        CannotAdaptError: if the stream does not fit.
    """
    value = Value(ref, builder.types[ref], "", 0)
    wanted = components(function.input)
    picked: list[Fit] = []
    while len(wanted):
        fit = next(fits(value, wanted), None)
        if fit is None:
            raise CannotAdaptError(f"{function.name} does not take {value.stream}")
        picked.append(fit)
        wanted = wanted[fit.width :]
    arguments = Arguments(tuple(picked))
    (dims, *_) = arguments.alignments()
    if not function.is_fold:
        return Call(function, arguments, dims).build(builder)
    if not dims:
        raise CannotAdaptError("nothing to fold over")
    return Call(function, arguments, dims, "Scan", 1).build(builder)


def reinterpret(builder: Builder, ref: Ref, wanted: Stream) -> Ref:
    """Return the entries of a stream in the order they have, under other dimensions.

    That is what a wrong Flatten and Reshape do: [N, M] becomes [M, N] without being transposed.

    Raises:
        CannotAdaptError: if the dimensions are not the same ones, or the elements stay closed.
    """
    found = builder.types[ref]
    if len(components(found.dtype)) > 1 or len(components(wanted.dtype)) > 1:
        raise CannotAdaptError("the elements of a tuple stay closed")
    (item,), (target,) = components(found.dtype), components(wanted.dtype)
    if sorted(map(str, full_dims(item, found.shape))) != sorted(
        map(str, full_dims(target, wanted.shape))
    ):
        raise CannotAdaptError("other dimensions")
    if isinstance(item, Buffer):
        (ref,) = builder.add(Streamify(), (ref,))
    rank = builder.types[ref].rank
    if rank:
        (ref,) = builder.add(Flatten(tuple(range(1, rank + 1))), (ref,))
    inner = buffer_dims(target)
    for position, dim in enumerate((inner + wanted.shape)[:-1]):
        (ref,) = builder.add(Reshape((position,), dim), (ref,))
    if inner:
        (ref,) = builder.add(Bufferize(len(inner)), (ref,))
    return ref


def _same_but_for_data(one: Stream, other: Stream) -> bool:
    """Whether two types are equal, whatever length the data decides for routed streams."""

    def shape(stream: Stream) -> list[Dim | None]:
        return [None if is_dynamic(dim) else dim for dim in stream.shape]

    return one.dtype == other.dtype and shape(one) == shape(other)


def is_dynamic(dim: Dim) -> bool:
    """Whether only the data decides a dimension."""
    return any(symbol.startswith("?") for symbol in dim.symbols)


def repeats(primitive: Primitive) -> bool:
    """Whether a primitive inserts an innermost dimension by repeating elements."""
    return isinstance(primitive, Repeat | RepeatRef)


def without_copies(graph: Graph) -> Graph:
    """Return the same program with every Copy's results replaced by the stream that it copies."""
    source: dict[Ref, Ref] = {
        Ref(INPUT, port): Ref(INPUT, port) for port in range(len(graph.inputs))
    }
    kept: list[Node] = []
    for index, node in enumerate(graph.nodes):
        if isinstance(node.primitive, Copy):
            source.update(dict.fromkeys(node.results(index), source[node.inputs[0]]))
            continue
        for ref in node.results(index):
            source[ref] = Ref(len(kept), ref.port)
        kept.append(replace(node, inputs=tuple(source[ref] for ref in node.inputs)))
    return replace(graph, nodes=tuple(kept), outputs=tuple(source[ref] for ref in graph.outputs))
