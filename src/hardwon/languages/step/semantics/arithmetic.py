"""Map, Accum, Scan and Zip on whole tensors."""

import math

import torch

from hardwon.languages.step.primitives import Accum, Map, Scan, Zip
from hardwon.languages.step.semantics.base import Data, Machine, Tensors


def run_map(
    primitive: Map, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Apply the function to all elements at once."""
    del results
    return (machine.map(primitive.fn, inputs[0]),)


def run_accum(
    primitive: Accum, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Fold in stream order; all outer indices advance together."""
    del results
    (data,) = inputs
    lengths = data.lengths
    shortcut = machine.shortcut(primitive.fn)
    if shortcut is not None and 0 not in lengths:
        return (shortcut.folded(*_folded(data, primitive.b)),)
    batch, steps = _steps(data, primitive.b)
    state = machine.initial(primitive.fn, batch)
    for step in steps:
        state = machine.call(primitive.fn, state, step)
    outer = lengths[: data.dims - primitive.b]
    return (tuple([tensor.reshape(outer + tensor.shape[1:]) for tensor in state]),)


def run_scan(
    primitive: Scan, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Fold in stream order and keep every state."""
    del results
    (data,) = inputs
    lengths = data.lengths
    shortcut = machine.shortcut(primitive.fn)
    if shortcut is not None and 0 not in lengths:
        rows, axis = _folded(data, primitive.b)
        found = shortcut.scanned(rows, axis)
        return (tuple([x.reshape(lengths + x.shape[axis + 1 :]) for x in found]),)
    batch, steps = _steps(data, primitive.b)
    state = machine.initial(primitive.fn, batch)
    if not steps:
        return (tuple([x[:0].reshape(lengths + x.shape[1:]) for x in state]),)
    states: list[Tensors] = []
    for step in steps:
        state = machine.call(primitive.fn, state, step)
        states.append(state)
    stacked = [torch.stack(column, dim=1) for column in zip(*states, strict=True)]
    return (tuple([tensor.reshape(lengths + tensor.shape[2:]) for tensor in stacked]),)


def _folded(data: Data, b: int) -> tuple[Tensors, int]:
    """Return the components with the b innermost dimensions as one axis, and that axis."""
    axis = data.dims - b
    if b == 1:
        return data.tensors, axis
    return tuple([tensor.flatten(axis, data.dims - 1) for tensor in data.tensors]), axis


def _steps(data: Data, b: int) -> tuple[int, list[Tensors]]:
    """Return the number of outer indices, and the elements of all of them, step by step."""
    lengths = data.lengths
    batch = math.prod(lengths[: data.dims - b])
    folded = math.prod(lengths[data.dims - b :])
    columns = [
        tensor.reshape(batch, folded, *tensor.shape[data.dims :]).unbind(1)
        for tensor in data.tensors
    ]
    return batch, list(zip(*columns, strict=True))


def run_zip(
    primitive: Zip, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Put the components side by side."""
    del primitive, results, machine
    return (tuple(tensor for data in inputs for tensor in data.tensors),)
