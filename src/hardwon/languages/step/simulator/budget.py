"""How much memory a program would take, known before it runs."""

from collections.abc import Mapping
from math import inf

from hardwon.languages.step.checker import TypedGraph
from hardwon.languages.step.dims import Dim, product
from hardwon.languages.step.graph import Node, Ref
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.primitives import Partition
from hardwon.languages.step.semantics import RunError
from hardwon.languages.step.types import Stream, components, element_dims

MAX_ENTRIES = 1 << 26
"""Most entries of one stream (256 MiB in fp32)."""
MAX_TOTAL_ENTRIES = 1 << 27
"""Most entries of all streams of a program together (512 MiB in fp32)."""


class TooLargeError(RunError):
    """A program would take more memory than it may use."""

    def __init__(self, node: Node, message: str) -> None:
        super().__init__(message)
        self.node = node


def require_room(typed: TypedGraph, sizes: Mapping[str, int], draws: int = 1) -> None:
    """Check that a program's streams fit, before anything is allocated.

    Dimensions that only the data decides are counted with as many tokens as routing looks at.

    Raises:
        TooLargeError: naming the first node that goes too far.
    """
    bound: dict[str, float] = dict(sizes)
    total = 0.0
    for index, node in enumerate(typed.graph.nodes):
        if isinstance(node.primitive, Partition):
            tokens = _value(product(typed.types[node.inputs[1]].shape), bound)
            bound.update((f"?{port}@{index}", tokens) for port in range(node.outputs))
        for ref in node.results(index):
            stream = typed.types[ref]
            known = _volume_at(stream, sizes)
            entries = draws * (stream_entries(stream, bound) if known is None else known)
            total += entries
            if entries > MAX_ENTRIES:
                raise TooLargeError(
                    node,
                    f"{_named(typed, ref)} would have {entries:,.0f} entries,"
                    f" expected at most {MAX_ENTRIES:,}",
                )
        if total > MAX_TOTAL_ENTRIES:
            raise TooLargeError(
                node,
                f"the streams up to here would have {total:,.0f} entries in all,"
                f" expected at most {MAX_TOTAL_ENTRIES:,}",
            )


def stream_entries(stream: Stream, sizes: Mapping[str, float]) -> float:
    """Return how many numbers a stream holds; symbols without a size count as 1."""
    return sum(_value(dim, sizes) for dim in _volumes(stream))


@IdentityMemo
def _volume_at(stream: Stream, sizes: Mapping[str, int]) -> float | None:
    """Return `stream_entries` where no dimension is up to the data; `sizes` never change."""
    volumes = _volumes(stream)
    if any(symbol.startswith("?") for dim in volumes for symbol, _ in dim.powers):
        return None
    return stream_entries(stream, sizes)


@IdentityMemo
def _volumes(stream: Stream) -> tuple[Dim, ...]:
    shape = product(stream.shape)
    return tuple(shape * product(element_dims(item)) for item in components(stream.dtype))


def _value(dim: Dim, sizes: Mapping[str, float]) -> float:
    try:
        value = dim.coefficient / dim.divisor
        for symbol, power in dim.powers:
            value *= float(sizes.get(symbol, 1)) ** power
    except OverflowError:  # too large even for a float
        return inf
    return value


def _named(typed: TypedGraph, ref: Ref) -> str:
    return f"{typed.graph.name(ref)}, {typed.types[ref]},"
