"""Small data on which statements are evaluated, many at a time, in float64."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch

from hardwon.languages.protocol import TaskError
from hardwon.languages.step.semantics import RunError
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.settings import DEFAULT_SIZES, all_hold
from hardwon.languages.step.signature import Function
from hardwon.languages.step.simulator.evaluators import loop
from hardwon.languages.step.simulator.machine import Units
from hardwon.languages.step.simulator.namespace import (
    Namespace,
    as_dtype,
    build_namespace,
    draw_inputs,
    run_references,
)
from hardwon.languages.step.synthesis.calls import Call, Route, multihot_of, routed_dims
from hardwon.languages.step.synthesis.search.kinds import compact_dims, kind_of
from hardwon.languages.step.synthesis.search.watching import HangError, watched
from hardwon.languages.step.synthesis.values import Dims, Fit, base, buffer_dims, without_ones
from hardwon.languages.step.types import (
    Component,
    Multihot,
    Stream,
    components,
    data_shape,
)
from hardwon.records import Task

_SIZES: tuple[Mapping[str, int], ...] = (
    {"M": 5, "N": 3, "K": 4, "D": 6},
    {"M": 4, "N": 5, "K": 6, "D": 2},
    {"M": 4, "N": 3, "K": 5, "D": 8},
    {"M": 6, "N": 7, "K": 4, "D": 12},
    DEFAULT_SIZES,
)
"""Sizes to try, in this order; all different, so that a wrong dimension does not look right."""
_WORLDS = 2
_CHOSEN = 0.5
_HANG_SECONDS = 2.0
"""Of processor time: after that long, one batch of calls is taken to hang."""
_PATIENCE_SECONDS = 20.0
"""How long the task's own code may take to prepare one world."""


@dataclass(frozen=True)
class World:
    """A task's inputs, functions and wanted results at one size setting and seed."""

    units: Units
    inputs: tuple[Tensors, ...]
    """Per input stream, its components without dimensions of size 1."""
    wanted: tuple[Tensors, ...]
    """Per output, its components as the reference has them, without dimensions of size 1."""

    @classmethod
    def build(cls, task: Task, sizes: Mapping[str, int], seed: int) -> "World":
        """Draw data, run the references and choose how functions are evaluated.

        Raises:
            TaskError: if the task's own code fails at these sizes.
        """
        space = build_namespace(task, sizes, seed)
        values = as_dtype(draw_inputs(space, seed), torch.float64)
        space.globals["input_data"] = values
        wanted = tuple(
            _compact(tuple(row), stream, space)
            for row, stream in zip(
                run_references(space, torch.float64), space.signature.outputs, strict=True
            )
        )
        inputs: list[Tensors] = []
        for name, stream in space.signature.inputs:
            value = values[name]
            parts = tuple(value) if isinstance(value, list) else (value,)
            inputs.append(_compact(parts, stream, space))
        return cls(Units.choose(space), tuple(inputs), wanted)

    @property
    def sizes(self) -> Mapping[str, int]:
        """The sizes of all symbols."""
        return self.units.space.sizes

    def lengths(self, dims: Dims) -> tuple[int, ...]:
        """Return sizes, outermost first."""
        return data_shape(dims, self.sizes)

    def evaluate(self, statement: Call | Route, arguments: Sequence[Tensors]) -> Tensors:
        """Evaluate many statements that are alike but for their arguments.

        Args:
            statement: any of them.
            arguments: per argument, its components, with the statements along the first axis; the
                index of a route comes last.

        Returns:
            One tensor per component of the results, with the statements along the first axis.

        Raises:
            RunError: if a function fails on this data.
        """
        count = arguments[0][0].shape[0]
        if isinstance(statement, Call):
            return self._call(statement, arguments, count)
        return self._route(statement, arguments, count)

    def _gathered(
        self,
        fits: Sequence[Fit],
        arguments: Sequence[Tensors],
        wanted: tuple[Component, ...],
        dims: Dims,
    ) -> Tensors:
        """Return the zipped arguments with the axes (statements, stream dimensions, element)."""
        columns: list[torch.Tensor] = []
        for fit, parts in zip(fits, arguments, strict=True):
            for part in parts:
                columns.append(self.aligned(fit, part, wanted[len(columns)], dims))
        return tuple(columns)

    def aligned(
        self, fit: Fit, tensor: torch.Tensor, component: Component, dims: Dims
    ) -> torch.Tensor:
        """Insert the dimensions that an argument lacks, and repeat it along them."""
        inner = without_ones(buffer_dims(component))
        present = inner + fit.tail if fit.width > 1 else fit.value.stream.shape
        present = without_ones(present)
        target = inner + dims
        last = (tensor.shape[-1],) if isinstance(base(component), Multihot) else ()
        shape: list[int] = []
        source = 0
        for dim in target:
            if source < len(present) and present[source] == dim:
                source += 1
                shape.append(dim.value(self.sizes) or 1)
            else:
                shape.append(1)
        count = tensor.shape[0]
        viewed = tensor.reshape(count, *reversed(shape), *last)
        return viewed.expand(count, *self.lengths(target), *last)

    def _apply(self, function: Function, state: Tensors | None, inputs: Tensors) -> Tensors:
        unit, evaluator = self.units.chosen[function.name]
        try:
            with watched(_HANG_SECONDS):
                return evaluator(unit, state, inputs)
        except HangError:
            raise
        except (RunError, RuntimeError, TypeError, ValueError, IndexError) as error:
            if evaluator is loop:
                raise RunError(str(error)) from error
        with watched(_HANG_SECONDS):
            return loop(unit, state, inputs)

    def _call(self, call: Call, arguments: Sequence[Tensors], count: int) -> Tensors:
        function = call.function
        unit, _ = self.units.chosen[function.name]
        gathered = self._gathered(
            call.arguments.fits, arguments, components(function.input), call.dims
        )
        lengths = self.lengths(call.dims)
        if call.primitive == "Map":
            elements = _elements(gathered, unit.input_shapes, count * prod(lengths))
            return self._results(self._apply(function, None, elements), function, count, lengths)
        split = len(lengths) - call.b
        outer, inner = lengths[:split], lengths[split:]
        rows, steps = count * prod(outer), prod(inner)
        columns = tuple(
            tensor.reshape(rows, steps, *shape)
            for tensor, shape in zip(gathered, unit.input_shapes, strict=True)
        )
        shortcut = self.units.shortcuts.get(function.name)
        accumulates = call.primitive == "Accum"
        if shortcut is not None and accumulates:
            return self._results(shortcut.folded(columns, 1), function, count, outer)
        if shortcut is not None:
            return self._results(shortcut.scanned(columns, 1), function, count, lengths)
        state = self._initial(function, rows)
        states: list[Tensors] = []
        for at in range(steps):
            state = self._apply(function, state, tuple(column[:, at] for column in columns))
            if not accumulates:
                states.append(state)
        if accumulates:
            return self._results(state, function, count, outer)
        stacked = tuple(torch.stack(column, dim=1) for column in zip(*states, strict=True))
        return self._results(stacked, function, count, lengths)

    def _initial(self, function: Function, batch: int) -> Tensors:
        unit, _ = self.units.chosen[function.name]
        return tuple(
            torch.full((batch, *shape), value)
            for shape, value in zip(
                unit.output_shapes, self.units.inits[function.name], strict=True
            )
        )

    def _results(
        self, tensors: Tensors, function: Function, count: int, lengths: tuple[int, ...]
    ) -> Tensors:
        return tuple(
            tensor.reshape(count, *lengths, *self.lengths(compact_dims(component)))
            for tensor, component in zip(tensors, components(function.output), strict=True)
        )

    def _route(self, route: Route, arguments: Sequence[Tensors], count: int) -> Tensors:
        """Compute every branch for every token, and keep what the index selects."""
        merge, family = route.family.merge, route.family
        gathered = self._gathered(route.arguments.fits, arguments[:-1], family.wanted, route.dims)
        chosen = arguments[-1][0] > _CHOSEN
        multihot = multihot_of(route.index)
        assert multihot is not None
        inner = route.dims[: len(route.dims) - len(routed_dims(route.index))]
        lengths = self.lengths(route.dims)
        batch = count * prod(lengths)

        def spread(mask: torch.Tensor) -> torch.Tensor:
            """Repeat a mask along the dimensions inside those of the index."""
            ones = mask.reshape(*mask.shape, *(1 for _ in inner))
            return ones.expand(*mask.shape, *self.lengths(inner)).reshape(batch)

        merged, _ = self.units.chosen[merge.name]
        state = self._initial(merge, batch)
        for branch in range(chosen.shape[-1]):
            function = family.branches[branch]
            if function is None:
                tokens = _elements(gathered, merged.input_shapes, batch)
            else:
                unit, _ = self.units.chosen[function.name]
                tokens = self._apply(function, None, _elements(gathered, unit.input_shapes, batch))
            after = self._apply(merge, state, tokens)
            state = _where(spread(chosen[..., branch]), after, state)
        nothing = spread(~chosen.any(dim=-1))
        zeros = tuple(torch.zeros_like(tensor) for tensor in state)
        return self._results(_where(nothing, zeros, state), merge, count, lengths)


