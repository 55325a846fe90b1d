"""A compact, eager STeP for generated test files.

It computes every primitive element by element, straight from its definition, and shares nothing
with the simulator that judged the program: a second opinion. Speed is no concern.

Shapes are innermost first: a stream of shape [K, N, M] is data of PyTorch shape (M, N, K). The
dimensions of one element, a Buffer's for example, come after those of the stream.
"""

# One file on purpose: `generate.py` copies it whole into the files that it writes, which have to
# stand alone. What a user reads there is what is read, typed and tested here.

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import accumulate
from operator import index
from types import SimpleNamespace
from typing import Any, SupportsIndex, TypeAlias

import torch
from torch import Tensor


class StepError(Exception):
    """A program or a task breaks a rule of the language."""


class AffineError(StepError):
    """A stream is consumed for the second time."""


def require(condition: bool, message: str) -> None:
    """Raise StepError with the message unless the condition holds."""
    if not condition:
        raise StepError(message)


# ---- Sizes and types ----


class Symbol(str):
    """A symbolic size, equal to its name. It stands wherever an integer does."""

    sizes: Mapping[str, int]
    """Where the size is looked up when it is needed."""

    def __index__(self) -> int:
        require(self in self.sizes, f"symbol {self} has no size: set ctx[{self}]")
        return self.sizes[self]

    def __mul__(self, other: SupportsIndex) -> int:  # type: ignore[override]
        return index(self) * index(other)

    __rmul__ = __mul__  # type: ignore[assignment]


def symbols(sizes: Mapping[str, int], *names: str) -> tuple[Symbol, ...]:
    """Return one symbol per name; their sizes may be bound later."""
    found = tuple(map(Symbol, names))
    for symbol in found:
        symbol.sizes = sizes
    return found


@dataclass(frozen=True)
class Scalar:
    """One number."""

    @property
    def data_shape(self) -> tuple[int, ...]:
        """PyTorch shape of one element."""
        return ()

    def __str__(self) -> str:
        return "fp32"


@dataclass(frozen=True, init=False)
class Multihot:
    """A vector of zeros and ones."""

    elem: Scalar
    length: int

    def __init__(self, elem: Scalar, length: SupportsIndex) -> None:
        object.__setattr__(self, "elem", elem)
        object.__setattr__(self, "length", index(length))

    @property
    def data_shape(self) -> tuple[int, ...]:
        """PyTorch shape of one element."""
        return (self.length,)

    def __str__(self) -> str:
        return f"Multihot({self.elem}, {self.length})"


@dataclass(frozen=True, init=False)
class Block:
    """A dense block of elements."""

    elem: Scalar | Multihot
    dims: tuple[int, ...]

    def __init__(self, elem: Scalar | Multihot, dims: Iterable[SupportsIndex]) -> None:
        object.__setattr__(self, "elem", elem)
        object.__setattr__(self, "dims", tuple(map(index, dims)))

    @property
    def data_shape(self) -> tuple[int, ...]:
        """PyTorch shape of one element; the length of a Multihot is the last axis."""
        return (*reversed(self.dims), *self.elem.data_shape)

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.elem}, {list(self.dims)})"


class Buffer(Block):
    """A block in on-chip memory, which programs can stream out."""


class Tile(Block):
    """A block that always moves as a whole."""


Part: TypeAlias = Scalar | Multihot | Block


@dataclass(frozen=True, init=False)
class Tuple:
    """Several parts that travel together; never nested."""

    parts: tuple[Part, ...]

    def __init__(self, *parts: Part) -> None:
        object.__setattr__(self, "parts", parts)

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.parts))})"


DType: TypeAlias = Part | Tuple

fp32 = Scalar()


def parts_of(dtype: DType) -> tuple[Part, ...]:
    """Return the parts of a tuple, or any other dtype as its only part."""
    return dtype.parts if isinstance(dtype, Tuple) else (dtype,)


# ---- Functions ----


