"""Ways to apply a function body to a whole batch of elements.

The loop is what a body means: one call per element. The others are faster and are used for a body
only if they agree with the loop on random elements, and never directly for a body that decides
something with Python's control flow, where agreement on some data says nothing about other data.
Such a body is rewritten first, if it can be (see `branches`).
"""

import ast
import math
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from hardwon.languages.step.semantics.base import (
    Data,
    RunError,
    Tensors,
    UnsuitableSizeError,
)
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.branches import SELECT, Selector, without_branches
from hardwon.languages.step.simulator.equality import equal
from hardwon.languages.step.simulator.namespace import Body, define
from hardwon.languages.step.types import (
    Buffer,
    Component,
    Multihot,
    components,
    data_shape,
    element_dims,
)
from hardwon.records import FunctionSpec

_TRIAL_BATCHES = (11, 13)
"""Trial batch sizes; odd enough not to look like one of the task's dimensions by accident."""
_TRIAL_LENGTHS = (2, 17, 3)
"""The lengths of a trial stream."""
_TRIAL_SCALES = (1.0, 1e-3, 40.0, -1.0, 0.0, 2e3, -40.0, 1.0)
"""Factors of the elements of a trial in turn, negative ones for elements without positive numbers.

A body such as `x * torch.clamp(100 / x.norm(), max=1)` looks at the whole batch, which shows only
where the bound lies between an element and a batch of them. Next to large elements it always does.
"""

_CONTROL_FLOW = (
    ast.If,
    ast.IfExp,
    ast.While,
    ast.For,
    ast.BoolOp,
    ast.Assert,
    ast.Try,
    ast.ListComp,
    ast.GeneratorExp,
    ast.Match,
)
_TO_PYTHON = {"item", "tolist", "numpy", "int", "float", "bool", "max", "min", "len"}
"""Calls that leave tensors for Python numbers; `x.max()` reduces over a batch as well."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One function at one size setting: its body and the shapes of single elements."""

    function: Function
    body: Body
    input_shapes: tuple[tuple[int, ...], ...]
    output_shapes: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, function: Function, body: Body, sizes: Mapping[str, int]) -> "Unit":
        """Resolve the element shapes of a function."""

        def shapes(items: tuple[Component, ...]) -> tuple[tuple[int, ...], ...]:
            return tuple(data_shape(element_dims(item), sizes) for item in items)

        return cls(
            function, body, shapes(components(function.input)), shapes(components(function.output))
        )

    def call(self, state: list[torch.Tensor] | None, inputs: list[torch.Tensor]) -> object:
        """Call the body once.

        Raises:
            RunError: if it fails.
        """
        try:
            return self.body(inputs, state) if state is not None else self.body(inputs)
        except (Exception, SystemExit) as error:
            raise UnsuitableSizeError(
                f"{self.function.name} failed: {type(error).__name__}: {error}"
            ) from error

    def results(self, value: object) -> list[object]:
        """Return what a body returned as a list with one entry per component."""
        items = list(value) if isinstance(value, list | tuple) else [value]
        if len(items) != len(self.output_shapes):
            raise UnsuitableSizeError(
                f"{self.function.name} returned {len(items)} components,"
                f" expected {len(self.output_shapes)}"
            )
        return items


