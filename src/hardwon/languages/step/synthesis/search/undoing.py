"""Where the entries of an argument lie in those of the result, for statements that are undone."""

import torch

from hardwon.languages.step.synthesis.calls import Call
from hardwon.languages.step.synthesis.search.kinds import Kind
from hardwon.languages.step.synthesis.search.worlds import World
from hardwon.languages.step.synthesis.values import Dims, base, buffer_dims, without_ones
from hardwon.languages.step.types import Component, Scalar, components

_SMALLEST, _LARGEST = 1e-9, 1e9
"""Goals beyond come from multiplying or dividing by what is zero but for rounding."""
_CONSTANT = 1e-9
"""How far, relatively, numbers may differ that should be the same."""


def is_elementwise(call: Call) -> bool:
    """Whether arguments have the elements of the result, or are scalars beside them."""
    outputs = components(call.function.output)
    items = (*outputs, *components(call.function.input))
    if len(outputs) > 1 or not all(isinstance(base(item), Scalar) for item in items):
        return False
    inner = _inner(outputs[0])
    return all(_inner(item) in {inner, ()} for item in items)


def _inner(component: Component) -> Dims:
    return without_ones(buffer_dims(component))


def target_dims(call: Call) -> Dims:
    """Return the full dimensions of a statement's results."""
    return _inner(components(call.function.output)[0]) + call.dims


def laid_out(world: World, call: Call, at: int, data: torch.Tensor) -> torch.Tensor:
    """Return an argument's values, one a row, with an axis for each dimension of the results."""
    wanted = components(call.function.input)[at]
    aligned = world.aligned(call.arguments.fits[at], data, wanted, call.dims)
    missing = len(target_dims(call)) + 1 - aligned.dim()
    return aligned.reshape(*aligned.shape, *(1 for _ in range(missing)))


def without_repeats(
    world: World, call: Call, at: int, kind: Kind, data: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Return what has to be repeated to give this data, and for which rows that is so.

    Args:
        world: gives the dimensions their sizes.
        call: the statement.
        at: which of its arguments the data is for.
        kind: of that argument's values.
        data: one row per goal, each of the shape of the result.

    Returns:
        One row per goal of the kind's shape, and one boolean per row; None if values of the kind
        have dimensions that the result has not.
    """
    target = target_dims(call)
    wanted = components(call.function.input)[at]
    source, axes = 0, []
    for place, dim in enumerate(target):
        of_element = place < len(target) - len(call.dims)
        possible = not of_element or bool(_inner(wanted))
        if possible and source < len(kind.dims) and kind.dims[source] == dim:
            source += 1
        else:
            axes.append(len(target) - place)
    if source < len(kind.dims):
        return None
    kept = data
    for axis in axes:
        kept = kept.narrow(axis, 0, 1)
    flat = data.reshape(len(data), -1)
    largest = flat.abs().amax(dim=1)
    good = flat.isfinite().all(dim=1) & (largest > _SMALLEST) & (largest < _LARGEST)
    if axes:
        same = (data - kept).abs() <= _CONSTANT * kept.abs()
        good &= same.reshape(len(data), -1).all(dim=1)
    (shape,) = kind.shapes(world.sizes)
    return kept.reshape(len(data), *shape), good
