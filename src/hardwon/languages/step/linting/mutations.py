"""Single edits that turn a correct program into a wrong one, most of the time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from hardwon.languages.inspection import Law
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.linting import excuses
from hardwon.languages.step.linting.excuses import function_of, only_consumer, origin
from hardwon.languages.step.linting.rewriting import Edit, Rewriter, is_dynamic, repeats
from hardwon.languages.step.primitives import (
    Accum,
    Map,
    Merge,
    Partition,
    Primitive,
    RepeatRef,
    Scan,
    Zip,
)
from hardwon.languages.step.signature import Function, Signature
from hardwon.languages.step.synthesis.values import base, full_dims
from hardwon.languages.step.types import Stream, components


@dataclass(frozen=True, slots=True)
class Mutation:
    """An edit with its rule, its description, and the laws that would make it harmless."""

    kind: str
    edit: Edit
    change: str
    laws: tuple[Law, ...] = ()


def mutations(rewriter: Rewriter) -> Iterator[Mutation]:
    """Yield every single edit of a program, node by node."""
    graph = rewriter.graph
    for index, node in enumerate(graph.nodes):
        yield from _arguments(rewriter, index, node)
        yield from _functions(rewriter.signature, index, node)
        yield from _calls(rewriter, index, node)
        yield from _folds(rewriter, index, node)
        yield from _dropped(graph, index, node)
        yield from _repeated(graph, index, node)
        yield from _streams(rewriter, index, node)
        yield from _branches(index, node)
        if repeats(node.primitive):
            yield Mutation(
                "misalign",
                Edit(index, misaligned=True),
                f"{node.primitive} repeats the whole stream instead of each element",
            )
    yield from _results(rewriter)


def _arguments(rewriter: Rewriter, index: int, node: Node) -> Iterator[Mutation]:
    if not isinstance(node.primitive, Zip):
        return
    graph, types = rewriter.graph, rewriter.types
    consumer = only_consumer(graph, Ref(index, 0))
    function = None if consumer is None else function_of(graph.nodes[consumer].primitive)
    for first, second in combinations(range(len(node.inputs)), 2):
        left, right = node.inputs[first], node.inputs[second]
        if left == right or types[left] != types[right]:
            continue
        inputs = list(node.inputs)
        inputs[first], inputs[second] = right, left
        laws: tuple[Law, ...] = ()
        if function is not None and len(components(types[left].dtype)) == 1:
            slots = tuple(
                sum(len(components(types[ref].dtype)) for ref in node.inputs[:position])
                for position in (first, second)
            )
            laws = (excuses.commutes(function, *slots),)
        user = function.name if function else "the pair"
        yield Mutation(
            "swap arguments",
            Edit(index, inputs=tuple(inputs)),
            f"{user} takes {graph.name(left)} and {graph.name(right)} the other way round",
            laws,
        )


def _functions(signature: Signature, index: int, node: Node) -> Iterator[Mutation]:
    own = function_of(node.primitive)
    if own is None:
        return
    for other in signature.functions:
        alike = (other.input, other.output, other.is_fold) == (own.input, own.output, own.is_fold)
        if alike and other.name != own.name:
            yield Mutation(
                "replace function",
                Edit(index, primitive=_with_function(node.primitive, other)),
                f"{node.primitive.name} of {other.name} instead of {own.name}",
                (excuses.equal(own, other),),
            )


def _calls(rewriter: Rewriter, index: int, node: Node) -> Iterator[Mutation]:
    """Yield calls of functions that the program has no reason to make here."""
    graph, functions = rewriter.graph, rewriter.signature.functions
    positions = _read(node)
    own = function_of(node.primitive)
    if isinstance(node.primitive, Map) and own is not None:
        for other in functions:
            alike = (other.input, other.output) == (own.input, own.output)
            if other.name != own.name and not alike:
                yield Mutation(
                    "replace function",
                    Edit(index, call=other),
                    f"{other.name} instead of {own.name}",
                    excuses.equal_on_one(own, other),
                )
    for at, ref in enumerate(node.inputs[:positions]):
        for function in functions:
            laws = excuses.refolds(node.primitive, function)
            if not function.is_fold:
                laws = (
                    *excuses.keeps(function),
                    *excuses.fixed(graph, function, ref),
                    *excuses.absorbed(graph, function, index),
                )
            yield Mutation(
                "insert step",
                Edit(index, insert=(at, function)),
                f"{node.primitive.name} takes {function.name} of {graph.name(ref)}",
                laws,
            )


def _read(node: Node) -> int:
    """Return how many of a node's inputs matter by what they hold: a reference is only counted."""
    return 1 if isinstance(node.primitive, RepeatRef) else len(node.inputs)


def _with_function(primitive: Primitive, function: Function) -> Primitive:
    assert isinstance(primitive, Map | Accum | Scan | Merge)
    return replace(primitive, fn=function)