@dataclass(frozen=True)
class Function:
    """A specialised function of the hardware. With `init` it is a fold, which carries a state."""

    name: str
    body: Callable[..., object]
    takes: DType
    gives: DType
    init: tuple[float, ...] | None = None

    def __call__(self, element: list[Tensor], state: list[Tensor] | None = None) -> list[Tensor]:
        """Run the body on one element: one tensor per part, in and out."""
        # A token is a value: a body that works in place must not change what others see.
        arguments = [element] if state is None else [element, state]
        result = self.body(*([part.clone() for part in argument] for argument in arguments))
        values = list(result) if isinstance(result, list | tuple) else [result]
        parts = parts_of(self.gives)
        require(
            len(values) == len(parts),
            f"{self.name} returns {self.gives}: expected {len(parts)} values, got {len(values)}",
        )
        return [self._fitted(*pair) for pair in zip(values, parts, strict=True)]

    def _fitted(self, value: object, part: Part) -> Tensor:
        tensor = torch.as_tensor(value).to(torch.float32)
        try:
            return tensor.broadcast_to(part.data_shape).clone()
        except RuntimeError:
            raise StepError(
                f"{self.name} returns {part}: expected data of shape {part.data_shape},"
                f" got {tuple(tensor.shape)}"
            ) from None

    def initial_state(self) -> list[Tensor]:
        """Return `init`, each entry filled to the shape of its part."""
        parts = parts_of(self.gives)
        init = self.init or ()
        require(
            len(init) == len(parts),
            f"{self.name} has {len(init)} initial values for {len(parts)} parts of its state",
        )
        return [
            torch.full(part.data_shape, float(value))
            for part, value in zip(parts, init, strict=True)
        ]

    def check(self, user: str, stream: Stream, *, fold: bool) -> None:
        """Raise StepError unless `user` can run this function on the elements of the stream."""
        kind = "a function with init" if fold else "a function without init"
        require(fold == (self.init is not None), f"{user} needs {kind}, got {self.name}")
        require(
            self.takes == stream.dtype,
            f"{user}: {self.name} takes {self.takes}, the stream carries {stream.dtype}",
        )


def function(
    *, takes: DType, gives: DType, init: Sequence[float] | None = None
) -> Callable[[Callable[..., object]], Function]:
    """Declare the decorated body as a specialised function."""

    def declare(body: Callable[..., object]) -> Function:
        return Function(body.__name__, body, takes, gives, None if init is None else tuple(init))

    return declare


# ---- Streams ----


@dataclass(eq=False)
class Stream:
    """Elements in a fixed order, to be consumed at most once."""

    dtype: DType
    shape: tuple[int, ...]
    data: list[Tensor]
    """One tensor per part, of PyTorch shape `reversed(shape) + part.data_shape`."""
    consumer: str | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for part, tensor in zip(parts_of(self.dtype), self.data, strict=True):
            shape = (*reversed(self.shape), *part.data_shape)
            require(
                tuple(tensor.shape) == shape,
                f"{self}: expected data of shape {shape}, got {tuple(tensor.shape)}",
            )

    def __str__(self) -> str:
        return f"Stream({self.dtype}, {list(self.shape)})"

    @property
    def rank(self) -> int:
        """The number of dimensions but for the outermost."""
        return len(self.shape) - 1

    def consume(self, by: str) -> None:
        """Count a use.

        Raises:
            AffineError: if it is not the first.
        """
        if self.consumer is not None:
            raise AffineError(f"{self} is consumed by {self.consumer}, then again by {by}")
        self.consumer = by

    def elements(self) -> list[list[Tensor]]:
        """Return the parts of every element; the innermost dimension varies fastest."""
        count = math.prod(self.shape)
        columns = [
            tensor.reshape(count, *part.data_shape)
            for part, tensor in zip(parts_of(self.dtype), self.data, strict=True)
        ]
        return [[column[at] for column in columns] for at in range(count)]

    def runs(self, b: int) -> list[list[list[Tensor]]]:
        """Return the elements in runs that span the innermost b dimensions."""
        elements, length = self.elements(), math.prod(self.shape[:b])
        count = math.prod(self.shape[b:])
        return [elements[at * length : (at + 1) * length] for at in range(count)]

    def viewed(self, dtype: DType, shape: Sequence[int]) -> Stream:
        """Return the same numbers in the same order under another type."""
        data = [
            tensor.reshape(*reversed(shape), *part.data_shape)
            for part, tensor in zip(parts_of(dtype), self.data, strict=True)
        ]
        return Stream(dtype, tuple(shape), data)

    def apply(self, primitive: Primitive) -> Any:
        """Apply a primitive to this stream, written the other way round."""
        return primitive.apply(self)


