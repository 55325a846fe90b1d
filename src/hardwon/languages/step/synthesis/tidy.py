"""Makes a derived program look like one that a person wrote: short, with names and comments."""

import keyword
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from hardwon.languages.step import syntax as s
from hardwon.languages.step.affine import insert_copies
from hardwon.languages.step.checker import infer_types
from hardwon.languages.step.decompile import decompile
from hardwon.languages.step.graph import INPUT, Graph, Node, Ref
from hardwon.languages.step.primitives import (
    Accum,
    Bufferize,
    Flatten,
    Identity,
    Map,
    Merge,
    Partition,
    Primitive,
    Promote,
    Repeat,
    Reshape,
    Scan,
    Streamify,
    Zip,
)
from hardwon.languages.step.printer import print_program
from hardwon.languages.step.signature import Function, Signature
from hardwon.languages.step.types import Stream

_MOVES = (Bufferize, Flatten, Identity, Promote, Reshape, Streamify)
"""Primitives after which the same numbers lie in the same order."""
_SUFFIXES: Mapping[type[Primitive], str] = {
    Bufferize: "buffer",
    Streamify: "stream",
    Repeat: "repeated",
    Promote: "block",
    Flatten: "flat",
    Reshape: "chunks",
}
_ZIPPING = ("Map", "Accum", "Scan")
"""What zips the streams of a tuple by itself."""


def written(graph: Graph, signature: Signature, sizes: Mapping[str, int]) -> str:
    """Return the text of a well-typed graph, simplified and obeying the affine law."""
    tidied = named(simplified(graph, signature, sizes))
    return print_program(_without_zips(decompile(insert_copies(tidied), signature)))


def simplified(graph: Graph, signature: Signature, sizes: Mapping[str, int]) -> Graph:
    """Leave out every primitive without which the program does the same.

    Equal primitives on equal streams become one. One that only moves dimensions goes, alone or
    together with another, if everything that does more than that still gets the same types: then it
    gets the same numbers.
    """
    graph = _shared(graph)
    while True:
        types = infer_types(graph, signature, sizes).types
        for gone in _candidates(graph):
            shorter = _without(graph, gone)
            if _agree(graph, types, shorter, infer_types(shorter, signature, sizes).types, gone):
                graph = _pruned(shorter, gone)
                break
        else:
            return graph