def loop(unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
    """Apply a body to one element after the other: the definition."""
    columns: list[list[torch.Tensor]] = [[] for _ in unit.output_shapes]
    for at in range(inputs[0].shape[0]):
        before = None if state is None else [tensor[at].clone() for tensor in state]
        value = unit.call(before, [tensor[at].clone() for tensor in inputs])
        for column, item, shape in zip(
            columns, unit.results(value), unit.output_shapes, strict=True
        ):
            column.append(_element(unit, item, shape))
    return tuple(map(torch.stack, columns))


def _element(unit: Unit, item: object, shape: tuple[int, ...]) -> torch.Tensor:
    try:
        tensor = torch.as_tensor(item)
        if tensor.is_complex():
            raise UnsuitableSizeError(
                f"{unit.function.name} returned complex numbers, expected real ones"
            )
        return tensor.to(torch.get_default_dtype()).expand(shape)
    except (TypeError, ValueError, RuntimeError) as error:
        came = tuple(item.shape) if isinstance(item, torch.Tensor) else repr(item)[:80]
        raise UnsuitableSizeError(
            f"{unit.function.name} returned {came}, expected a tensor of shape {shape}"
        ) from error


def direct(unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
    """Hand the body the whole batch, every element padded to the same number of dimensions."""
    rank = max(map(len, (*unit.input_shapes, *unit.output_shapes)))

    def padded(tensors: Tensors) -> list[torch.Tensor]:
        return [t.reshape(t.shape[0], *(1,) * (rank - t.dim() + 1), *t.shape[1:]) for t in tensors]

    batch = inputs[0].shape[0]
    value = unit.call(None if state is None else padded(state), padded(inputs))
    found: list[torch.Tensor] = []
    for item, shape in zip(unit.results(value), unit.output_shapes, strict=True):
        if not isinstance(item, torch.Tensor):
            raise RunError("not a tensor")
        full = item.to(torch.get_default_dtype()).expand(batch, *(1,) * (rank - len(shape)), *shape)
        found.append(full.reshape(batch, *shape))
    return tuple(found)


def plain(unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
    """Hand the body the whole batch as it is: right for bodies that work on trailing axes."""
    batch, dtype = inputs[0].shape[0], torch.get_default_dtype()
    value = unit.call(None if state is None else list(state), list(inputs))
    found: list[torch.Tensor] = []
    for item, shape in zip(unit.results(value), unit.output_shapes, strict=True):
        if not isinstance(item, torch.Tensor) or tuple(item.shape) != (batch, *shape):
            raise RunError("not a batch")
        found.append(item if item.dtype is dtype else item.to(dtype))
    return tuple(found)


def on_streams(
    body: Body, data: Data, shapes: tuple[tuple[int, ...], ...]
) -> tuple[torch.Tensor, ...] | None:
    """Hand a body whole streams as they are; None if it does not return elements of these shapes.

    Only for bodies that `takes_streams` has approved.
    """
    lengths, dtype = data.lengths, torch.get_default_dtype()
    try:
        items = body(list(data.tensors))
    except Exception:
        return None  # the careful ways say what is wrong
    if type(items) is not list or len(items) != len(shapes):
        return None
    for item, shape in zip(items, shapes, strict=True):
        if (
            not isinstance(item, torch.Tensor)
            or item.shape != lengths + shape
            or item.dtype is not dtype
        ):
            return None
    return tuple(items)


def takes_streams(unit: Unit, evaluator: "Evaluator") -> bool:
    """Whether a body without state that takes batches as they are takes any number of axes before
    those of an element.

    It works on one such axis already. If it works on three as well, it counts axes from the end.
    """
    if evaluator is not plain or unit.function.is_fold:
        return False
    _, inputs = _trial(unit, math.prod(_TRIAL_LENGTHS), torch.Generator().manual_seed(1))
    wide = Data(len(_TRIAL_LENGTHS), tuple(x.reshape(_TRIAL_LENGTHS + x.shape[1:]) for x in inputs))
    found = on_streams(unit.body, wide, unit.output_shapes)
    if found is None:
        return False
    flat = plain(unit, None, inputs)
    return all(_alike(a.flatten(0, wide.dims - 1), b) for a, b in zip(found, flat, strict=True))


def vectorised(unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
    """Let PyTorch rewrite the body for a batch."""

    def one(before: Tensors | None, element: Tensors) -> Tensors:
        value = unit.call(None if before is None else list(before), list(element))
        return tuple(
            _element(unit, item, shape)
            for item, shape in zip(unit.results(value), unit.output_shapes, strict=True)
        )

    if state is None:
        return torch.func.vmap(lambda element: one(None, element))(inputs)
    return torch.func.vmap(one)(state, inputs)


Evaluator = Callable[[Unit, Tensors | None, Tensors], Tensors]
Trial = tuple[Tensors | None, Tensors]


class HiddenStateError(Exception):
    """A body's results depend on something other than its arguments."""


@dataclass(frozen=True, slots=True)
class Branchless:
    """Hands a rewritten body the whole batch."""

    body: Body
    selector: Selector

    def __call__(self, unit: Unit, state: Tensors | None, inputs: Tensors) -> Tensors:
        """See `direct`."""
        self.selector.batch = inputs[0].shape[0]
        return direct(replace(unit, body=self.body), state, inputs)


def choose(unit: Unit, spec: FunctionSpec) -> Evaluator:
    """Return the fastest way that agrees with the loop on random elements.

    A body that fails on random elements is left to the loop.

    Raises:
        HiddenStateError: if the loop does not agree with itself.
    """
    try:
        return tried(unit, spec)
    except RunError:
        return loop


def tried(unit: Unit, spec: FunctionSpec) -> Evaluator:
    """Do what `choose` does, but fail with the body.

    Raises:
        RunError: if the body fails on random elements.
        HiddenStateError: if the loop does not agree with itself.
    """
    generator = torch.Generator().manual_seed(0)
    trials = [_trial(unit, batch, generator) for batch in _TRIAL_BATCHES]
    expected = [loop(unit, state, inputs) for state, inputs in trials]
    if not _is_function(unit, trials[0], expected[0]):
        raise HiddenStateError(f"{unit.function.name} gives different results for the same element")
    for candidate in _candidates(unit, spec):
        try:
            if all(
                _agrees(candidate, unit, trial, want)
                for trial, want in zip(trials, expected, strict=True)
            ):
                return candidate
        except (RunError, RuntimeError, TypeError, ValueError, IndexError):
            continue
    return loop


def _candidates(unit: Unit, spec: FunctionSpec) -> list[Evaluator]:
    if not _decides_in_python(ast.parse(textwrap.dedent(spec.apply))):
        return [plain, direct, vectorised]
    statements = without_branches(spec.apply)
    if statements is None or _decides_in_python(ast.Module(statements, [])):
        return [vectorised]
    names: dict[str, Any] = getattr(unit.body, "__globals__", {})
    selector = names.setdefault(SELECT, Selector())
    return [Branchless(define(statements, names, spec.func_name), selector), vectorised]


def _is_function(unit: Unit, trial: Trial, want: Tensors) -> bool:
    """Whether the same elements in the opposite order give the same results."""
    state, inputs = trial

    def turned(tensors: Tensors) -> Tensors:
        return tuple(tensor.flip(0) for tensor in tensors)

    again = turned(loop(unit, None if state is None else turned(state), turned(inputs)))
    return all(
        torch.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True)
        for a, b in zip(again, want, strict=True)
    )


def _agrees(evaluator: Evaluator, unit: Unit, trial: Trial, want: Tensors) -> bool:
    state, inputs = trial
    given = [*(state or ()), *inputs]
    kept = [tensor.clone() for tensor in given]
    found = evaluator(unit, state, inputs)
    untouched = all(bool(equal(now, before).all()) for now, before in zip(given, kept, strict=True))
    return untouched and all(_alike(a, b) for a, b in zip(found, want, strict=True))


def _alike(found: torch.Tensor, want: torch.Tensor) -> bool:
    """Whether two batches are equal but for rounding, which goes by the scale of each element."""
    if found.shape != want.shape:
        return False
    known = want.nan_to_num(0.0, 0.0, 0.0).abs()
    largest = known.reshape(known.shape[0], -1).amax(dim=1).clamp(min=1.0)
    scale = largest.reshape(-1, *(1,) * (want.dim() - 1))
    close = (found - want).abs() <= 1e-4 * known + 1e-5 * scale
    return bool((close | equal(found, want)).all())


def _trial(unit: Unit, batch: int, generator: torch.Generator) -> Trial:
    """Draw elements, each of a magnitude of its own; what is multi-hot is zeros and ones."""

    def draw(items: tuple[Component, ...], shapes: tuple[tuple[int, ...], ...]) -> Tensors:
        drawn: list[torch.Tensor] = []
        for item, shape in zip(items, shapes, strict=True):
            tensor = torch.randn(batch, *shape, generator=generator)
            elem = item.elem if isinstance(item, Buffer) else item
            multihot = isinstance(elem, Multihot)
            drawn.append((tensor > 0).to(tensor.dtype) if multihot else _scaled(tensor, generator))
        return tuple(drawn)

    fn = unit.function
    state = draw(components(fn.output), unit.output_shapes) if fn.is_fold else None
    return state, draw(components(fn.input), unit.input_shapes)


def _scaled(tensor: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Give every element its scale, and some of them one sign only."""
    batch = tensor.shape[0]
    order = torch.randperm(batch, generator=generator) % len(_TRIAL_SCALES)
    scales = torch.tensor(_TRIAL_SCALES)[order].reshape(batch, *(1,) * (tensor.dim() - 1))
    return torch.where(scales < 0, tensor.abs(), tensor) * scales


def _decides_in_python(body: ast.Module) -> bool:
    """Whether a body may take another path for other data, or leaves PyTorch."""
    for node in ast.walk(body):
        if isinstance(node, _CONTROL_FLOW):
            return True
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            on_torch = isinstance(node.func, ast.Attribute) and (
                isinstance(node.func.value, ast.Name) and node.func.value.id == "torch"
            )
            if called in _TO_PYTHON and not on_torch:
                return True
    return False
