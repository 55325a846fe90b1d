"""The definition of STeP: what every primitive means, one token after the other.

A stream is a sequence of tokens and a shape that says how they are counted: `[K, N]` counts K
tokens, N times over. So the shape primitives leave the tokens alone, a fold runs through
neighbours, and routing hands out runs of neighbours.

Nothing here is fast, and nothing is taken from the type rules: sizes are numbers, and every step
checks what it needs on the data at hand. That makes this page the yardstick for both `primitives`
and the whole-tensor twins in this folder. It never judges a program.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import torch

from hardwon.languages.step.dims import Dim, integer
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.primitives import (
    Accum,
    Bufferize,
    Copy,
    Flatten,
    Identity,
    Map,
    Merge,
    Partition,
    Primitive,
    Promote,
    Repeat,
    RepeatRef,
    Reshape,
    Scan,
    Streamify,
    Zip,
)
from hardwon.languages.step.types import (
    Buffer,
    Component,
    Dtype,
    Multihot,
    Scalar,
    Tile,
    components,
    element_dims,
    from_components,
)

Token = tuple[torch.Tensor, ...]
"""One element of a stream: one tensor per component."""


class DefinitionError(Exception):
    """The language has no meaning for this step."""


class DataError(DefinitionError):
    """The types of a step fit, but its data does not: routing asks for what is not there."""


@dataclass(frozen=True, slots=True)
class TokenStream:
    """A stream with its contents."""

    dtype: Dtype
    """With numbers for all dimensions, as made by `at_sizes`."""
    shape: tuple[int, ...]
    """Innermost first; the innermost dimension counts fastest."""
    tokens: tuple[Token, ...]

    @property
    def rank(self) -> int:
        """The number of dimensions that have another one around them."""
        return len(self.shape) - 1

    def runs(self, b: int) -> list[tuple[Token, ...]]:
        """Return the tokens of the innermost b dimensions, once per index of the others."""
        length = prod(self.shape[:b])
        starts = [at * length for at in range(prod(self.shape[b:]))]
        return [self.tokens[start : start + length] for start in starts]

    @classmethod
    def from_tensors(
        cls, dtype: Dtype, shape: tuple[int, ...], tensors: Sequence[torch.Tensor]
    ) -> "TokenStream":
        """Read one tensor per component: the stream's axes, outermost first, then an element's."""
        indices = _indices(shape)
        tokens = tuple(tuple(tensor[index] for tensor in tensors) for index in indices)
        return cls(dtype, shape, tokens)

    def to_tensors(self) -> tuple[torch.Tensor, ...]:
        """Return the contents as one tensor per component; the inverse of `from_tensors`."""
        return tuple(
            _block(self.shape, component, (token[at] for token in self.tokens))
            for at, component in enumerate(components(self.dtype))
        )


@dataclass(frozen=True, slots=True)
class Unit:
    """A specialised function of the hardware."""

    input: Dtype
    output: Dtype
    body: Callable[..., Any]
    """Takes the input's components and, in a fold, the state's; returns the output's."""
    init: tuple[float, ...] | None = None
    """A fold's initial state: one number per component of the output, filled to its shape."""


