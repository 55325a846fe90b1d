"""Map, Accum, Scan and Zip on whole tensors."""

import torch

from hardwon.languages.step.primitives import Accum, Map, Scan, Zip
from hardwon.languages.step.semantics.base import Data, Machine, Tensors


def run_map(
    primitive: Map, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Apply the function to all elements as one batch."""
    del results
    (data,) = inputs
    found = machine.call(primitive.fn, None, data.elements())
    return (tuple(tensor.reshape(*data.lengths, *tensor.shape[1:]) for tensor in found),)


def run_accum(
    primitive: Accum, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Fold in stream order; all outer indices advance together."""
    del results
    (data,) = inputs
    outer, rows = _rows(data, primitive.b)
    state = machine.initial(primitive.fn, rows[0].shape[0])
    shortcut = machine.shortcut(primitive.fn)
    if shortcut is not None and 0 not in rows[0].shape[:2]:
        state = shortcut.reduce(state, rows)
    else:
        for at in range(rows[0].shape[1]):
            state = machine.call(primitive.fn, state, tuple([row[:, at] for row in rows]))
    return (tuple(tensor.reshape(*outer, *tensor.shape[1:]) for tensor in state),)


def run_scan(
    primitive: Scan, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Fold in stream order and keep every state."""
    (data,) = inputs
    _, rows = _rows(data, primitive.b)
    state = machine.initial(primitive.fn, rows[0].shape[0])
    if rows[0].shape[1] == 0:
        return (tuple(t.reshape(*data.lengths, *t.shape[1:]) for t in (s[:0] for s in state)),)
    shortcut = machine.shortcut(primitive.fn)
    if shortcut is not None and rows[0].shape[0] > 0:
        found = shortcut.scan(state, rows)
        return (tuple(tensor.reshape(*data.lengths, *tensor.shape[2:]) for tensor in found),)
    states: list[Tensors] = []
    for at in range(rows[0].shape[1]):
        state = machine.call(primitive.fn, state, tuple(row[:, at] for row in rows))
        states.append(state)
    stacked = (torch.stack(column, dim=1) for column in zip(*states, strict=True))
    return (tuple(tensor.reshape(*data.lengths, *tensor.shape[2:]) for tensor in stacked),)


def _rows(data: Data, b: int) -> tuple[tuple[int, ...], Tensors]:
    """Return the outer sizes, and the components as (outer indices, folded elements, ...)."""
    lengths = data.lengths
    outer, inner = lengths[: len(lengths) - b], lengths[len(lengths) - b :]
    folded = 1
    for length in inner:
        folded *= length
    batch = 1
    for length in outer:
        batch *= length
    elements = data.elements()
    return outer, tuple(tensor.reshape(batch, folded, *tensor.shape[1:]) for tensor in elements)


def run_zip(
    primitive: Zip, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Put the components side by side."""
    del primitive, results, machine
    return (tuple(tensor for data in inputs for tensor in data.tensors),)
