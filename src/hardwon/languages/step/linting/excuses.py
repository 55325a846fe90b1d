"""Excuses: the laws under which an edit leaves what a program computes alone.

A law is only stated here, from the types and the graph; `laws` tries it on elements.
"""

from hardwon.languages.inspection import Law
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.primitives import (
    Accum,
    Bufferize,
    Flatten,
    Identity,
    Map,
    Merge,
    Primitive,
    Promote,
    Reshape,
    Scan,
    Streamify,
)
from hardwon.languages.step.signature import Function
from hardwon.languages.step.types import components

_MOVES = (Bufferize, Flatten, Identity, Promote, Reshape, Streamify)
"""Primitives that keep all entries in their order."""


def function_of(primitive: Primitive) -> Function | None:
    """Return the function that a primitive applies, if it applies one."""
    return primitive.fn if isinstance(primitive, Map | Accum | Scan | Merge) else None


def only_consumer(graph: Graph, ref: Ref) -> int | None:
    """Return the index of a stream's only consumer, if it has exactly one and is no result."""
    readers = [index for index, node in enumerate(graph.nodes) if ref in node.inputs]
    return readers[0] if len(readers) == 1 and ref not in graph.outputs else None


def origin(graph: Graph, ref: Ref) -> Ref:
    """Return the stream whose entries, in their order, a stream holds."""
    while ref.node != INPUT and isinstance(graph.nodes[ref.node].primitive, _MOVES):
        (ref,) = graph.nodes[ref.node].inputs
    return ref


def commutes(fn: Function, first: int, second: int) -> Law:
    """Return the law that two inputs of a function may change places; both count from 0."""
    text = f"{fn.name} does not depend on the order of its inputs {first} and {second}"
    return Law("commutes", (fn.name,), (first, second), text)


def equal(fn: Function, other: Function) -> Law:
    """Return the law that two functions compute the same."""
    return Law("equal", (fn.name, other.name), text=f"{fn.name} and {other.name} compute the same")


def equal_on_one(fn: Function, other: Function) -> tuple[Law, ...]:
    """Return the law that a function given one stream for all its inputs stands for another."""
    inputs = components(fn.input)
    same = len(inputs) == 1 and set(components(other.input)) == set(inputs)
    if other.is_fold or not same or fn.output != other.output:
        return ()
    text = f"{other.name} of equal inputs computes the same as {fn.name}"
    return (Law("equal", (fn.name, other.name), text=text),)


def returns(fn: Function, slot: int) -> Law:
    """Return the law that a function returns one of its inputs, which count from 0."""
    return Law("returns", (fn.name,), (slot,), f"{fn.name} returns its input {slot} as it is")


def keeps(fn: Function) -> tuple[Law, ...]:
    """Return the law that a function on one stream returns that stream, if its types allow it."""
    outputs, inputs = components(fn.output), components(fn.input)
    if inputs == outputs or set(inputs) == set(outputs):
        return (Law("keeps", (fn.name,), text=f"{fn.name} returns what it is given"),)
    return ()


def fixed(graph: Graph, fn: Function, ref: Ref) -> tuple[Law, ...]:
    """Return the laws that a function leaves a stream alone because of how it was computed."""
    chain: list[Function] = []
    laws: list[Law] = []
    while True:
        ref = origin(graph, ref)
        if ref.node == INPUT or not isinstance(graph.nodes[ref.node].primitive, Map):
            return tuple(laws)
        node = graph.nodes[ref.node]
        before = function_of(node.primitive)
        if before is None or before.output != (chain[-1].input if chain else fn.input):
            return tuple(laws)
        chain.append(before)
        names = (fn.name, *(item.name for item in chain))
        text = f"{fn.name} leaves the results of {' of '.join(names[1:])} as they are"
        laws.append(Law("fixed", names, text=text))
        (ref,) = node.inputs


def absorbed(graph: Graph, fn: Function, index: int) -> tuple[Law, ...]:
    """Return the law that the only reader of a node's first input does not notice a function."""
    while isinstance(graph.nodes[index].primitive, _MOVES):
        consumer = only_consumer(graph, Ref(index, 0))
        if consumer is None:
            return ()
        index = consumer
    primitive = graph.nodes[index].primitive
    if not isinstance(primitive, Map) or not fn.input == fn.output == primitive.fn.input:
        return ()
    reader = primitive.fn
    text = f"{reader.name} gives the same result after {fn.name} as without it"
    return (Law("absorbed", (fn.name, reader.name), text=text),)


def refolds(primitive: Primitive, fn: Function) -> tuple[Law, ...]:
    """Return the law that a fold notices nothing if it is given its own states to fold."""
    if not isinstance(primitive, Accum | Scan) or primitive.fn.name != fn.name:
        return ()
    if not fn.is_fold or fn.input != fn.output:
        return ()
    return (Law("refolds", (fn.name,), text=f"{fn.name} of its own states ends in the same state"),)