@dataclass(frozen=True, slots=True)
class Definition:
    """STeP on hardware with these functions, at these sizes."""

    units: Mapping[str, Unit]
    sizes: Mapping[str, int]

    def run(self, graph: Graph, inputs: Sequence[TokenStream]) -> dict[Ref, TokenStream]:
        """Return the contents of every stream of a program.

        Raises:
            DefinitionError: at the first step that the language does not allow.
        """
        streams = {Ref(INPUT, port): stream for port, stream in enumerate(inputs)}
        for index, node in enumerate(graph.nodes):
            found = self.apply(node.primitive, [streams[ref] for ref in node.inputs])
            streams |= zip(node.results(index), found, strict=True)
        return streams

    def apply(self, primitive: Primitive, streams: Sequence[TokenStream]) -> list[TokenStream]:
        """Return the results of one primitive.

        Raises:
            DefinitionError: if it cannot be applied to these streams.
        """
        match primitive, streams:
            case Map(fn=fn), [x]:
                return [_map(self.units[fn.name], x)]
            case Accum(fn=fn, b=b), [x]:
                return [_accum(self.units[fn.name], b, x)]
            case Scan(fn=fn, b=b), [x]:
                return [_scan(self.units[fn.name], b, x)]
            case Zip(), [_, _, *_]:
                return [_zip(streams)]
            case Copy(), [x]:
                return [x, x]
            case Identity(), [x]:
                return [x]
            case Promote(b=b), [x]:
                return [_promote(b, x)]
            case Flatten(L=positions), [x]:
                return [_flatten(positions, x)]
            case Reshape(L=positions, S=chunk), [x]:
                return [_reshape(positions, _size(chunk, self.sizes), x)]
            case Bufferize(a=a), [x]:
                return [_bufferize(a, x)]
            case Streamify(), [x]:
                return [_streamify(x)]
            case Repeat(n=n), [x]:
                return [_repeat(_size(n, self.sizes), x)]
            case RepeatRef(), [x, ref]:
                return [_repeat_ref(x, ref)]
            case Partition(N=count), [x, index]:
                return _partition(_size(count, self.sizes), x, index)
            case Merge(fn=fn), [*parts, index] if parts:
                return [_merge(self.units[fn.name], parts, index)]
        raise DefinitionError(f"{primitive} on {len(streams)} streams has no meaning")


def _map(unit: Unit, x: TokenStream) -> TokenStream:
    """Every token goes through the function on its own."""
    _need(unit.init is None, "a function without a state")
    _need(unit.input == x.dtype, f"a stream of {unit.input}, got {x.dtype}")
    return TokenStream(unit.output, x.shape, tuple(_call(unit, token) for token in x.tokens))


def _accum(unit: Unit, b: int, x: TokenStream) -> TokenStream:
    """Every run of the innermost b dimensions is folded into one token, each from init."""
    _need(unit.input == x.dtype, f"a stream of {unit.input}, got {x.dtype}")
    _need(1 <= b <= x.rank, f"1 <= b <= {x.rank}, got {b}")
    initial = _initial(unit)
    last: list[Token] = []
    for run in x.runs(b):
        state = initial
        for token in run:
            state = _call(unit, token, state)
        last.append(state)
    return TokenStream(unit.output, x.shape[b:], tuple(last))


def _scan(unit: Unit, b: int, x: TokenStream) -> TokenStream:
    """The same fold as Accum, but every state on the way is a token."""
    _need(unit.input == x.dtype, f"a stream of {unit.input}, got {x.dtype}")
    _need(1 <= b <= x.rank, f"1 <= b <= {x.rank}, got {b}")
    initial = _initial(unit)
    states: list[Token] = []
    for run in x.runs(b):
        state = initial
        for token in run:
            state = _call(unit, token, state)
            states.append(state)
    return TokenStream(unit.output, x.shape, tuple(states))


def _zip(streams: Sequence[TokenStream]) -> TokenStream:
    """Tokens that arrive together become one token with all their components."""
    shape = streams[0].shape
    for x in streams:
        _need(x.shape == shape, f"equal shapes, got {shape} and {x.shape}")
    items = tuple(item for x in streams for item in components(x.dtype))
    rows = zip(*(x.tokens for x in streams), strict=True)
    return TokenStream(from_components(items), shape, tuple(sum(row, start=()) for row in rows))


def _promote(b: int, x: TokenStream) -> TokenStream:
    """The same tokens, counted with one more dimension of size 1."""
    _need(0 <= b <= x.rank + 1, f"0 <= b <= {x.rank + 1}, got {b}")
    return TokenStream(x.dtype, (*x.shape[:b], 1, *x.shape[b:]), x.tokens)


def _flatten(positions: tuple[int, ...], x: TokenStream) -> TokenStream:
    """The same tokens; each dimension named is counted together with its inner neighbour."""
    _need(len(positions) >= 1, "a position")
    for inner, outer in itertools.pairwise(positions):
        _need(outer == inner + 1, f"consecutive positions, got {positions}")
    for position in positions:
        _need(1 <= position <= x.rank, f"positions from 1 to {x.rank}, got {position}")
    shape = list(x.shape)
    for position in reversed(positions):  # from outside, where nothing else has moved yet
        shape[position - 1] *= shape.pop(position)
    return TokenStream(x.dtype, tuple(shape), x.tokens)