def _elements(tensors: Tensors, shapes: tuple[tuple[int, ...], ...], count: int) -> Tensors:
    return tuple(
        tensor.reshape(count, *shape) for tensor, shape in zip(tensors, shapes, strict=True)
    )


def _where(mask: torch.Tensor, yes: Tensors, no: Tensors) -> Tensors:
    return tuple(
        torch.where(mask.reshape(-1, *(1 for _ in old.shape[1:])), new, old)
        for new, old in zip(yes, no, strict=True)
    )


def _compact(parts: Tensors, stream: Stream, space: Namespace) -> Tensors:
    """Leave out the dimensions that are 1 by definition."""
    kind = kind_of(stream)
    return tuple(
        part.reshape(shape) for part, shape in zip(parts, kind.shapes(space.sizes), strict=True)
    )


def build_worlds(task: Task, seed: int) -> tuple[World, ...]:
    """Return worlds of different sizes and seeds; fewer where the task allows fewer.

    Where a function fails, the sizes are taken to be at fault, as long as there are others.

    Raises:
        TaskError: if the task's own code fails at all sizes.
    """
    worlds: list[World] = []
    flawed: list[World] = []
    failure = TaskError("the task's constraints exclude all sizes that are tried")
    for number, sizes in enumerate(_SIZES):
        if len(worlds) == _WORLDS:
            break
        if not all_hold(task.constraints, sizes):
            continue
        try:
            with watched(_PATIENCE_SECONDS):
                world = World.build(task, sizes, seed + number)
        except HangError as error:
            raise TaskError(f"it hangs: {error}") from error
        except TaskError as error:
            failure = error
            continue
        if not all_hold(task.constraints, world.sizes):
            continue
        (flawed if world.units.broken else worlds).append(world)
    found = (*worlds, *flawed)[:_WORLDS]
    if not found:
        raise failure
    return found
