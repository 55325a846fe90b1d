"""Random tasks of STeP and random dataflow graphs over all primitives, for Hypothesis."""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import product as choices
from math import inf, prod
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from hardwon.languages.step.checker import infer_types
from hardwon.languages.step.dims import Dim, parse_dim
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import (
    PRIMITIVES,
    Accum,
    Bufferize,
    Copy,
    Flatten,
    Map,
    Merge,
    Partition,
    Primitive,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    RuleError,
    Scan,
    Streamify,
)
from hardwon.languages.step.primitives.base import Inputs
from hardwon.languages.step.signature import Function, Signature, signature_of
from hardwon.languages.step.types import (
    Buffer,
    Component,
    Dtype,
    Multihot,
    Scalar,
    Stream,
    Tuple,
    components,
    element_dims,
    from_components,
    parse_component,
)
from hardwon.records import FunctionSpec, OutputSpec, Task, TensorSpec

Draw = Callable[[st.SearchStrategy[Any]], Any]

SIZES: tuple[Mapping[str, int], ...] = (
    {"M": 5, "N": 7, "K": 11, "D": 26, "E": 3},
    {"M": 11, "N": 3, "K": 7, "D": 26, "E": 5},
)
"""Generic sizes: no product of powers of these and of 2, the only prime in literals, is 1.

So two dimensions have the same value exactly if they are the same expression, and what the checker
decides on expressions can be decided on numbers instead. D is even, to be split by 2.
"""

MAX_TOKENS = 400
MAX_ENTRIES = 3000
MAX_NODES = 10
KINDS = tuple(dict.fromkeys(PRIMITIVES.values()))
ROUTED = 8
"""How long a dimension that only the data decides is taken to be, when sizes are limited."""