def stream_of(dtype: DType, shape: Sequence[int], elements: Sequence[list[Tensor]]) -> Stream:
    """Return the stream of these elements; the inverse of `Stream.elements`."""
    data = []
    for at, part in enumerate(parts_of(dtype)):
        column = [element[at] for element in elements]
        stacked = torch.stack(column) if column else torch.zeros(0)
        data.append(stacked.reshape(*reversed(shape), *part.data_shape))
    return Stream(dtype, tuple(shape), data)


def zipped(streams: Sequence[Stream]) -> Stream:
    """Return one stream of flat tuples; a single stream stays as it is."""
    first, *others = streams
    for other in others:
        require(other.shape == first.shape, f"zip needs equal shapes, got {first} and {other}")
    if not others:
        return first
    parts = [part for stream in streams for part in parts_of(stream.dtype)]
    return Stream(Tuple(*parts), first.shape, [t for stream in streams for t in stream.data])


# ---- Primitives ----

Nested: TypeAlias = "Stream | Iterable[Nested]"


def _flat(inputs: Nested) -> Iterator[Stream]:
    if isinstance(inputs, Stream):
        yield inputs
    elif isinstance(inputs, list | tuple | Iterator):
        for item in inputs:
            yield from _flat(item)
    else:
        raise StepError(f"primitives are applied to streams, got {inputs!r}")


def _within(value: SupportsIndex, low: int, high: int, what: str, stream: Stream) -> int:
    number = index(value)
    require(
        low <= number <= high,
        f"{what} = {number} does not fit {stream}: expected {low} <= {what} <= {high}",
    )
    return number


def _positions(value: SupportsIndex | Sequence[SupportsIndex]) -> list[int]:
    return [index(value)] if isinstance(value, SupportsIndex) else list(map(index, value))


class Primitive:
    """One primitive with its arguments."""

    arity: tuple[int, float] = (1, 1)
    """The least and greatest number of input streams."""
    run: Callable[..., Stream | list[Stream]]
    """Computes the results from the input streams."""

    def apply(self, *inputs: Nested) -> Any:
        """Consume the inputs and return one stream, or a list where there are several.

        However the inputs are grouped in lists and tuples, their order tells their roles.

        Raises:
            AffineError: if an input is already consumed.
            StepError: if the inputs do not fit.
        """
        name, (low, high) = type(self).__name__, self.arity
        streams = list(_flat(inputs))
        require(low <= len(streams) <= high, f"{name} is not for {len(streams)} streams")
        for stream in streams:
            stream.consume(by=name)
        return self.run(*streams)


@dataclass(frozen=True)
class Map(Primitive):
    """Apply fn to every element."""

    fn: Function
    arity = (1, math.inf)

    def run(self, *streams: Stream) -> Stream:
        """Stream(fn.takes, s) -> Stream(fn.gives, s)."""
        stream = zipped(streams)
        self.fn.check("Map", stream, fold=False)
        return stream_of(self.fn.gives, stream.shape, [self.fn(e) for e in stream.elements()])


def _folded(fn: Function, run: Iterable[list[Tensor]]) -> list[Tensor]:
    return reduce(lambda state, element: fn(element, state), run, fn.initial_state())


