"""Random inputs, drawn by the judge itself: task code sees values, and never the seed."""

from collections.abc import Mapping, Sequence

import torch

from hardwon.languages.protocol import PLAIN, TaskError
from hardwon.languages.step.dims import UnboundSymbolError, parse_dim
from hardwon.languages.step.settings import LARGE, NEGATIVE, SMALL, TIES
from hardwon.languages.step.types import (
    Component,
    Multihot,
    data_shape,
    element_dims,
    parse_component,
)
from hardwon.records import Task, TensorSpec

Values = dict[str, torch.Tensor | list[torch.Tensor]]
"""What task code knows as `input_data`: one tensor per name, or a list of them for tuples."""

_MAGNITUDES = {LARGE: 32.0, SMALL: 1e-3}


def draw(
    tensors: Sequence[TensorSpec], sizes: Mapping[str, int], seed: int, kind: str = PLAIN
) -> Values:
    """Draw values for inputs or parameters.

    Raises:
        TaskError: if a dimension has no size or the task's wishes contradict each other.
    """
    generator = torch.Generator().manual_seed(seed)
    values: Values = {}
    for tensor in tensors:
        drawn = [
            _draw(tensor, parse_component(dtype), sizes, generator, kind) for dtype in tensor.dtype
        ]
        values[tensor.name] = drawn if len(drawn) > 1 else drawn[0]
    return values


def draw_all(task: Task, sizes: Mapping[str, int], seed: int) -> Values:
    """Draw plain values for all inputs and parameters."""
    return draw((*task.inputs, *task.parameters), sizes, seed)


def _draw(
    tensor: TensorSpec,
    component: Component,
    sizes: Mapping[str, int],
    generator: torch.Generator,
    kind: str,
) -> torch.Tensor:
    dims = element_dims(component) + tuple(map(parse_dim, tensor.dims))
    try:
        shape = data_shape(dims, sizes)
    except UnboundSymbolError as error:
        raise TaskError(
            f"{tensor.name}: the symbol {error} has no size; bind it in `global`,"
            f" e.g. ctx[{error}] = 3"
        ) from error
    elem = component if isinstance(component, Multihot) else getattr(component, "elem", None)
    if isinstance(elem, Multihot):
        return _multihot(shape, tensor, generator, kind)
    match tensor.data_gen:
        case "torch.rand":
            return _uniform(torch.rand(shape, generator=generator), kind)
        case "torch.randn":
            return _normal(torch.randn(shape, generator=generator), kind)
        case "torch.ones":
            return torch.ones(shape)
        case "binary":
            return (torch.rand(shape, generator=generator) < 0.5).float()
    raise TaskError(f"{tensor.name}: expected a known data_gen, got {tensor.data_gen!r}")


def _uniform(values: torch.Tensor, kind: str) -> torch.Tensor:
    """Change values between 0 and 1, and leave them there."""
    if kind == TIES:
        return (values * 3).floor() / 2  # 0, 1/2 or 1
    return values * _MAGNITUDES[SMALL] if kind == SMALL else values


def _normal(values: torch.Tensor, kind: str) -> torch.Tensor:
    if kind == TIES:
        return (values * 1.2).round() / 2
    if kind == NEGATIVE:
        return -values.abs() * torch.where(values > 0, 8.0, 1.0)
    return values * _MAGNITUDES.get(kind, 1.0)


def _multihot(
    shape: tuple[int, ...], tensor: TensorSpec, generator: torch.Generator, kind: str
) -> torch.Tensor:
    low, high, length = tensor.min or 0, tensor.max or 0, shape[-1]
    if not 0 <= low <= high <= length:
        raise TaskError(
            f"{tensor.name}: expected 0 <= min <= max <= {length} ones per vector,"
            f" got min {low}, max {high}"
        )
    count = torch.randint(low, high + 1, shape[:-1], generator=generator)
    if kind == LARGE:
        count = torch.full_like(count, high)
    elif kind == NEGATIVE:
        count = torch.full_like(count, low)
    elif kind == TIES:
        count = torch.where(count * 2 < low + high, low, high)
    order = torch.rand(shape, generator=generator).argsort(dim=-1).argsort(dim=-1)
    return (order < count.unsqueeze(-1)).float()