def examples(count: int) -> settings:
    """Return the settings of a property that tries this many examples."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize="CI" in os.environ,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


# Functions


def _is_multihot(item: Component) -> bool:
    return isinstance(item, Multihot) or (
        isinstance(item, Buffer) and isinstance(item.elem, Multihot)
    )


def _multihot_of(item: Component) -> Component | None:
    """Return the multi-hot type with the same data."""
    match item:
        case Buffer(elem=Scalar(), dims=(only,)):
            return Multihot(only)
        case Buffer(elem=Scalar(), dims=(first, *rest)):
            return Buffer(Multihot(first), tuple(rest))
    return None


def _numbers_of(item: Component) -> Component:
    """Return the numeric type with the same data."""
    dims = element_dims(item)
    return Buffer(Scalar(), dims) if dims else Scalar()


@lru_cache(maxsize=1024)
def library(dtype: Dtype) -> tuple[FunctionSpec, ...]:
    """Return functions that take this dtype: maps, and folds for which the order matters.

    None of their decisions can be tipped by rounding.
    """
    items = components(dtype)
    dims = [dim for item in items for dim in element_dims(item)]
    if not all(is_writable(dim) for dim in dims):
        return ()
    first, last = items[0], items[-1]
    number, multihot = _numbers_of(first), _multihot_of(first)
    found: list[tuple[str, str, tuple[Component, ...], tuple[float, ...] | None]] = [
        ("swap", "return [input[-1], input[0]]", (last, first), None),
        ("double", "return [input[0] * 2 - 1]", (number,), None),
        ("total", "return [input[0].sum() - input[-1].sum() * 0.5]", (Scalar(),), None),
        (
            "branch",
            "if input[0].max() > 0.3:\n    return [input[0] + 1]\nreturn [input[0] * 0.5]",
            (number,),
            None,
        ),
        ("decay", "return [state[0] * 0.5 + input[0]]", (number,), (0.0,)),
        ("top", "return [torch.maximum(state[0], input[0])]", (number,), (-inf,)),
        (
            "count",
            "return [input[-1], state[1] * 0.5 + input[0].sum()]",
            (last, Scalar()),
            (0.0, 1.0),
        ),
        (
            "choice",
            "if input[0].max() > 0.3:\n    return [input[0] - state[0]]\nreturn [state[0] * 0.5]",
            (number,),
            (1.0,),
        ),
    ]
    if len(items) > 1 and first == last:
        found.append(("minus", "return [input[0] - input[1]]", (number,), None))
    if multihot is not None:
        found.append(("hot", "return [(input[0] > 0.3).float()]", (multihot,), None))
    if _is_multihot(first):
        found.append(("flip", "return [1 - input[0]]", (first,), None))
        found.append(("union", "return [torch.maximum(state[0], input[0])]", (first,), (0.0,)))
    texts = tuple(map(str, items))
    slug = re.sub(r"\W+", "_", "_".join(texts).replace("*", "x")).strip("_")
    return tuple(
        FunctionSpec(
            name=name.title(),
            func_name=f"fn_{name}_{slug}",
            apply=body,
            init=init,
            input_dtype=texts,
            output_dtype=tuple(map(str, output)),
        )
        for name, body, output, init in found
    )


def function_of(spec: FunctionSpec) -> Function:
    """Return a function as primitives hold it."""
    return Function(
        spec.func_name,
        from_components(tuple(map(parse_component, spec.input_dtype))),
        from_components(tuple(map(parse_component, spec.output_dtype))),
        spec.is_fold,
    )


@lru_cache(maxsize=1024)
def _functions(dtype: Dtype, fold: bool) -> tuple[Function, ...]:
    return tuple(function_of(spec) for spec in library(dtype) if spec.is_fold == fold)


# Dimensions


def is_dynamic(dim: Dim) -> bool:
    """Whether only the data decides this dimension."""
    return any(name.startswith("?") for name in dim.symbols)


def is_writable(dim: Dim) -> bool:
    """Whether a task can declare this dimension."""
    return dim.is_product and not is_dynamic(dim)


def all_dims(stream: Stream) -> tuple[Dim, ...]:
    """Return the dimensions of a stream and of its elements."""
    inner = tuple(dim for item in components(stream.dtype) for dim in element_dims(item))
    return inner + stream.shape


def _size(dims: tuple[Dim, ...], sizes: Mapping[str, int]) -> int:
    names = {name for dim in dims for name in dim.symbols}
    known = {name: sizes.get(name, ROUTED) for name in names}
    return prod(dim.value(known) or 1 for dim in dims)


def is_small(stream: Stream, sizes: Mapping[str, int]) -> bool:
    """Whether the definition, which is slow, can handle the stream."""
    entries = sum(
        _size(element_dims(item) + stream.shape, sizes) for item in components(stream.dtype)
    )
    return _size(stream.shape, sizes) <= MAX_TOKENS and entries <= MAX_ENTRIES


_OUTER = tuple(map(parse_dim, ("M", "N", "K", "2", "1", "2*N", "D", "E", "M*N")))
_INNER = tuple(map(parse_dim, ("K", "N", "E", "D", "2*M")))
_BUFFERS = st.lists(st.sampled_from(_INNER), min_size=1, max_size=2).map(
    lambda dims: Buffer(Scalar(), tuple(dims))
)
_INDEX = Multihot(parse_dim("E"))
_ITEMS = st.one_of(
    st.just(Scalar()),
    st.just(Scalar()),
    _BUFFERS,
    st.just(_INDEX),
    st.sampled_from([Buffer(_INDEX, (dim,)) for dim in _INNER]),
)
_DTYPES = st.one_of(_ITEMS, _ITEMS, st.builds(lambda *items: Tuple(items), _ITEMS, _ITEMS))
_ARGUMENT_SIZES = tuple(map(parse_dim, ("2", "M", "K", "1", "N", "D", "M*N", "2*K", "E", "4")))


# Graphs


@dataclass(frozen=True)
class Scene:
    """A task and a typed program of it."""

    task: Task
    sizes: Mapping[str, int]
    graph: Graph
    types: Mapping[Ref, Stream]

    @property
    def signature(self) -> Signature:
        """The task as STeP sees it."""
        return signature_of(self.task)


Move = tuple[Primitive, tuple[Ref, ...]]


class Builder:
    """Grows a well-typed graph by one node at a time."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.sizes = draw(st.sampled_from(SIZES))
        self.inputs: list[TensorSpec] = []
        self.nodes: list[Node] = []
        self.types: dict[Ref, Stream] = {}
        shape = self.shape()
        if draw(st.integers(0, 2)):
            self.add_input(_INDEX, draw(st.sampled_from([shape[-1:], shape[-2:]])))
        for _ in range(draw(st.integers(1, 2))):
            self.add_input(draw(_DTYPES), draw(st.sampled_from([shape, shape[1:] or shape])))
        if draw(st.booleans()):
            self.add_input(draw(_DTYPES), self.shape())

    def shape(self) -> tuple[Dim, ...]:
        rank = self.draw(st.sampled_from([2, 1, 0]))
        dims = [self.draw(st.sampled_from(_OUTER)) for _ in range(rank + 1)]
        while _size(tuple(dims), self.sizes) > MAX_TOKENS // 2:
            dims.pop()
        return tuple(dims)

    def add_input(self, dtype: Dtype, shape: tuple[Dim, ...]) -> None:
        while not is_small(Stream(dtype, shape), self.sizes):
            shape = shape[:-1] or (parse_dim("2"),)
        items = components(dtype)
        routes = [_is_multihot(item) for item in items]
        low, high = self.draw(st.sampled_from([(0, 2), (1, 1), (0, 1), (1, 3)]))
        self.types[Ref(INPUT, len(self.inputs))] = Stream(dtype, shape)
        self.inputs.append(
            TensorSpec(
                name=f"E{len(self.inputs)}",
                dtype=tuple(map(str, items)),
                dims=tuple(map(str, shape)),
                data_gen=None if all(routes) else "torch.randn",
                min=low if any(routes) else None,
                max=high if any(routes) else None,
            )
        )

    def refs(self) -> list[Ref]:
        return list(self.types)

    def legal(self, move: Move) -> bool:
        """Whether a move is well-typed and small."""
        primitive, inputs = move
        try:
            results = primitive.infer(tuple(self.types[ref] for ref in inputs), self.sizes)
        except RuleError:
            return False
        return all(is_small(result, self.sizes) for result in results)

    def moves(self, primitive: type[Primitive]) -> list[Move]:
        return [move for move in self.candidates(primitive) if self.legal(move)]

    def candidates(self, primitive: type[Primitive]) -> Iterator[Move]:
        """Yield moves, most of them well-typed."""
        refs = self.refs()
        if primitive.inputs in (Inputs.TUPLE, Inputs.PAIR):
            made = Partition(parse_dim("E")) if primitive is Partition else primitive()
            yield from ((made, pair) for pair in choices(refs, refs))
            return
        if primitive is Merge:
            for index, ref in choices(self.indices(), refs):
                for fn in _functions(self.types[ref].dtype, fold=True):
                    yield Merge(fn), (*(ref,) * self.sizes["E"], index)
            return
        for ref in refs:
            yield from ((made, (ref,)) for made in self.made(primitive, self.types[ref]))

    def made(self, primitive: type[Primitive], stream: Stream) -> Iterator[Primitive]:
        """Yield the primitive with the arguments that may fit a stream."""
        ranks = range(1, stream.rank + 1)
        if primitive is Map:
            yield from map(Map, _functions(stream.dtype, fold=False))
        elif primitive is Accum:
            yield from (Accum(fn, b) for fn in _functions(stream.dtype, fold=True) for b in ranks)
        elif primitive is Scan:
            yield from (Scan(fn, b) for fn in _functions(stream.dtype, fold=True) for b in ranks)
        elif primitive is Promote:
            yield from (Promote(b) for b in range(stream.rank + 2))
        elif primitive is Flatten:
            spans = ((first, last) for last in ranks for first in range(1, last + 1))
            yield from (Flatten(tuple(range(first, last + 1))) for first, last in spans)
        elif primitive is Reshape:
            positions = range(stream.rank + 1)
            several = [(at,) for at in positions] + [(b, a) for b in positions for a in range(b)]
            yield from (Reshape(at, size) for at in several for size in _ARGUMENT_SIZES)
        elif primitive is Bufferize:
            yield from map(Bufferize, ranks)
        elif primitive is Repeat:
            yield from map(Repeat, _ARGUMENT_SIZES)
        else:
            yield primitive()

    def grow(self) -> None:
        """Add one random node, or several that route tokens to experts and back."""
        seldom = (Bufferize, Streamify, RepeatRef, "experts", "experts")
        kind = self.draw(st.sampled_from((*KINDS, *seldom)))
        kept = len(self.nodes)
        if kind == "experts":
            self.add_experts()
        elif kind is Merge:
            self.add_merge()
        else:
            self.add_one_of(self.moves(kind))
        if len(self.nodes) == kept:  # nothing of the kind fits
            kinds: list[type[Primitive]] = [Promote, Repeat, Map, Accum, Scan, Flatten, Bufferize]
            possible = [moves for moves in map(self.moves, kinds) if moves]
            self.add_one_of(self.draw(st.sampled_from(possible)))

    def add_one_of(self, moves: list[Move]) -> tuple[Ref, ...]:
        return self.add(*self.draw(st.sampled_from(moves))) if moves else ()

    def add(self, primitive: Primitive, inputs: tuple[Ref, ...]) -> tuple[Ref, ...]:
        hints = st.sampled_from(["x", None, "K", "zip", "E0", "E9", "__0"])
        comments = self.draw(st.sampled_from([(), (), ("the rows",), ("so that", "it fits")]))
        count = primitive.outputs(self.sizes)
        names = (self.draw(hints), *[None] * (count - 1)) if self.draw(st.booleans()) else ()
        self.nodes.append(Node(primitive, inputs, count, comments=comments, names=names))
        index = len(self.nodes) - 1
        results = self.nodes[-1].results(index)
        typing = infer_types(self.graph(()), _inputs_only(self.inputs, self.types), self.sizes)
        self.types.update({ref: typing.types[ref] for ref in results})
        return results

    def indices(self) -> list[Ref]:
        """Return the streams that can route tokens to E streams."""
        return [ref for ref, stream in self.types.items() if stream.dtype == _INDEX]

    def add_merge(self) -> None:
        """Merge any streams that are alike, which may run out of tokens."""
        moves = self.moves(Merge)
        if not moves:
            return
        merge, (first, *_, index) = self.draw(st.sampled_from(moves))
        kind = self.types[first]
        alike = [
            ref
            for ref, stream in self.types.items()
            if (stream.dtype, stream.shape[:-1]) == (kind.dtype, kind.shape[:-1])
        ]
        parts = [self.draw(st.sampled_from(alike)) for _ in range(self.sizes["E"])]
        self.add(merge, (*parts, index))

    def add_experts(self) -> None:
        """Partition, apply a function to every part, and merge: the common use of both."""
        parts = self.add_one_of(self.moves(Partition))
        if not parts:
            return
        index = self.nodes[parts[0].node].inputs[1]
        functions = _functions(self.types[parts[0]].dtype, fold=False)
        if functions:
            same = self.draw(st.sampled_from(functions)).output
            fitting = [fn for fn in functions if fn.output == same]
            parts = tuple(
                self.add(Map(self.draw(st.sampled_from(fitting))), (part,))[0] for part in parts
            )
        folds = _functions(self.types[parts[0]].dtype, fold=True)
        merges: list[Move] = [(Merge(fn), (*parts, index)) for fn in folds]
        self.add_one_of(list(filter(self.legal, merges)))

    def graph(self, outputs: tuple[Ref, ...]) -> Graph:
        names = tuple(spec.name for spec in self.inputs)
        return Graph(names, tuple(self.nodes), outputs)

    def scene(self, graph: Graph, functions: tuple[Function, ...] = ()) -> Scene:
        """Return the graph with a task that it is a program of; `functions` come on top."""
        used = (getattr(node.primitive, "fn", None) for node in graph.nodes)
        wanted = dict.fromkeys(fn for fn in (*used, *functions) if fn is not None)
        specs = {spec.func_name: spec for fn in wanted for spec in library(fn.input)}
        outputs = tuple(
            OutputSpec(
                name=f"S{at}",
                dtype=tuple(map(str, components(stream.dtype))),
                dims=tuple(map(str, stream.shape)),
                data_transform=tuple(
                    _zeros(element_dims(item) + stream.shape) for item in components(stream.dtype)
                ),
            )
            for at, stream in enumerate(self.types[ref] for ref in graph.outputs)
        )
        task = Task(
            test_name="random/task",
            global_code="\n".join(f"ctx[{name}] = {size}" for name, size in self.sizes.items()),
            inputs=tuple(self.inputs),
            fns=tuple(specs[fn.name] for fn in wanted),
            outputs=outputs,
        )
        types = {ref: self.types[ref] for ref in graph.refs()}
        return Scene(task, self.sizes, graph, types)