@dataclass(frozen=True)
class Accum(Primitive):
    """Fold fn over the innermost b dimensions and emit the last state."""

    fn: Function
    b: SupportsIndex
    arity = (1, math.inf)

    def run(self, *streams: Stream) -> Stream:
        """Stream(fn.takes, s) -> Stream(fn.gives, s[b:])."""
        stream = zipped(streams)
        b = _within(self.b, 1, stream.rank, "b", stream)
        self.fn.check("Accum", stream, fold=True)
        states = [_folded(self.fn, run) for run in stream.runs(b)]
        return stream_of(self.fn.gives, stream.shape[b:], states)


@dataclass(frozen=True)
class Scan(Primitive):
    """Fold fn over the innermost b dimensions and emit the state after every element."""

    fn: Function
    b: SupportsIndex
    arity = (1, math.inf)

    def run(self, *streams: Stream) -> Stream:
        """Stream(fn.takes, s) -> Stream(fn.gives, s)."""
        stream = zipped(streams)
        b = _within(self.b, 1, stream.rank, "b", stream)
        self.fn.check("Scan", stream, fold=True)
        states: list[list[Tensor]] = []
        for run in stream.runs(b):
            start = self.fn.initial_state()
            _, *after = accumulate(run, lambda s, element: self.fn(element, s), initial=start)
            states += after
        return stream_of(self.fn.gives, stream.shape, states)


@dataclass(frozen=True)
class Zip(Primitive):
    """Join streams elementwise into flat tuples."""

    arity = (2, math.inf)

    def run(self, *streams: Stream) -> Stream:
        """Stream(t, s), Stream(u, s) -> Stream(Tuple(t, u), s)."""
        return zipped(streams)


@dataclass(frozen=True)
class Copy(Primitive):
    """Make two streams from one."""

    def run(self, stream: Stream) -> list[Stream]:
        """S -> S, S."""
        return [stream.viewed(stream.dtype, stream.shape) for _ in range(2)]


@dataclass(frozen=True)
class Identity(Primitive):
    """Pass a stream on."""

    def run(self, stream: Stream) -> Stream:
        """S -> S."""
        return stream.viewed(stream.dtype, stream.shape)


@dataclass(frozen=True)
class Promote(Primitive):
    """Insert a dimension of size 1 at position b."""

    b: SupportsIndex

    def run(self, stream: Stream) -> Stream:
        """Shape s -> s[:b] + [1] + s[b:]."""
        b = _within(self.b, 0, stream.rank + 1, "b", stream)
        return stream.viewed(stream.dtype, (*stream.shape[:b], 1, *stream.shape[b:]))


@dataclass(frozen=True)
class Flatten(Primitive):
    """Collapse each dimension in L with its inner neighbour."""

    L: SupportsIndex | Sequence[SupportsIndex]

    def run(self, stream: Stream) -> Stream:
        """Shape s -> s[: L[0]-1] + [product of s[L[0]-1 : L[-1]+1]] + s[L[-1]+1 :]."""
        positions = _positions(self.L)
        require(
            positions != [] and positions == list(range(positions[0], positions[-1] + 1)),
            f"Flatten needs consecutive positions, got L = {positions}",
        )
        first, last = positions[0], positions[-1]
        _within(first, 1, stream.rank, "L[0]", stream)
        _within(last, 1, stream.rank, "L[-1]", stream)
        before, merged = stream.shape[: first - 1], stream.shape[first - 1 : last + 1]
        return stream.viewed(stream.dtype, (*before, math.prod(merged), *stream.shape[last + 1 :]))


