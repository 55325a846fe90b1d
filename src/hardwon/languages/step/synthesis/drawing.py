"""Draws the choices that make a program, one after the other."""

import math
import random
from dataclasses import dataclass
from typing import TypeVar

from hardwon.languages.step.graph import Graph
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.builder import CannotAdaptError
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route, route_layouts
from hardwon.languages.step.synthesis.keys import ROUTE
from hardwon.languages.step.synthesis.options import Options, Rows, Scored, exchangeable
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.synthesis.values import Fit, Value
from hardwon.languages.step.types import Component, components

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A program being drawn."""

    options: Options
    rng: random.Random
    temperature: float

    @property
    def state(self) -> State:
        """The program so far."""
        return self.options.state

    def step(self) -> Graph | None:
        """Add a statement, or finish; a choice that turns out illegal costs a step as well."""
        indices, outputs = self.options.indices(), self.options.outputs()
        statements = self.options.statements(indices, outputs)
        if not statements:
            return None
        chosen = self.pick(statements)
        try:
            if isinstance(chosen, Function):
                self.call(chosen)
            elif chosen is ROUTE:
                self.route(indices)
            elif outputs is not None:
                return self.finish(outputs)
        except CannotAdaptError:
            pass
        return None

    def pick(self, options: Scored[_T]) -> _T:
        """Draw one option by its score at the temperature."""
        top = max(score for _, score in options)
        weights = [math.exp((score - top) / self.temperature) for _, score in options]
        return self.rng.choices([option for option, _ in options], weights)[0]

    def call(self, function: Function) -> None:
        """Draw how a function is applied, and apply it."""
        key = self.state.space.keys[function.name]
        arguments = self.arguments(components(function.input), key)
        dims = self.rng.choice(arguments.alignments())
        self.state.require_sane(components(function.output), dims)
        if not function.is_fold:
            self.state.call(Call(function, arguments, dims))
            return
        modes = self.options.folds(key, dims)
        if not modes:
            raise CannotAdaptError("nothing to fold over")
        self.state.call(Call(function, arguments, dims, *self.pick(modes)))

    def arguments(self, wanted: tuple[Component, ...], key: str) -> Arguments:
        """Draw streams that make up a function's input."""
        picked: list[Fit] = []
        while sum(fit.width for fit in picked) < len(wanted):
            options = self.options.arguments(wanted, key, picked)
            if not options:
                raise CannotAdaptError("nothing fits")
            picked.append(self.pick(options))
        return Arguments(self.elders_first(tuple(picked), wanted))

    def elders_first(
        self, picked: tuple[Fit, ...], wanted: tuple[Component, ...]
    ) -> tuple[Fit, ...]:
        """Put the older of two interchangeable arguments first, most of the time.

        What is subtracted, divided or weighted is usually older than what was computed from it.
        """
        chance = self.options.policy.elders_first
        if not exchangeable(picked, wanted) or self.rng.random() > chance:
            return picked
        first, second = picked
        return picked if first.value.birth <= second.value.birth else (second, first)

    def route(self, indices: Scored[Value]) -> None:
        """Draw how tokens are routed, and route them."""
        index = self.pick(indices)
        families = self.options.families(index)
        if not families:
            raise CannotAdaptError("no branches that a fold can merge")
        family = self.pick(families)
        arguments = self.arguments(family.wanted, family.key(self.state.space.keys))
        layouts = route_layouts(index, arguments)
        if not layouts:
            raise CannotAdaptError("the routed stream does not end in the index's dimensions")
        dims = self.rng.choice(layouts)
        self.state.require_sane(components(family.merge.output), dims)
        self.state.route(Route(index, family, arguments, dims))

    def finish(self, rows: Rows) -> Graph:
        """Draw a value for every output and return the program.

        Raises:
            CannotAdaptError: if a value cannot take the declared shape.
        """
        taken: list[Fit] = []
        for _ in rows:
            taken.append(self.pick(self.options.results(rows, taken)))
        return self.state.builder.finish(self.state.results(taken))