def _reshape(positions: tuple[int, ...], chunk: int, x: TokenStream) -> TokenStream:
    """The same tokens; each dimension named is counted in chunks."""
    _need(len(positions) >= 1, "a position")
    _need(len(positions) == len(set(positions)), f"distinct positions, got {positions}")
    shape = list(x.shape)
    for position in sorted(positions, reverse=True):
        _need(0 <= position <= x.rank, f"positions from 0 to {x.rank}, got {position}")
        length = shape[position]
        _need(length % chunk == 0, f"a dimension that {chunk} divides, got {length}")
        shape[position : position + 1] = [chunk, length // chunk]
    return TokenStream(x.dtype, tuple(shape), x.tokens)


def _bufferize(a: int, x: TokenStream) -> TokenStream:
    """Every run of the innermost a dimensions becomes one block."""
    _need(1 <= a <= x.rank, f"1 <= a <= {x.rank}, got {a}")
    dims = tuple(map(integer, x.shape[:a]))
    match x.dtype:
        case Scalar() | Multihot() as elem:
            dtype = Buffer(elem, dims)
        case Buffer(elem=elem, dims=inner):
            dtype = Buffer(elem, inner + dims)
        case _:
            raise DefinitionError(f"{x.dtype} cannot be the element of a buffer")
    tokens: list[Token] = []
    for run in x.runs(a):
        tokens.append((_block(x.shape[:a], x.dtype, (tensor for (tensor,) in run)),))
    return TokenStream(dtype, x.shape[a:], tuple(tokens))


def _streamify(x: TokenStream) -> TokenStream:
    """Every block becomes the run of its elements."""
    if not isinstance(x.dtype, Buffer):
        raise DefinitionError(f"{x.dtype} is no buffer")
    dims = tuple(_number(dim) for dim in x.dtype.dims)
    tokens = tuple((block[index],) for (block,) in x.tokens for index in _indices(dims))
    return TokenStream(x.dtype.elem, dims + x.shape, tokens)


def _repeat(n: int, x: TokenStream) -> TokenStream:
    """Every token arrives n times in a row."""
    tokens = tuple(token for token in x.tokens for _ in range(n))
    return TokenStream(x.dtype, (n, *x.shape), tokens)


def _repeat_ref(x: TokenStream, ref: TokenStream) -> TokenStream:
    """Every token arrives as often as the reference has tokens in its place."""
    _need(ref.rank == x.rank + 1, f"a reference of rank {x.rank + 1}, got {ref.rank}")
    _need(ref.shape[1:] == x.shape, f"a reference around {x.shape}, got {ref.shape}")
    return _repeat(ref.shape[0], x)


def _partition(count: int, x: TokenStream, index: TokenStream) -> list[TokenStream]:
    """Every vector sends one run of x to each stream that it has a one for."""
    _need_index(index, count)
    inner = x.rank - index.rank
    _need(inner >= 0, f"a rank of at least {index.rank}, got {x.rank}")
    _need(x.shape[inner:] == index.shape, f"a shape that ends in {index.shape}, got {x.shape}")
    ports: list[list[tuple[Token, ...]]] = [[] for _ in range(count)]
    for run, vector in zip(x.runs(inner), index.tokens, strict=True):
        for port in _chosen(vector):
            ports[port].append(run)
    return [
        TokenStream(x.dtype, (*x.shape[:inner], len(runs)), tuple(itertools.chain(*runs)))
        for runs in ports
    ]


def _merge(unit: Unit, parts: Sequence[TokenStream], index: TokenStream) -> TokenStream:
    """Every vector takes one run from each stream that it has a one for, and folds these runs."""
    _need_index(index, len(parts))
    common = parts[0].shape[:-1]
    for part in parts:
        _need(part.shape[:-1] == common, f"shapes that start with {common}, got {part.shape}")
        _need(unit.input == part.dtype, f"streams of {unit.input}, got {part.dtype}")
    initial = _initial(unit)
    waiting = [iter(part.runs(part.rank)) for part in parts]
    tokens: list[Token] = []
    for vector in index.tokens:
        chosen = _chosen(vector)
        states = [initial] * prod(common)
        for port in chosen:
            run = next(waiting[port], None)
            if run is None:
                raise DataError(f"stream {port} has no token left")
            states = [_call(unit, *pair) for pair in zip(run, states, strict=True)]
        if not chosen:
            states = [tuple(torch.zeros_like(part) for part in state) for state in states]
        tokens += states
    return TokenStream(unit.output, common + index.shape, tuple(tokens))


def _need_index(index: TokenStream, count: int) -> None:
    if not isinstance(index.dtype, Multihot):
        raise DefinitionError(f"an index is a stream of Multihot, got {index.dtype}")
    _need(_number(index.dtype.length) == count, f"vectors of {count}, got {index.dtype}")


def _chosen(token: Token) -> list[int]:
    """Return where a multi-hot vector has its ones."""
    (vector,) = token
    entries = vector.tolist()
    if any(entry not in (0.0, 1.0) for entry in entries):
        raise DataError(f"a multi-hot vector holds zeros and ones, got {entries}")
    return [at for at, entry in enumerate(entries) if entry == 1.0]


def _call(unit: Unit, token: Token, state: Token | None = None) -> Token:
    """Apply a body to one element; its results are broadcast to the shapes that it declares."""
    arguments = [token] if state is None else [token, state]
    # A body gets its own copies: whatever it does to them, streams never change.
    value = unit.body(*([tensor.clone() for tensor in part] for part in arguments))
    results = value if isinstance(value, list | tuple) else [value]
    declared = components(unit.output)
    _need(len(results) == len(declared), f"{len(declared)} results, got {len(results)}")
    return tuple(
        torch.as_tensor(result, dtype=torch.float32).expand(_element_shape(component))
        for result, component in zip(results, declared, strict=True)
    )


def _initial(unit: Unit) -> Token:
    if unit.init is None:
        raise DefinitionError("expected a function with a state")
    pairs = zip(unit.init, components(unit.output), strict=True)
    return tuple(torch.full(_element_shape(component), value) for value, component in pairs)


def _need(condition: bool, expected: str) -> None:
    if not condition:
        raise DefinitionError(f"expected {expected}")


def _size(dim: Dim, sizes: Mapping[str, int]) -> int:
    value = dim.value(sizes)
    if value is None or value < 1:
        raise DefinitionError(f"the size {dim} is no positive integer")
    return value


def _number(dim: Dim) -> int:
    """Return a dimension of a dtype that `at_sizes` has been applied to."""
    if dim.literal is None:
        raise DefinitionError(f"the dimension {dim} is no number")
    return dim.literal


def at_sizes(dtype: Dtype, sizes: Mapping[str, int]) -> Dtype:
    """Return a dtype with numbers in place of symbols.

    Raises:
        UnboundSymbolError: if a symbol has no size.
        DefinitionError: if a dimension is no positive integer.
    """
    return from_components(tuple(_component(item, sizes) for item in components(dtype)))


def _component(component: Component, sizes: Mapping[str, int]) -> Component:
    def numbers(dims: tuple[Dim, ...]) -> tuple[Dim, ...]:
        return tuple(integer(_size(dim, sizes)) for dim in dims)

    match component:
        case Buffer(elem=elem, dims=dims):
            return Buffer(_element(elem, sizes), numbers(dims))
        case Tile(dims=dims, precision=precision):
            return Tile(numbers(dims), precision)
        case _:
            return _element(component, sizes)


def _element(elem: Scalar | Multihot, sizes: Mapping[str, int]) -> Scalar | Multihot:
    if isinstance(elem, Scalar):
        return elem
    return Multihot(integer(_size(elem.length, sizes)), elem.precision)


def _element_shape(component: Component) -> tuple[int, ...]:
    return tuple(_number(dim) for dim in reversed(element_dims(component)))


def _indices(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the places of a shape in stream order, each outermost first, as PyTorch indexes."""
    return itertools.product(*map(range, reversed(shape)))


def _block(
    shape: tuple[int, ...], component: Component, tensors: Iterable[torch.Tensor]
) -> torch.Tensor:
    """Put elements, given in stream order, into one tensor."""
    block = torch.empty(*reversed(shape), *_element_shape(component))
    for index, tensor in zip(_indices(shape), tensors, strict=True):
        block[index] = tensor
    return block