def _shared(graph: Graph) -> Graph:
    """Merge equal nodes on equal streams."""
    known: dict[tuple[Primitive, tuple[Ref, ...]], int] = {}
    nodes: list[Node] = []
    moved: dict[int, int] = {INPUT: INPUT}
    for index, node in enumerate(graph.nodes):
        inputs = tuple(Ref(moved[ref.node], ref.port) for ref in node.inputs)
        place = known.setdefault((node.primitive, inputs), len(nodes))
        if place == len(nodes):
            nodes.append(replace(node, inputs=inputs))
        moved[index] = place
    outputs = tuple(Ref(moved[ref.node], ref.port) for ref in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def _candidates(graph: Graph) -> Iterator[frozenset[int]]:
    """Yield nodes that may go, alone and with a node that they feed through other moves."""
    moves = [at for at, node in enumerate(graph.nodes) if isinstance(node.primitive, _MOVES)]
    yield from (frozenset([at]) for at in moves)
    for later in moves:
        source = graph.nodes[later].inputs[0].node
        while source in moves:
            yield frozenset([source, later])
            source = graph.nodes[source].inputs[0].node


def _without(graph: Graph, gone: frozenset[int]) -> Graph:
    """Bypass nodes; they stay in place without a consumer."""

    def current(ref: Ref) -> Ref:
        while ref.node in gone:
            ref = graph.nodes[ref.node].inputs[0]
        return ref

    nodes = tuple(replace(node, inputs=tuple(map(current, node.inputs))) for node in graph.nodes)
    return replace(graph, nodes=nodes, outputs=tuple(map(current, graph.outputs)))


def _agree(
    graph: Graph,
    types: Mapping[Ref, Stream],
    shorter: Graph,
    found: Mapping[Ref, Stream],
    gone: frozenset[int],
) -> bool:
    """Whether all other nodes have types, and those that do more than move have the same."""
    for at, (before, after) in enumerate(zip(graph.nodes, shorter.nodes, strict=True)):
        if at in gone:
            continue
        if any(ref not in found for ref in after.results(at)):
            return False
        same = all(
            types[old] == found[new] for old, new in zip(before.inputs, after.inputs, strict=True)
        )
        if not same and not isinstance(before.primitive, _MOVES):
            return False
    return all(
        types[old] == found.get(new)
        for old, new in zip(graph.outputs, shorter.outputs, strict=True)
    )


def _pruned(graph: Graph, gone: frozenset[int]) -> Graph:
    """Take out nodes that nothing consumes."""
    order = {INPUT: INPUT}
    order.update((at, len(order) - 1) for at in range(len(graph.nodes)) if at not in gone)

    def moved(ref: Ref) -> Ref:
        return Ref(order[ref.node], ref.port)

    nodes = tuple(
        replace(node, inputs=tuple(map(moved, node.inputs)))
        for at, node in enumerate(graph.nodes)
        if at not in gone
    )
    return replace(graph, nodes=nodes, outputs=tuple(map(moved, graph.outputs)))


def named(graph: Graph) -> Graph:
    """Name every stream after the function that makes it, and say where dimensions are added."""
    taken = Counter(graph.inputs)
    sources = {Ref(INPUT, port): name for port, name in enumerate(graph.inputs)}
    names = dict(sources)
    nodes: list[Node] = []
    for index, node in enumerate(graph.nodes):
        source = sources[node.inputs[0]]
        stems = _stems(node, source)
        own = tuple(_unique(stem, taken) for stem in stems)
        made = not isinstance(node.primitive, (*_MOVES, Repeat))
        for ref, name in zip(node.results(index), own, strict=True):
            names[ref] = name
            sources[ref] = name if made else source
        nodes.append(replace(node, names=own))
    return _commented(replace(graph, nodes=tuple(nodes)), sources)


def _stems(node: Node, source: str) -> tuple[str, ...]:
    """Return names for a node's results that need not be unique; `source` is what it reads."""
    match node.primitive:
        case Map(fn=fn) | Accum(fn=fn) | Scan(fn=fn) | Merge(fn=fn):
            return (_stem(fn),)
        case Zip():
            return ("zipped",)
        case Partition():
            return tuple(f"{source}_to_{port}" for port in range(node.outputs))
    suffix = _SUFFIXES.get(type(node.primitive), "same")
    return tuple(f"{source}_{suffix}" for _ in range(node.outputs))


def _stem(function: Function) -> str:
    """Return a function's name without what all functions' names have in common."""
    stem = function.name.removeprefix("fn_").strip("_") or function.name
    usable = stem.isidentifier() and not keyword.iskeyword(stem)
    return stem if usable else f"{function.name}_out"


def _unique(stem: str, taken: Counter[str]) -> str:
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken[name] += 1
    return name


def _commented(graph: Graph, sources: Mapping[Ref, str]) -> Graph:
    """Say above the first of several moves what they are for."""
    uses = graph.uses()
    nodes = list(graph.nodes)
    started: dict[int, int] = {}
    repeats: dict[int, list[str]] = {}
    promoted: dict[int, bool] = {}
    for index, node in enumerate(graph.nodes):
        if not isinstance(node.primitive, (*_MOVES, Repeat)):
            continue
        before = node.inputs[0]
        goes_on = before.node in started and uses[before] == 1
        first = started[index] = started[before.node] if goes_on else index
        if isinstance(node.primitive, Repeat):
            repeats.setdefault(first, []).append(str(node.primitive.n))
        promoted[first] = promoted.get(first, False) or isinstance(node.primitive, Promote)
    for first in sorted(promoted):
        source = sources[graph.nodes[first].inputs[0]]
        if first in repeats:
            along = " and ".join(repeats[first])
            nodes[first] = replace(nodes[first], comments=(f"Repeat {source} along {along}.",))
        elif promoted[first]:
            text = f"A dimension of 1 stays outside while all of {source} is taken in."
            nodes[first] = replace(nodes[first], comments=(text,))
    return replace(graph, nodes=tuple(nodes))


def _without_zips(program: s.Program) -> s.Program:
    """Hand zipped streams over as a tuple wherever the consumer zips them itself."""
    zips: dict[str, s.Expression] = {}
    uses = Counter(name for statement in program.statements for name in _consumed(statement))
    statements: list[s.Statement] = []
    kept: tuple[str, ...] = ()
    for statement in program.statements:
        match statement:
            case s.Assign(
                targets=(s.Name(id=name),),
                value=s.Apply(
                    receiver=s.Operator(primitive="Zip"), arguments=(s.Sequence() as streams,)
                ),
                comments=comments,
            ) if uses[name] == 1 and _is_zipped_later(name, program):
                zips[name] = streams
                kept += comments
                continue
            case s.Assign(
                value=s.Apply(receiver=s.Operator(), arguments=(s.Name(id=name),)) as apply
            ) if name in zips:
                value = replace(apply, arguments=(zips[name],))
                comments = (*kept, *statement.comments)
                statements.append(replace(statement, value=value, comments=comments))
                kept = ()
            case _:
                statements.append(statement)
    return replace(program, statements=tuple(statements))


def _consumed(statement: s.Statement) -> Iterator[str]:
    """Yield the names that a straight-line statement uses."""
    value = getattr(statement, "value", None)
    stack = [value]
    while stack:
        match stack.pop():
            case s.Name(id=name):
                yield name
            case s.Sequence(items=items):
                stack += items
            case s.Apply(arguments=arguments):
                stack += arguments


def _is_zipped_later(name: str, program: s.Program) -> bool:
    for statement in program.statements:
        match statement:
            case s.Assign(
                value=s.Apply(
                    receiver=s.Operator(primitive=primitive), arguments=(s.Name(id=used),)
                )
            ) if used == name:
                return primitive in _ZIPPING
    return False
