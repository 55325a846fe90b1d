"""A task's functions, called on one element at a time."""

from collections.abc import Callable, Iterator

import torch

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.semantics.base import RunError
from hardwon.languages.step.simulator.evaluators import Unit
from hardwon.languages.step.simulator.namespace import Namespace, bind_body
from hardwon.languages.step.synthesis.values import base
from hardwon.languages.step.types import Dtype, Multihot, components

Tensors = list[torch.Tensor]
Draw = Callable[[tuple[int, ...], torch.Generator], torch.Tensor]
"""Draws the numbers of one component of an element."""


def units_of(space: Namespace) -> Iterator[Unit]:
    """Yield the task's functions.

    Raises:
        TaskError: if a function's body or its sizes make no sense.
    """
    for spec, function in zip(space.task.fns, space.signature.functions, strict=True):
        try:
            yield Unit.of(function, bind_body(spec, space), space.sizes)
        except (LookupError, ValueError) as error:
            raise TaskError(f"{function.name}: {error}") from error


def normal(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Draw from the standard normal distribution."""
    return torch.randn(shape, generator=generator)


def element(
    dtype: Dtype, shapes: tuple[tuple[int, ...], ...], generator: torch.Generator, draw: Draw
) -> Tensors:
    """Draw one element; what is multi-hot has ones and zeros in equal parts."""
    return [
        (normal(shape, generator) > 0).to(torch.get_default_dtype())
        if isinstance(base(item), Multihot)
        else draw(shape, generator)
        for item, shape in zip(components(dtype), shapes, strict=True)
    ]


def random_element(unit: Unit, generator: torch.Generator) -> tuple[Tensors | None, Tensors]:
    """Draw one element of a function's input, and a state for folds."""
    fn, state = unit.function, None
    if fn.is_fold:
        state = element(fn.output, unit.output_shapes, generator, normal)
    return state, element(fn.input, unit.input_shapes, generator, normal)


def call_once(unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
    """Call a body once and check the shapes of what it returns.

    Raises:
        RunError: if it fails or returns other shapes than declared.
    """
    results: Tensors = []
    value = unit.call(None if state is None else list(state), list(inputs))
    for item, shape in zip(unit.results(value), unit.output_shapes, strict=True):
        try:
            tensor = torch.as_tensor(item).to(torch.get_default_dtype())
            results.append(tensor.expand(shape).clone())
        except (TypeError, ValueError, RuntimeError) as error:
            came = tuple(item.shape) if isinstance(item, torch.Tensor) else repr(item)[:80]
            raise RunError(
                f"{unit.function.name} returned {came}, expected a tensor of shape {shape}"
            ) from error
    return results