def _zeros(dims: tuple[Dim, ...]) -> str:
    factors = (re.sub(r"([A-Z])", r"\1_value", str(dim)) for dim in reversed(dims))
    return f"torch.zeros({', '.join(factors)})"


def _inputs_only(inputs: list[TensorSpec], types: Mapping[Ref, Stream]) -> Signature:
    named = tuple((spec.name, types[Ref(INPUT, port)]) for port, spec in enumerate(inputs))
    return Signature(named, (), (), frozenset(), frozenset())


@st.composite
def scenes(draw: Draw) -> Scene:
    """Draw a task and a well-typed program of it, which need not be affine."""
    builder = Builder(draw)
    for _ in range(draw(st.sampled_from(range(1, MAX_NODES)))):
        builder.grow()
    declarable = [
        ref for ref, stream in builder.types.items() if all(map(is_writable, all_dims(stream)))
    ]
    last = declarable[-6:]
    outputs = draw(st.lists(st.sampled_from(last), min_size=1, max_size=3))
    return builder.scene(builder.graph(tuple(outputs)))


# Programs that need not be well-typed


def _wild_argument(draw: Draw, name: str, functions: list[Function]) -> object:
    position = st.integers(-1, 4)
    if name == "fn":
        return draw(st.sampled_from(functions))
    if name in ("S", "n", "N"):
        return draw(st.sampled_from(_ARGUMENT_SIZES))
    if name == "L":
        return tuple(draw(st.lists(position, max_size=3)))
    return draw(position)


