"""Copy, Identity, and routing by multi-hot vectors, on whole tensors."""

import math

import torch

from hardwon.languages.step.primitives import Merge, Partition, Primitive
from hardwon.languages.step.semantics.base import Data, Machine, RunError, Tensors

_CHOSEN = 0.5
"""Entries of a multi-hot vector are 0 or 1; anything above this counts as 1."""


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
    """Select the tokens of every result stream by a mask."""
    del primitive, machine
    data, index = inputs
    (vectors,) = index.elements()
    chosen = vectors > _CHOSEN
    routed = index.dims
    tokens = tuple(
        tensor.reshape(chosen.shape[0], *tensor.shape[routed:]) for tensor in data.tensors
    )
    return tuple(tuple(tensor[chosen[:, port]] for tensor in tokens) for port in range(results))


def run_merge(
    primitive: Merge, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Fold the streams one after the other; each hands out its tokens in order."""
    del results
    *parts, index = inputs
    (vectors,) = index.elements()
    chosen = vectors > _CHOSEN
    common = parts[0].lengths[1:]
    inner = math.prod(common)
    steps = chosen.shape[0]
    state = tuple(
        tensor.reshape(steps, inner, *tensor.shape[1:])
        for tensor in machine.initial(primitive.fn, steps * inner)
    )
    for port, part in enumerate(parts):
        rows = chosen[:, port].nonzero().squeeze(1)
        available = part.lengths[0]
        if len(rows) > available:
            raise RunError(
                f"Merge: the index takes {len(rows)} tokens of stream {port}, which has {available}"
            )
        if len(rows) == 0 or inner == 0:
            continue
        tokens = tuple(
            tensor[: len(rows)].reshape(len(rows) * inner, *tensor.shape[part.dims :])
            for tensor in part.tensors
        )
        before = tuple([tensor.index_select(0, rows).flatten(0, 1) for tensor in state])
        after = machine.call(primitive.fn, before, tokens)
        state = tuple(
            old.index_copy(0, rows, new.reshape(len(rows), inner, *new.shape[1:]))
            for old, new in zip(state, after, strict=True)
        )
    nothing = ~chosen.any(dim=1)
    lengths = (*index.lengths, *common)
    found: list[torch.Tensor] = []
    for tensor in state:
        mask = nothing.reshape(steps, *(1 for _ in tensor.shape[1:]))
        found.append(tensor.masked_fill(mask, 0.0).reshape(*lengths, *tensor.shape[2:]))
    return (tuple(found),)
