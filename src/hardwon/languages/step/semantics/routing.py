"""Copy, Identity, and routing by multi-hot vectors, on whole tensors."""

import math

import torch

from hardwon.languages.step.primitives import Merge, Partition, Primitive
from hardwon.languages.step.semantics.base import (
    Data,
    Machine,
    RunError,
    Tensors,
    UnsuitableSizeError,
)

_CHOSEN = 0.5
"""Entries of a multi-hot vector are 0 or 1; anything above this counts as 1."""


def places_of(index: Data) -> tuple[torch.Tensor, ...]:
    """Return, for every entry of a stream's multi-hot vectors, the tokens at which it is set."""
    (vectors,) = index.elements()
    mask = (vectors > _CHOSEN).t()
    rows: torch.Tensor = mask.nonzero()[:, 1]
    return rows.split(mask.sum(1).tolist())  # type: ignore[no-any-return, no-untyped-call]


def run_copy(
    primitive: Primitive, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Share the tensors: nothing here writes to them."""
    del primitive, results, machine
    (data,) = inputs
    return (data.tensors, data.tensors)


def run_identity(
    primitive: Primitive, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Pass the tensors on."""
    del primitive, results, machine
    (data,) = inputs
    return (data.tensors,)


def run_partition(
    primitive: Partition, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Select the tokens of every result stream."""
    del primitive
    data, index = inputs
    tokens = [tensor.flatten(0, index.dims - 1) for tensor in data.tensors]
    places = _places(index, results, machine)
    return tuple([tuple([tensor.index_select(0, rows) for tensor in tokens]) for rows in places])


def _places(index: Data, streams: int, machine: Machine) -> tuple[torch.Tensor, ...]:
    places = machine.chosen(index)
    if len(places) != streams:
        raise UnsuitableSizeError(
            f"expected one stream per entry of the index vector, {len(places)}, got {streams}"
        )
    return places


def run_merge(
    primitive: Merge, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Fold the streams one after the other; each hands out its tokens in order."""
    del results
    *parts, index = inputs
    fn = primitive.fn
    common = parts[0].lengths[1:]
    inner = math.prod(common)
    steps = math.prod(index.lengths)
    state = tuple(
        [
            tensor.reshape(steps, inner, *tensor.shape[1:])
            for tensor in machine.initial(fn, steps * inner)
        ]
    )
    untouched = True
    places = _places(index, len(parts), machine)
    for port, (part, rows) in enumerate(zip(parts, places, strict=True)):
        taken, available = len(rows), part.tensors[0].shape[0]
        if taken > available:
            raise RunError(
                f"Merge: the index takes {taken} tokens of stream {port}, which has {available}"
            )
        if taken == 0 or inner == 0:
            continue
        tokens = tuple([tensor[:taken].flatten(0, part.dims - 1) for tensor in part.tensors])
        if untouched:
            before = machine.initial(fn, taken * inner)
            untouched = False
        else:
            before = tuple([tensor.index_select(0, rows).flatten(0, 1) for tensor in state])
        after = machine.call(fn, before, tokens)
        state = tuple(
            [
                old.index_copy(0, rows, new.reshape(taken, inner, *new.shape[1:]))
                for old, new in zip(state, after, strict=True)
            ]
        )
    lengths = index.lengths + common
    if not machine.starts_at_zero(fn):  # where nothing is selected the result is zero
        nothing = torch.ones(steps, dtype=torch.bool)
        for rows in places:
            nothing = nothing.index_fill(0, rows, 0)
        state = tuple(
            [x.masked_fill(nothing.reshape(steps, *(1 for _ in x.shape[1:])), 0.0) for x in state]
        )
    return (tuple([tensor.reshape(lengths + tensor.shape[2:]) for tensor in state]),)