def _other_argument(draw: Draw, primitive: Primitive, functions: list[Function]) -> Primitive:
    """Return the primitive with one argument drawn afresh."""
    names = [field.name for field in fields(primitive)]
    if not names:
        return primitive
    name = draw(st.sampled_from(names))
    current = getattr(primitive, "fn", None)
    if current is not None and draw(st.booleans()):
        functions = [fn for fn in functions if fn.input == current.input]
    change: dict[str, Any] = {name: _wild_argument(draw, name, functions)}
    return replace(primitive, **change)


_COUNT = {
    Inputs.ONE: (1, 1),
    Inputs.ZIPPED: (1, 1),
    Inputs.PAIR: (2, 2),
    Inputs.TUPLE: (2, 3),
    Inputs.LIST_AND_INDEX: (2, 6),
}


@st.composite
def steps(draw: Draw) -> tuple[Scene, Node]:
    """Draw a well-typed program and one more node, which need not fit.

    The node is drawn freely, or fits but for one input or argument that is drawn afresh.
    """
    builder = Builder(draw)
    for _ in range(draw(st.sampled_from(range(1, MAX_NODES - 2)))):
        builder.grow()
    dtypes = dict.fromkeys((*(stream.dtype for stream in builder.types.values()), Scalar()))
    functions = [function_of(spec) for dtype in dtypes for spec in library(dtype)]
    refs = st.sampled_from(builder.refs())
    kind = draw(st.sampled_from(KINDS))
    moves = builder.moves(kind)
    if moves and draw(st.integers(0, 3)):
        primitive, inputs = draw(st.sampled_from(moves))
        if kind.parameters and draw(st.booleans()):
            primitive = _other_argument(draw, primitive, functions)
        else:
            at = draw(st.integers(0, len(inputs) - 1))
            dtype = builder.types[inputs[at]].dtype
            alike = [ref for ref, stream in builder.types.items() if stream.dtype == dtype]
            other = draw(st.one_of(st.sampled_from(alike), refs))
            inputs = (*inputs[:at], other, *inputs[at + 1 :])
    else:
        names = [parameter.name for parameter in kind.parameters]
        given: dict[str, Any] = {name: _wild_argument(draw, name, functions) for name in names}
        primitive = kind(**given)
        low, high = _COUNT[kind.inputs]
        inputs = tuple(draw(st.lists(refs, min_size=low, max_size=high)))
    fn = getattr(primitive, "fn", None)
    scene = builder.scene(builder.graph(()), () if fn is None else (fn,))
    return scene, Node(primitive, inputs, primitive.outputs(scene.sizes))


