"""Reads a program as the choices by which the sampler would draw it.

Programs that were not drawn (a model wrote them, say) may do what the sampler never does. They are
read up to there.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any, TypeVar

from hardwon.languages.step.checker import infer_types
from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import INPUT, Graph, Ref
from hardwon.languages.step.primitives import Accum, Map, Merge, Partition, Scan, Zip
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.builder import CannotAdaptError
from hardwon.languages.step.synthesis.calls import Arguments, Call, Route
from hardwon.languages.step.synthesis.fitting import Choice, log_likelihood
from hardwon.languages.step.synthesis.keys import ROUTE
from hardwon.languages.step.synthesis.linear import Feature, Linear, parts_of
from hardwon.languages.step.synthesis.options import Options, Scored, exchangeable
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.space import Space
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.synthesis.values import Fit, without_ones
from hardwon.languages.step.types import Component, components

PLAIN = "plain"
"""The kind of the features whose weights are the plain preferences, by name."""
MAX_STATEMENTS = 64
"""Programs are read up to there."""

PREFERENCES = tuple(
    item.name
    for item in fields(Policy)
    if isinstance(item.default, float) and item.name != "elders_first"
)
"""The plain preferences that are log-odds."""

_T = TypeVar("_T")
_Origins = tuple[Ref, ...]
"""The streams as written anew that a stream of the program is zipped from."""


class _Traced(Policy):
    """The plain policy, with scores that know what they are made of."""

    def total(self, features: Iterable[Feature]) -> float:
        return Linear.total(features)


class _UnlikeError(Exception):
    """The program does what the sampler never does."""


def replay(graph: Graph, space: Space) -> tuple[Choice, ...]:
    """Return the choices that lead to a well-typed program, in the order of its statements.

    Scores are those of the plain policy. Choices with a single option are left out.
    """
    plain = Policy()
    preferences: dict[str, Any] = {
        name: Linear(getattr(plain, name), {(PLAIN, name): 1.0}) for name in PREFERENCES
    }
    reader = _Reader(Options(State(space), _Traced(**preferences)))
    with suppress(_UnlikeError, CannotAdaptError):  # what was read so far is as good as any
        reader.read(graph)
    return tuple(reader.choices)


class _Reader:
    """Writes a given program, and keeps the choices."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.state = options.state
        self.space = options.state.space
        self.choices: list[Choice] = []

    def read(self, graph: Graph) -> None:
        """Follow a program, through everything that only moves data."""
        types = infer_types(graph, self.space.signature, self.space.sizes).types
        origins: dict[Ref, _Origins] = {
            Ref(INPUT, port): (Ref(INPUT, port),) for port in range(len(graph.inputs))
        }
        branches: dict[Ref, tuple[int, str | None]] = {}  # Partition, and function of the branch
        for index, node in enumerate(graph.nodes):
            if self.state.births >= MAX_STATEMENTS:
                raise _UnlikeError
            first, results = node.inputs[0], node.results(index)
            made = origins.get(first, ())
            match node.primitive:
                case Map(fn=fn) if first in branches:
                    branches[results[0]] = (branches[first][0], fn.name)
                case Partition():
                    branches.update(dict.fromkeys(results, (index, None)))
                case _ if first in branches and not isinstance(node.primitive, Merge):
                    branches.update(dict.fromkeys(results, branches[first]))
                case Map(fn=fn):
                    made = (self.call(fn.name, None, made, types[first].shape),)
                case Accum(fn=fn, b=b) | Scan(fn=fn, b=b):
                    fold = (node.primitive.name, b)
                    made = (self.call(fn.name, fold, made, types[first].shape),)
                case Merge(fn=fn):
                    parts = [branches.get(ref) for ref in node.inputs[:-1]]
                    if parts[0] is None:
                        raise _UnlikeError
                    routed, by = graph.nodes[parts[0][0]].inputs
                    names = [part and part[1] for part in parts]
                    made = (
                        self.route(
                            fn.name,
                            names,
                            origins.get(routed, ()),
                            origins.get(by, ()),
                            types[routed].shape,
                        ),
                    )
                case Zip():
                    made = tuple(origin for ref in node.inputs for origin in origins.get(ref, ()))
            origins.update(dict.fromkeys(results, made))
        self.finish([origin for ref in graph.outputs for origin in origins.get(ref, ())])

    def choose(self, options: Scored[_T], wanted: Sequence[bool]) -> _T:
        """Keep a choice, and return what was chosen: the first option that is wanted."""
        if True not in wanted:
            raise _UnlikeError
        chosen = wanted.index(True)
        if len(options) > 1:
            rows = tuple((float(score), parts_of(score)) for _, score in options)
            self.choices.append(Choice(rows, chosen))
        return options[chosen][0]

    def begin(self, wanted: Function | str) -> None:
        """Choose to call a function, or to route tokens."""
        statements = self.options.statements(self.options.indices(), self.options.outputs())
        self.choose(statements, [option == wanted for option, _ in statements])

    def call(
        self, name: str, fold: tuple[str, int] | None, made: _Origins, shape: tuple[Dim, ...]
    ) -> Ref:
        """Choose a function, its arguments, and how it folds."""
        key = self.space.keys[name]
        function = self.space.signature.functions[self.space.places[name]]
        self.begin(function)
        arguments = self.arguments(components(function.input), key, made)
        dims = without_ones(shape)
        if dims not in arguments.alignments():
            raise _UnlikeError
        call = Call(function, arguments, dims)
        if fold is not None:
            primitive, b = fold
            mode = (primitive, len(without_ones(shape[:b])))
            modes = self.options.folds(key, dims)
            self.choose(modes, [option == mode for option, _ in modes])
            call = replace(call, primitive=mode[0], b=mode[1])
        return self.state.call(call)

    def arguments(self, wanted: tuple[Component, ...], key: str, made: _Origins) -> Arguments:
        """Choose arguments.

        Two that could change places may have been picked in either order, since the sampler puts
        elders first afterwards: then it was the likelier one.
        """
        picked, choices = self.picked(wanted, key, made)
        births = [fit.value.birth for fit in picked]
        if exchangeable(picked, wanted) and births[0] < births[1]:
            turned = self.picked(wanted, key, made[::-1])[1]
            if log_likelihood(turned) > log_likelihood(choices):
                choices = turned
        self.choices += choices
        return Arguments(tuple(picked))

    def picked(
        self, wanted: tuple[Component, ...], key: str, made: _Origins
    ) -> tuple[list[Fit], list[Choice]]:
        """Return these arguments, picked in this order, and the choices for it."""
        before, self.choices = self.choices, []
        picked: list[Fit] = []
        for origin in made:
            options = self.options.arguments(wanted, key, picked)
            picked.append(self.choose(options, [fit.value.ref == origin for fit, _ in options]))
        choices, self.choices = self.choices, before
        if sum(fit.width for fit in picked) != len(wanted):
            raise _UnlikeError
        return picked, choices

    def route(
        self,
        merge: str,
        branches: list[str | None],
        made: _Origins,
        by: _Origins,
        shape: tuple[Dim, ...],
    ) -> Ref:
        """Choose to route tokens, by what, and through which branches."""
        self.begin(ROUTE)
        indices = self.options.indices()
        index = self.choose(indices, [(value.ref,) == by for value, _ in indices])
        families = self.options.families(index)
        family = self.choose(
            families,
            [
                family.merge.name == merge
                and [branch and branch.name for branch in family.branches] == branches
                for family, _ in families
            ],
        )
        arguments = self.arguments(family.wanted, family.key(self.space.keys), made)
        return self.state.route(Route(index, family, arguments, without_ones(shape)))

    def finish(self, made: list[Ref]) -> None:
        """Choose to end, and with which results."""
        rows = self.options.outputs()
        if rows is None or len(rows) != len(made):
            raise _UnlikeError
        statements = self.options.statements(self.options.indices(), rows)
        self.choose(statements, [option is rows for option, _ in statements])
        taken: list[Fit] = []
        for origin in made:
            results = self.options.results(rows, taken)
            taken.append(self.choose(results, [fit.value.ref == origin for fit, _ in results]))
