"""The type checker: gives every stream its type, or says why a program has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.memo import IdentityMemo
from hardwon.languages.step.primitives import Primitive, RuleError
from hardwon.languages.step.signature import Signature
from hardwon.languages.step.types import Stream, components, element_dims, interned
from hardwon.records import Diagnostic, Stage

MOST_PARTS = 256
"""Most components, dimensions and factors of dimensions of one type: what it takes to write it."""


@dataclass(frozen=True, slots=True)
class TypedGraph:
    """A graph in which every stream has a type; only such a graph can be run."""

    graph: Graph
    types: Mapping[Ref, Stream]


@dataclass(frozen=True, slots=True)
class Typing:
    """The types that could be found, and all errors."""

    types: Mapping[Ref, Stream]
    errors: tuple[Diagnostic, ...]


def infer_types(graph: Graph, signature: Signature, sizes: Mapping[str, int]) -> Typing:
    """Infer the type of every stream and compare the results with what the task declares.

    An error leaves the streams that depend on it without a type instead of causing more errors.
    """
    types: dict[Ref, Stream] = {
        Ref(INPUT, port): stream for port, (_, stream) in enumerate(signature.inputs)
    }
    errors: list[Diagnostic] = []
    for index, node in enumerate(graph.nodes):
        inputs = [types[ref] for ref in node.inputs if ref in types]
        if len(inputs) < len(node.inputs):
            continue
        try:
            results, fresh = _inferred(sizes, node.primitive, *inputs)
        except RuleError as error:
            errors.append(
                Diagnostic(
                    stage=Stage.TYPES,
                    line=node.line or None,
                    message=str(error),
                    rule=error.rule,
                )
            )
            continue
        for ref, result in zip(node.results(index), results, strict=True):
            types[ref] = _with_own_dims(result, index) if fresh else result
    for position, (ref, declared) in enumerate(zip(graph.outputs, signature.outputs, strict=False)):
        found = types.get(ref)
        if found is not None and found != declared:
            errors.append(
                Diagnostic(
                    stage=Stage.TYPES,
                    line=graph.line or None,
                    message=f"result {position} ({graph.name(ref)}): expected {declared},"
                    f" got {found}",
                    rule="the results have the declared dtypes and dims",
                )
            )
    return Typing(types, tuple(errors))


@IdentityMemo
def _inferred(
    sizes: Mapping[str, int], primitive: Primitive, *streams: Stream
) -> tuple[tuple[Stream, ...], bool]:
    """Return the types of the results, and whether a dimension of them is up to the data."""
    results = tuple(map(interned, primitive.infer(streams, sizes)))
    largest = max(map(_parts, results), default=0)
    if largest > MOST_PARTS:
        raise RuleError(
            f"{primitive.name} gives a stream whose type has {largest} parts (components,"
            f" dimensions and their factors), expected at most {MOST_PARTS}",
            rule="types that can be written",
        )
    symbols = (name for result in results for dim in result.shape for name, _ in dim.powers)
    return results, any(map(_is_fresh, symbols))


@IdentityMemo
def _parts(stream: Stream) -> int:
    """Return how much there is to write of a type."""
    items = components(stream.dtype)
    dims = [*stream.shape, *(dim for item in items for dim in element_dims(item))]
    return len(items) + len(dims) + sum(dim.factors for dim in dims)


@lru_cache(maxsize=4096)
def _with_own_dims(stream: Stream, index: int) -> Stream:
    """Make the dimensions that only the data decides unique to the node that made them."""
    return interned(Stream(stream.dtype, tuple(_own(dim, index) for dim in stream.shape)))


def _own(dim: Dim, index: int) -> Dim:
    powers = tuple((f"{s}@{index}" if _is_fresh(s) else s, power) for s, power in dim.powers)
    return Dim(dim.coefficient, dim.divisor, powers)


def _is_fresh(symbol: str) -> bool:
    return symbol.startswith("?") and "@" not in symbol