@dataclass(frozen=True)
class Reshape(Primitive):
    """Split each dimension in L into chunks of S."""

    L: SupportsIndex | Sequence[SupportsIndex]
    S: SupportsIndex

    def run(self, stream: Stream) -> Stream:
        """In shape s, each s[i] with i in L becomes S, s[i] // S."""
        chosen, chunk = _positions(self.L), index(self.S)
        shape: list[int] = []
        for position in chosen:
            _within(position, 0, stream.rank, "L", stream)
        for position, size in enumerate(stream.shape):
            if position in chosen:
                require(
                    chunk >= 1 and size % chunk == 0,
                    f"Reshape: S = {chunk} does not divide dimension {position} of {stream}",
                )
                shape += [chunk, size // chunk]
            else:
                shape.append(size)
        return stream.viewed(stream.dtype, shape)


@dataclass(frozen=True)
class Bufferize(Primitive):
    """Move the innermost a dimensions of the stream into a buffer."""

    a: SupportsIndex

    def run(self, stream: Stream) -> Stream:
        """Stream(t, s) -> Stream(Buffer(elem of t, dims of t + s[:a]), s[a:])."""
        a = _within(self.a, 1, stream.rank, "a", stream)
        dtype, inner = stream.dtype, stream.shape[:a]
        if isinstance(dtype, Buffer):
            buffer = Buffer(dtype.elem, dtype.dims + inner)
        elif isinstance(dtype, Scalar | Multihot):
            buffer = Buffer(dtype, inner)
        else:
            raise StepError(f"Bufferize needs fp32, Multihot or Buffer elements, got {stream}")
        return stream.viewed(buffer, stream.shape[a:])


@dataclass(frozen=True)
class Streamify(Primitive):
    """Stream out the contents of buffers."""

    def run(self, stream: Stream) -> Stream:
        """Stream(Buffer(elem, dims), s) -> Stream(elem, dims + s)."""
        if not isinstance(stream.dtype, Buffer):
            raise StepError(f"Streamify needs Buffer elements, got {stream}")
        return stream.viewed(stream.dtype.elem, stream.dtype.dims + stream.shape)


@dataclass(frozen=True)
class Repeat(Primitive):
    """Emit each element n times."""

    n: SupportsIndex

    def run(self, stream: Stream) -> Stream:
        """Shape s -> [n] + s."""
        n = index(self.n)
        require(n >= 1, f"Repeat needs n >= 1, got {n}")
        elements = [element for element in stream.elements() for _ in range(n)]
        return stream_of(stream.dtype, (n, *stream.shape), elements)


RepeatLast = Repeat


@dataclass(frozen=True)
class RepeatRef(Primitive):
    """Repeat each element of x to match a reference stream."""

    arity = (2, 2)

    def run(self, x: Stream, ref: Stream) -> Stream:
        """x of shape s, ref of shape [n] + s -> shape [n] + s."""
        require(
            ref.shape[1:] == x.shape,
            f"RepeatRef needs a reference of shape [n, *{list(x.shape)}], got {ref}",
        )
        n = ref.shape[0]
        return stream_of(x.dtype, ref.shape, [e for e in x.elements() for _ in range(n)])


def _selections(user: str, idx: Stream, ways: int) -> list[list[int]]:
    """Return the positions of the ones in every vector of a multi-hot stream."""
    if not isinstance(idx.dtype, Multihot) or idx.dtype.length != ways:
        raise StepError(f"{user} needs an index stream of Multihot(fp32, {ways}), got {idx}")
    vectors = idx.data[0].reshape(math.prod(idx.shape), ways)
    return [[way for way in range(ways) if vector[way] > 0.5] for vector in vectors]


@dataclass(frozen=True)
class Partition(Primitive):
    """Send each token to every stream that its multi-hot vector selects."""

    N: SupportsIndex
    arity = (2, 2)

    def run(self, x: Stream, idx: Stream) -> list[Stream]:
        """x of shape s + i, idx of shape i -> N streams of shape s + [count]."""
        ways = index(self.N)
        selections = _selections("Partition", idx, ways)
        inner = len(x.shape) - len(idx.shape)
        require(
            inner >= 0 and x.shape[inner:] == idx.shape,
            f"Partition needs a stream whose shape ends in {list(idx.shape)}, got {x}",
        )
        routed = list(zip(x.runs(inner), selections, strict=True))
        results = []
        for way in range(ways):
            tokens = [token for token, selected in routed if way in selected]
            elements = [element for token in tokens for element in token]
            results.append(stream_of(x.dtype, (*x.shape[:inner], len(tokens)), elements))
        return results


@dataclass(frozen=True)
class Merge(Primitive):
    """For each multi-hot vector, fold fn over the next tokens of the selected streams."""

    fn: Function
    arity = (2, math.inf)

    def run(self, *streams: Stream) -> Stream:
        """Streams of shape s + [count], idx of shape i -> Stream(fn.gives, s + i)."""
        *sources, idx = streams
        selections = _selections("Merge", idx, len(sources))
        shape = sources[0].shape[:-1]
        for source in sources:
            self.fn.check("Merge", source, fold=True)
            require(
                source.shape[:-1] == shape,
                f"Merge needs streams that differ in their outermost dimension only,"
                f" got {sources[0]} and {source}",
            )
        queues = [iter(source.runs(len(shape))) for source in sources]
        zeros = [torch.zeros(part.data_shape) for part in parts_of(self.fn.gives)]
        elements: list[list[Tensor]] = []
        for selected in selections:
            tokens = []
            for way in selected:
                token = next(queues[way], None)
                if token is None:
                    raise StepError(f"Merge: input {way}, {sources[way]}, ran out of tokens")
                tokens.append(token)
            if tokens:
                elements += [_folded(self.fn, run) for run in zip(*tokens, strict=True)]
            else:
                elements += [zeros] * math.prod(shape)
        return stream_of(self.fn.gives, shape + idx.shape, elements)


# ---- Trials: a task at one size setting, with random inputs ----


@dataclass(frozen=True)
class TensorSpec:
    """An input stream or a parameter, and how its values are drawn."""

    name: str
    dtype: DType
    dims: Sequence[SupportsIndex]
    data_gen: str | None = None
    min: int = 0
    """Least number of ones per multi-hot vector."""
    max: int = 0
    """Greatest number of ones per multi-hot vector."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, innermost first."""
        return tuple(map(index, self.dims))

    def draw(self, generator: torch.Generator) -> list[Tensor]:
        """Return one tensor per part."""
        return [self._drawn(part, generator) for part in parts_of(self.dtype)]

    def _drawn(self, part: Part, generator: torch.Generator) -> Tensor:
        shape = (*reversed(self.shape), *part.data_shape)
        if Multihot in (type(part), type(getattr(part, "elem", None))):
            return self._multihot(shape, generator)
        match self.data_gen:
            case "torch.rand":
                return torch.rand(shape, generator=generator)
            case "torch.randn":
                return torch.randn(shape, generator=generator)
            case "torch.ones":
                return torch.ones(shape)
            case "binary":
                return torch.randint(0, 2, shape, generator=generator).to(torch.float32)
        raise StepError(f"{self.name}: unknown data_gen {self.data_gen!r}")

    def _multihot(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        *outer, length = shape
        require(
            0 <= self.min <= self.max <= length,
            f"{self.name}: {self.min} to {self.max} ones do not fit vectors of length {length}",
        )
        vectors = torch.zeros(math.prod(outer), length)
        for vector in vectors:
            ones = int(torch.randint(self.min, self.max + 1, (), generator=generator))
            vector[torch.randperm(length, generator=generator)[:ones]] = 1
        return vectors.reshape(shape)


@dataclass(frozen=True)
class OutputSpec:
    """The declared type of a result."""

    name: str
    dtype: DType
    dims: Sequence[SupportsIndex]

    @property
    def shape(self) -> tuple[int, ...]:
        """Dimensions, innermost first."""
        return tuple(map(index, self.dims))


@dataclass(frozen=True)
class Operator:
    """A task and its program, bound to sizes."""

    inputs: Sequence[TensorSpec]
    parameters: Sequence[TensorSpec]
    outputs: Sequence[OutputSpec]
    program: Callable[..., Any]
    reference: Callable[[], Sequence[Sequence[object]]]
    """Returns one value per part of each output."""


Build: TypeAlias = Callable[[dict[str, int], dict[str, Any]], Operator]


@dataclass(frozen=True)
class Expected:
    """One part of a result by the reference."""

    value: Tensor
    """In float64, where the reference runs in it."""
    error: float
    """How far the reference itself is off in float32."""

    def compare(self, name: str, result: Tensor) -> None:
        """Assert that a float32 result is close; the tolerance follows the largest value."""
        finite = self.value[self.value.isfinite()].abs()
        scale = float(finite.max()) if finite.numel() else 0.0
        torch.testing.assert_close(
            result.to(torch.float64),
            self.value,
            rtol=1e-4,
            atol=2e-5 * scale + 16 * self.error + 1e-7,
            equal_nan=True,
            msg=lambda text: f"{name}: {text}",
        )


class Trial:
    """An operator at one size setting, with inputs drawn from one seed."""

    def __init__(self, build: Build, sizes: Mapping[str, int], seed: int) -> None:
        torch.manual_seed(seed)  # for a set-up that draws something itself
        self._input_data: dict[str, Any] = {}
        self.operator = build(dict(sizes), self._input_data)
        generator = torch.Generator().manual_seed(seed)
        specs = (*self.operator.inputs, *self.operator.parameters)
        self._drawn = {spec.name: spec.draw(generator) for spec in specs}

    @property
    def outputs(self) -> Sequence[OutputSpec]:
        """The declared results."""
        return self.operator.outputs

    def results(self) -> list[Stream]:
        """Run the program on fresh streams."""
        self._show_data(torch.float32)
        streams = [
            Stream(spec.dtype, spec.shape, self._drawn[spec.name]) for spec in self.operator.inputs
        ]
        with torch.no_grad():
            results = list(_flat(self.operator.program(*streams)))
        require(
            len(results) == len(self.outputs),
            f"the program returns {len(results)} streams, the task declares {len(self.outputs)}",
        )
        return results

    def expected(self) -> list[list[Expected]]:
        """Run the reference in both precisions; one entry per part of each output."""
        single = self._reference(torch.float32)
        try:
            double = self._reference(torch.float64)
        except Exception:  # the reference may be tied to float32
            double = single
        pairs = (zip(*parts, strict=True) for parts in zip(single, double, strict=True))
        return [[self._expected(*pair) for pair in parts] for parts in pairs]

    def _show_data(self, dtype: torch.dtype) -> None:
        # As copies, in case that the task's code works in place.
        for name, drawn in self._drawn.items():
            parts = [tensor.to(dtype, copy=True) for tensor in drawn]
            self._input_data[name] = parts[0] if len(parts) == 1 else parts

    def _reference(self, dtype: torch.dtype) -> list[list[Tensor]]:
        self._show_data(dtype)
        default = torch.get_default_dtype()
        torch.set_default_dtype(dtype)
        try:
            with torch.no_grad():
                outputs = self.operator.reference()
        finally:
            torch.set_default_dtype(default)
        return [[torch.as_tensor(v).to(torch.float64) for v in parts] for parts in outputs]

    @staticmethod
    def _expected(single: Tensor, double: Tensor) -> Expected:
        errors = (single - double).abs()[double.isfinite()]
        return Expected(double, float(errors.max()) if errors.numel() else 0.0)


step = SimpleNamespace(
    **{primitive.__name__: primitive for primitive in Primitive.__subclasses__()},
    RepeatLast=RepeatLast,
    **{kind.__name__: kind for kind in (Multihot, Tile, Buffer, Tuple)},
    fp32=fp32,
    symbols=symbols,
    function=function,
    TensorSpec=TensorSpec,
    OutputSpec=OutputSpec,
    Operator=Operator,
)
"""The namespace of programs."""