def _folds(rewriter: Rewriter, index: int, node: Node) -> Iterator[Mutation]:
    primitive = node.primitive
    if not isinstance(primitive, Accum | Scan):
        return
    other = Scan if isinstance(primitive, Accum) else Accum
    yield Mutation(
        "other fold",
        Edit(index, primitive=other(primitive.fn, primitive.b)),
        f"{other.__name__} of {primitive.fn.name} instead of {primitive.name}",
    )
    for depth in range(1, rewriter.types[node.inputs[0]].rank + 1):
        if depth != primitive.b:
            yield Mutation(
                "fold depth",
                Edit(index, primitive=replace(primitive, b=depth)),
                f"{primitive.name} of {primitive.fn.name} over {depth} dimensions"
                f" instead of {primitive.b}",
            )


def _dropped(graph: Graph, index: int, node: Node) -> Iterator[Mutation]:
    """Let an input of a computation stand for its result."""
    if not isinstance(node.primitive, Map | Scan):
        return
    function = node.primitive.fn
    (source,) = node.inputs
    zipped = source.node != INPUT and isinstance(graph.nodes[source.node].primitive, Zip)
    candidates = graph.nodes[source.node].inputs if zipped else (source,)
    wanted = components(function.input)
    single = len(components(function.output)) == 1 and len(candidates) == len(wanted)
    for slot, ref in enumerate(candidates):
        laws: tuple[Law, ...] = ()
        if single and isinstance(node.primitive, Map) and wanted[slot] == function.output:
            laws = (
                excuses.returns(function, slot),
                *(excuses.fixed(graph, function, ref) if not zipped else ()),
            )
        yield Mutation(
            "drop step",
            Edit(index, bypass=ref),
            f"{graph.name(ref)} in place of the result of {node.primitive.name} of {function.name}",
            laws,
        )


def _repeated(graph: Graph, index: int, node: Node) -> Iterator[Mutation]:
    primitive = node.primitive
    if isinstance(primitive, Map | Accum | Scan) and primitive.fn.input == primitive.fn.output:
        fixed = (
            excuses.fixed(graph, primitive.fn, Ref(index, 0)) if isinstance(primitive, Map) else ()
        )
        yield Mutation(
            "repeat step",
            Edit(index, again=True),
            f"{primitive.name} of {primitive.fn.name} once more on its own result",
            (*fixed, *excuses.refolds(primitive, primitive.fn)),
        )


def _streams(rewriter: Rewriter, index: int, node: Node) -> Iterator[Mutation]:
    graph = rewriter.graph
    for position, own in enumerate(node.inputs[: _read(node)]):
        for other in graph.refs():
            if other.node >= index:
                break
            if not _exchangeable(rewriter, own, other):
                continue
            inputs = (*node.inputs[:position], other, *node.inputs[position + 1 :])
            yield Mutation(
                "other stream",
                Edit(index, inputs=inputs),
                f"{node.primitive} takes {graph.name(other)} instead of {graph.name(own)}",
            )


def _exchangeable(rewriter: Rewriter, own: Ref, other: Ref) -> bool:
    """Whether `other` can be taken for `own` and is not the same data in another place."""
    stream = rewriter.types[other]
    if _routed(stream) or not _like(rewriter.types[own], stream):
        return False
    return origin(rewriter.graph, own) != origin(rewriter.graph, other)


def _routed(stream: Stream) -> bool:
    """Whether the data decides its length: such streams are told apart by their origin only."""
    return any(map(is_dynamic, stream.shape))


def _like(own: Stream, other: Stream) -> bool:
    """Whether one stream can be taken for another: the same entries, in whatever order."""
    if own.dtype == other.dtype and own.shape == other.shape:
        return True
    mine, theirs = components(own.dtype), components(other.dtype)
    if len(mine) > 1 or len(theirs) > 1 or base(mine[0]) != base(theirs[0]):
        return False
    left, right = full_dims(mine[0], own.shape), full_dims(theirs[0], other.shape)
    return sorted(map(str, left)) == sorted(map(str, right))


def _branches(index: int, node: Node) -> Iterator[Mutation]:
    match node.primitive:
        case Partition():
            for first, second in combinations(range(node.outputs), 2):
                order = list(range(node.outputs))
                order[first], order[second] = second, first
                yield Mutation(
                    "swap branches",
                    Edit(index, order=tuple(order)),
                    f"Partition's results {first} and {second} are swapped",
                )
        case Merge():
            for first, second in combinations(range(len(node.inputs) - 1), 2):
                inputs = list(node.inputs)
                inputs[first], inputs[second] = inputs[second], inputs[first]
                yield Mutation(
                    "swap branches",
                    Edit(index, inputs=tuple(inputs)),
                    f"Merge's inputs {first} and {second} are swapped",
                )


def _results(rewriter: Rewriter) -> Iterator[Mutation]:
    graph = rewriter.graph
    for position, own in enumerate(graph.outputs):
        for other in graph.refs():
            if not _exchangeable(rewriter, own, other):
                continue
            outputs = (*graph.outputs[:position], other, *graph.outputs[position + 1 :])
            yield Mutation(
                "other result",
                Edit(None, inputs=outputs),
                f"result {position} is {graph.name(other)} instead of {graph.name(own)}",
            )
