"""The primitives that move dimensions, on whole tensors."""

import math

from hardwon.languages.step.primitives import Flatten, Primitive, Promote, Repeat, Reshape
from hardwon.languages.step.semantics.base import Data, Machine, Tensors, UnsuitableSizeError


def run_relabel(
    primitive: Primitive, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Bufferize and Streamify only move the border between stream and buffer dimensions."""
    del primitive, results, machine
    (data,) = inputs
    return (data.tensors,)


def run_promote(
    primitive: Promote, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Insert an axis of size 1."""
    del results, machine
    (data,) = inputs
    axis = data.dims - primitive.b
    return (tuple(tensor.unsqueeze(axis) for tensor in data.tensors),)


def run_flatten(
    primitive: Flatten, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Merge neighbouring axes; the outer one counts slowest, as streams do."""
    del results, machine
    (data,) = inputs
    count = data.dims
    start, end = count - 1 - primitive.L[-1], count - primitive.L[0]
    lengths = data.lengths
    merged = (*lengths[:start], math.prod(lengths[start : end + 1]), *lengths[end + 1 :])
    return (tuple(tensor.reshape(*merged, *tensor.shape[count:]) for tensor in data.tensors),)


def run_reshape(
    primitive: Reshape, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Split axes into chunks; the new inner axis counts within a chunk."""
    del results
    (data,) = inputs
    chunk = primitive.S.value(machine.sizes)
    count = data.dims
    lengths: list[int] = []
    for axis, length in enumerate(data.lengths):
        if count - 1 - axis in primitive.L:
            if chunk is None or length % chunk:
                raise UnsuitableSizeError(
                    f"Reshape(S={primitive.S}): {chunk} does not divide {length}"
                )
            lengths += (length // chunk, chunk)
        else:
            lengths.append(length)
    return (tuple(tensor.reshape(*lengths, *tensor.shape[count:]) for tensor in data.tensors),)


def run_repeat(
    primitive: Repeat, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Emit each element n times in a row, along a new innermost dimension."""
    del results
    (data,) = inputs
    times = primitive.n.value(machine.sizes)
    if times is None:
        raise UnsuitableSizeError(f"Repeat(n={primitive.n}): not a whole number at these sizes")
    return (_repeated(data, times),)


def run_repeat_ref(
    primitive: Primitive, inputs: tuple[Data, ...], results: int, machine: Machine
) -> tuple[Tensors, ...]:
    """Repeat each element as often as the reference has elements in its place."""
    del primitive, results, machine
    data, ref = inputs
    return (_repeated(data, ref.lengths[-1]),)


def _repeated(data: Data, times: int) -> Tensors:
    count = data.dims
    return tuple(
        tensor.unsqueeze(count).expand(*tensor.shape[:count], times, *tensor.shape[count:])
        for tensor in data.tensors
    )
