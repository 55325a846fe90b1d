"""Builds dataflow graphs out of uses: derives the primitives that only move dimensions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hardwon.languages.step.dims import ONE, Dim, product
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import (
    Bufferize,
    Flatten,
    Primitive,
    Promote,
    Repeat,
    RuleError,
    Streamify,
    Zip,
)
from hardwon.languages.step.signature import Signature
from hardwon.languages.step.synthesis.values import Dims, base, buffer_dims, is_subsequence
from hardwon.languages.step.types import Component, Stream, components


class CannotAdaptError(Exception):
    """No sequence of shape primitives turns one stream into the other."""


@dataclass
class Builder:
    """A graph under construction, with the type of every stream."""

    signature: Signature
    sizes: Mapping[str, int]
    nodes: list[Node] = field(default_factory=list)
    types: dict[Ref, Stream] = field(default_factory=dict)
    _adapted: dict[tuple[Ref, Component | None, Dims], Ref] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for port, (_, stream) in enumerate(self.signature.inputs):
            self.types[Ref(INPUT, port)] = stream

    def fork(self) -> "Builder":
        """Return a copy that goes its own way."""
        return Builder(
            self.signature, self.sizes, list(self.nodes), dict(self.types), dict(self._adapted)
        )

    def add(self, primitive: Primitive, inputs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        """Append a node and return its results.

        Raises:
            CannotAdaptError: if the primitive does not accept its inputs.
        """
        try:
            results = primitive.infer(tuple(self.types[ref] for ref in inputs), self.sizes)
        except RuleError as error:
            raise CannotAdaptError(str(error)) from error
        node = Node(primitive, inputs, len(results))
        self.nodes.append(node)
        refs = node.results(len(self.nodes) - 1)
        self.types.update(zip(refs, results, strict=True))
        return refs

    def zipped(self, refs: tuple[Ref, ...]) -> Ref:
        """Zip streams, or return the only one."""
        return refs[0] if len(refs) == 1 else self.add(Zip(), refs)[0]

    def adapt(self, ref: Ref, component: Component | None, shape: Dims) -> Ref:
        """Return `ref` with the given element and exactly the given shape.

        `component` is None for tuples, whose elements stay as they are.

        Raises:
            CannotAdaptError: if shape primitives cannot do that.
        """
        key = (ref, component, shape)
        if key not in self._adapted:
            for primitive in adaptation(self.types[ref], component, shape):
                (ref,) = self.add(primitive, (ref,))
            self._adapted[key] = ref
        return self._adapted[key]

    def finish(self, outputs: tuple[Ref, ...]) -> Graph:
        """Return the graph of these results, without nodes that they do not need."""
        needed: set[int] = set()
        stack = [ref.node for ref in outputs if ref.node != INPUT]
        while stack:
            index = stack.pop()
            if index not in needed:
                needed.add(index)
                stack += [ref.node for ref in self.nodes[index].inputs if ref.node != INPUT]
        order = {index: place for place, index in enumerate(sorted(needed))}

        def moved(ref: Ref) -> Ref:
            return ref if ref.node == INPUT else Ref(order[ref.node], ref.port)

        nodes = tuple(
            replace(node, inputs=tuple(map(moved, node.inputs)))
            for index, node in enumerate(self.nodes)
            if index in needed
        )
        inputs = tuple(name for name, _ in self.signature.inputs)
        return Graph(inputs, nodes, tuple(map(moved, outputs)))


def adaptation(stream: Stream, component: Component | None, shape: Dims) -> tuple[Primitive, ...]:
    """Return the shape primitives that turn a stream into one with this element and shape.

    Raises:
        CannotAdaptError: if there are none.
    """
    if component is None or len(components(stream.dtype)) > 1:
        plan = _plan((), stream.shape, (), shape, whole=True)
    else:
        (item,) = components(stream.dtype)
        if base(item) != base(component):
            raise CannotAdaptError(f"{stream} has other elements than {component}")
        plan = _plan(buffer_dims(item), stream.shape, buffer_dims(component), shape, whole=False)
    return _shortened(stream, plan)


def _plan(
    buffer: Dims, stream: Dims, wanted_buffer: Dims, wanted_stream: Dims, *, whole: bool
) -> list[Primitive]:
    """Return primitives from buffer + stream to the wanted ones; `whole` elements stay closed."""
    wanted = wanted_buffer + wanted_stream
    dims = list(buffer + stream)
    plan: list[Primitive] = []
    if buffer + stream != wanted:
        if buffer:
            plan.append(Streamify())
        _drop_ones(dims, plan)
        _insert(dims, tuple(dim for dim in wanted if not dim.is_one), plan, whole=whole)
        _merge(dims, tuple(dim for dim in wanted if not dim.is_one), plan)
        _add_ones(dims, wanted, plan)
        if tuple(dims) != wanted:
            raise CannotAdaptError(f"{[*map(str, dims)]} does not become {[*map(str, wanted)]}")
        buffer = ()
    if len(buffer) > len(wanted_buffer):
        plan.append(Streamify())
        buffer = ()
    if len(wanted_buffer) > len(buffer):
        plan.append(Bufferize(len(wanted_buffer) - len(buffer)))
    return plan


def _drop_ones(dims: list[Dim], plan: list[Primitive]) -> None:
    while len(dims) > 1 and ONE in dims:
        at = dims.index(ONE)
        plan.append(Flatten((max(at, 1),)))
        del dims[at]


def _insert(dims: list[Dim], wanted: Dims, plan: list[Primitive], *, whole: bool) -> None:
    """Repeat elements so that every wanted dimension exists; products may stand for several."""
    present = tuple(dim for dim in dims if not dim.is_one)
    if not is_subsequence(present, wanted):
        return  # products are merged afterwards, anything else fails there
    missing: list[tuple[int, Dim]] = []
    source = 0
    for dim in wanted:
        if source < len(present) and present[source] == dim:
            source += 1
        else:
            missing.append((source, dim))
    if missing and not present:  # only a 1 is left, which has to stay outside
        for _, dim in reversed(missing):
            plan.append(Repeat(dim))
            dims.insert(0, dim)
        _drop_ones(dims, plan)
        return
    # From the outside in, so that positions further in stay valid.
    for position in sorted({at for at, _ in missing}, reverse=True):
        new = [dim for at, dim in missing if at == position]
        if position and whole:
            raise CannotAdaptError("the elements of a tuple stay closed")
        outermost = position == len(dims)
        if outermost:
            plan.append(Promote(len(dims)))
            dims.append(ONE)
        if position:
            plan.append(Bufferize(position))
        for dim in reversed(new):
            plan.append(Repeat(dim))
        if position:
            plan.append(Streamify())
        dims[position:position] = new
        if outermost:
            plan.append(Flatten((len(dims) - 1,)))
            dims.pop()


def _merge(dims: list[Dim], wanted: Dims, plan: list[Primitive]) -> None:
    """Flatten neighbours whose product is wanted."""
    if tuple(dims) == wanted:
        return
    for at, dim in enumerate(wanted):
        end = at + 1
        while end <= len(dims) and product(tuple(dims[at:end])) != dim:
            end += 1
        if end > len(dims):
            return
        if end - at > 1:
            plan.append(Flatten(tuple(range(at + 1, end))))
            dims[at:end] = [dim]


def _add_ones(dims: list[Dim], wanted: Dims, plan: list[Primitive]) -> None:
    for at, dim in enumerate(wanted):
        if dim.is_one and at <= len(dims) and (at == len(dims) or not dims[at].is_one):
            plan.append(Promote(at))
            dims.insert(at, ONE)


def _shortened(stream: Stream, plan: list[Primitive]) -> tuple[Primitive, ...]:
    """Leave out detours: two equal types with no Repeat between them hold the same data."""
    kept: list[Primitive] = []
    types = [stream]
    for primitive in plan:
        try:
            (result,) = primitive.infer((types[-1],), {})
        except RuleError as error:
            raise CannotAdaptError(str(error)) from error
        kept.append(primitive)
        types.append(result)
        for back in range(len(kept) - 1, -1, -1):
            if isinstance(kept[back], Repeat):
                break
            if types[back] == result:
                del kept[back:], types[back + 1 :]
                break
    return tuple(kept)


def element(items: tuple[Component, ...]) -> Component | None:
    """Return the only component, or None for a tuple."""
    return items[0] if len(items) == 1 else None
