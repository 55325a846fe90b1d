"""Programs that are too small to be an answer: an input moved into shape, one call, a detour."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product

from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.signature import Function, Signature
from hardwon.languages.step.synthesis.builder import Builder, CannotAdaptError, element
from hardwon.languages.step.synthesis.calls import (
    Arguments,
    Call,
    Family,
    Route,
    choices,
    fold_modes,
    multihot_of,
    routed_dims,
)
from hardwon.languages.step.synthesis.values import Fit, Value, alignments, base
from hardwon.languages.step.types import Component, Multihot, Stream, components

MAX_PER_FUNCTION = 64
"""How many ways of calling one function, or of filling the results, are tried."""
MAX_BRANCHES = 64
"""Vectors longer than this are not used to route tokens."""


@dataclass(frozen=True, slots=True)
class Trivial:
    """A trivial program and what it does."""

    kind: str
    graph: Graph
    description: str
    functions: frozenset[str] = frozenset()


def trivial_graphs(signature: Signature, sizes: Mapping[str, int]) -> Iterator[Trivial]:
    """Yield trivial programs: no function, then one function, then tokens sent on a detour."""
    inputs = _inputs(signature)
    for graph, names in _returning(Builder(signature, sizes), inputs, None):
        yield Trivial("input", graph, f"returns {names}")
    for function in signature.functions:
        for call in islice(_calls(function, inputs), MAX_PER_FUNCTION):
            builder = Builder(signature, sizes)
            try:
                made = _value(builder, call.build(builder))
            except CannotAdaptError:
                continue
            mode = call.primitive if not call.b else f"{call.primitive} over {call.b} of"
            taken = ", ".join(_name(signature, fit.value) for fit in call.arguments.fits)
            label = f"{mode} {function.name} on {taken}"
            for graph, _ in _returning(builder, (*inputs, made), made):
                yield Trivial("single call", graph, label, frozenset({function.name}))
    yield from _detours(signature, sizes, inputs)


def _inputs(signature: Signature) -> tuple[Value, ...]:
    return tuple(
        Value(Ref(INPUT, port), stream, name, 0)
        for port, (name, stream) in enumerate(signature.inputs)
    )


def _value(builder: Builder, ref: Ref) -> Value:
    return Value(ref, builder.types[ref], "", 1)


def _name(signature: Signature, value: Value) -> str:
    return signature.inputs[value.ref.port][0] if value.ref.node == INPUT else "its result"


def _returning(
    builder: Builder, values: tuple[Value, ...], required: Value | None
) -> Iterator[tuple[Graph, str]]:
    """Yield programs that return values; `required` has to be among them if given."""
    rows = [list(_made_of(builder, values, out)) for out in builder.signature.outputs]
    for combination in islice(product(*rows), MAX_PER_FUNCTION):
        used = {value.ref for _, parts in combination for value in parts}
        if required is not None and required.ref not in used:
            continue
        names = ", ".join(
            _name(builder.signature, value) for _, parts in combination for value in parts
        )
        yield builder.finish(tuple(ref for ref, _ in combination)), names


def _made_of(
    builder: Builder, values: tuple[Value, ...], declared: Stream
) -> Iterator[tuple[Ref, tuple[Value, ...]]]:
    """Yield the ways of making a declared result by moving dimensions and zipping only."""
    wanted = components(declared.dtype)
    for count in {1, len(wanted)}:
        for parts in islice(product(values, repeat=count), MAX_PER_FUNCTION):
            try:
                targets = wanted if count > 1 else (element(wanted),)
                refs = tuple(
                    builder.adapt(part.ref, target, declared.shape)
                    for part, target in zip(parts, targets, strict=True)
                )
                ref = builder.zipped(refs)
            except CannotAdaptError:
                continue
            if builder.types[ref] == declared:
                yield ref, parts


def _calls(function: Function, values: tuple[Value, ...]) -> Iterator[Call]:
    for fits in _arguments(values, components(function.input)):
        arguments = Arguments(fits)
        for dims in arguments.alignments():
            if not function.is_fold:
                yield Call(function, arguments, dims)
                continue
            for primitive, b in fold_modes(dims):
                yield Call(function, arguments, dims, primitive, b)


def _arguments(
    values: tuple[Value, ...], wanted: tuple[Component, ...]
) -> Iterator[tuple[Fit, ...]]:
    if not wanted:
        yield ()
        return
    for fit in choices(values, wanted):
        for rest in _arguments(values, wanted[fit.width :]):
            yield (fit, *rest)


def _detours(
    signature: Signature, sizes: Mapping[str, int], inputs: tuple[Value, ...]
) -> Iterator[Trivial]:
    """Yield programs that route tokens through branches which do nothing, and merge them."""
    for router, call in _indices(signature, inputs):
        for merge in (fn for fn in signature.functions if fn.is_fold):
            builder = Builder(signature, sizes)
            try:
                index = router if call is None else _value(builder, call.build(builder))
                multihot = multihot_of(index)
                if multihot is None:
                    continue
                count = multihot.length.value(sizes) or 0
                if not 1 <= count <= MAX_BRANCHES:
                    continue
                family = Family(components(merge.input), (None,) * count, merge)
                inner = routed_dims(index)
                for fits in islice(_arguments(inputs, family.wanted), MAX_PER_FUNCTION):
                    tails = (*(fit.tail for fit in fits), inner)
                    for dims in alignments(tails):
                        if dims[len(dims) - len(inner) :] != inner:
                            continue
                        made = _value(
                            builder, Route(index, family, Arguments(fits), dims).build(builder)
                        )
                        taken = ", ".join(_name(signature, fit.value) for fit in fits)
                        used = {merge.name} | ({call.function.name} if call else set())
                        for graph, _ in _returning(builder, (made,), made):
                            label = f"all branches pass {taken} on, merged by {merge.name}"
                            yield Trivial("skip", graph, label, frozenset(used))
            except (CannotAdaptError, LookupError):
                continue


def _indices(
    signature: Signature, inputs: tuple[Value, ...]
) -> Iterator[tuple[Value, Call | None]]:
    """Yield multi-hot streams: inputs, and results of one function on inputs."""
    for value in inputs:
        if multihot_of(value) is not None:
            yield value, None
    for function in signature.functions:
        outputs = components(function.output)
        routes = len(outputs) == 1 and isinstance(base(outputs[0]), Multihot)
        if routes and not function.is_fold:
            for call in islice(_calls(function, inputs), MAX_PER_FUNCTION):
                yield inputs[0], call