@st.composite
def changes(draw: Draw, scene: Scene) -> Graph:
    """Draw a change of a program: another argument, input, order of inputs, or result."""
    graph = scene.graph
    functions = list(scene.signature.functions)
    refs = list(graph.refs())
    if not graph.nodes or draw(st.integers(0, 4)) == 0:
        outputs = list(graph.outputs)
        outputs[draw(st.integers(0, len(outputs) - 1))] = draw(st.sampled_from(refs))
        return replace(graph, outputs=tuple(outputs))
    at = draw(st.integers(0, len(graph.nodes) - 1))
    node = graph.nodes[at]
    earlier = [ref for ref in refs if ref.node < at]
    kind = draw(st.integers(0, 2))
    if kind == 0 and functions:
        changed = replace(node, primitive=_other_argument(draw, node.primitive, functions))
    elif kind == 1:
        inputs = list(node.inputs)
        inputs[draw(st.integers(0, len(inputs) - 1))] = draw(st.sampled_from(earlier))
        changed = replace(node, inputs=tuple(inputs))
    else:
        changed = replace(node, inputs=tuple(draw(st.permutations(node.inputs))))
    return replace(graph, nodes=(*graph.nodes[:at], changed, *graph.nodes[at + 1 :]))


@st.composite
def reordered(draw: Draw, graph: Graph) -> Graph:
    """Draw the same graph with its nodes in another order in which they can run."""
    waiting = list(range(len(graph.nodes)))
    moved: dict[int, int] = {}
    nodes: list[Node] = []

    def current(ref: Ref) -> Ref:
        return ref if ref.node == INPUT else Ref(moved[ref.node], ref.port)

    while waiting:
        ready = [
            index
            for index in waiting
            if all(ref.node == INPUT or ref.node in moved for ref in graph.nodes[index].inputs)
        ]
        index = draw(st.sampled_from(ready))
        waiting.remove(index)
        node = graph.nodes[index]
        nodes.append(replace(node, inputs=tuple(map(current, node.inputs))))
        moved[index] = len(nodes) - 1
    return replace(graph, nodes=tuple(nodes), outputs=tuple(map(current, graph.outputs)))


@st.composite
def with_copies_swapped(draw: Draw, graph: Graph) -> Graph:
    """Draw the same graph with the two results of some Copies exchanged."""
    swapped = {
        index
        for index, node in enumerate(graph.nodes)
        if isinstance(node.primitive, Copy) and draw(st.booleans())
    }

    def other(ref: Ref) -> Ref:
        return Ref(ref.node, 1 - ref.port) if ref.node in swapped else ref

    nodes = tuple(replace(node, inputs=tuple(map(other, node.inputs))) for node in graph.nodes)
    return replace(graph, nodes=nodes, outputs=tuple(map(other, graph.outputs)))
