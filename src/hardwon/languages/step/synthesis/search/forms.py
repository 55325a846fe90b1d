"""Forms: statements but for the streams they take, which are only known by kind."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hardwon.languages.step.dims import Dim
from hardwon.languages.step.graph import Ref
from hardwon.languages.step.signature import Function
from hardwon.languages.step.synthesis.calls import (
    Arguments,
    Call,
    Family,
    Route,
    branch_families,
    fold_modes,
    further_families,
    multihot_of,
    routed_dims,
)
from hardwon.languages.step.synthesis.keys import ROUTE
from hardwon.languages.step.synthesis.options import MAX_BRANCHES
from hardwon.languages.step.synthesis.search.costs import STATEMENT, Costs
from hardwon.languages.step.synthesis.search.kinds import Kind, kind_of
from hardwon.languages.step.synthesis.space import Space
from hardwon.languages.step.synthesis.state import MAX_DIMS
from hardwon.languages.step.synthesis.values import (
    Dims,
    Fit,
    Value,
    alignments,
    full_dims,
)
from hardwon.languages.step.types import Component, Stream, components

MAX_COVERINGS = 4096
"""Ways of filling one function's input with kinds of which one is new."""

Statement = Call | Route


@dataclass(frozen=True, slots=True)
class Slot:
    """One argument of a form."""

    kind: int
    consumer: str
    """The key under which demonstrations know the consumer."""
    at: int
    """Which component of the consumer's input it is."""
    width: int
    total: int
    """How many components the consumer takes in all."""


@dataclass(frozen=True, slots=True)
class Form:
    """Statements that are alike but for their arguments."""

    statement: Statement
    """With arguments that stand for all of their kind."""
    slots: tuple[Slot, ...]
    """The arguments; the index of a route comes last."""
    result: int
    """The kind of the result."""
    producer: str
    """The key under which consumers know the result."""
    functions: tuple[int, ...]
    """Which functions of the task it calls."""
    cost: int
    """Before its arguments are known."""


@dataclass(frozen=True, slots=True)
class Group:
    """Forms that take the same arguments."""

    number: int
    slots: tuple[Slot, ...]
    functions: tuple[int, ...]
    forms: list[int]


@dataclass
class Forms:
    """All kinds and forms of a task that have come up."""

    space: Space
    costs: Costs
    kinds: list[Kind] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    dropped: bool = False
    """Whether some forms were left out because there were too many."""
    _numbers: dict[Kind, int] = field(default_factory=dict)
    _functions: Mapping[str, int] = field(init=False)
    _grouped: dict[tuple[tuple[Slot, ...], tuple[int, ...]], int] = field(default_factory=dict)
    _active: list[int] = field(default_factory=list)
    """The kinds of which there are values."""
    _sources: list[Value] = field(default_factory=list)
    """Per kind, a value that stands for all of it."""

    def __post_init__(self) -> None:
        functions = self.space.signature.functions
        self._functions = {fn.name: number for number, fn in enumerate(functions)}

    def number(self, stream: Stream) -> int:
        """Return the number of a stream's kind."""
        kind = kind_of(stream)
        if kind not in self._numbers:
            number = self._numbers[kind] = len(self.kinds)
            self.kinds.append(kind)
            self._sources.append(Value(Ref(number, 0), kind.stream, "", 0))
        return self._numbers[kind]

    def with_kind(self, kind: int) -> list[Group]:
        """Add all forms that take this kind, of which there are values now.

        Returns their groups, all of them new, in the order of their numbers.
        """
        first = len(self.groups)
        self._active.append(kind)
        for function in self.space.signature.functions:
            self._add_calls(function, kind)
        self._add_routes(kind)
        return self.groups[first:]

    def _add_calls(self, function: Function, kind: int) -> None:
        wanted = components(function.input)
        key = self.space.keys[function.name]
        alone = self.costs.branch_alone if function.name in self.space.branches else 0
        for picked in self._limited(self._coverings(wanted, kind)):
            arguments = Arguments(picked)
            for dims in arguments.alignments():
                if len(dims) > MAX_DIMS or not _closed(picked, dims):
                    continue
                if not self._sane(components(function.output), dims):
                    continue
                base = STATEMENT + alone + self._argument_cost(picked, dims)
                if not function.is_fold:
                    call = Call(function, arguments, dims)
                    self._add(call, _slots(picked, key, len(wanted)), dims, base, key)
                    continue
                for primitive, b in fold_modes(dims):
                    mode = self.costs.mode(key, primitive, b, dims)
                    call = Call(function, arguments, dims, primitive, b)
                    left = dims[b:] if primitive == "Accum" else dims
                    slots = _slots(picked, key, len(wanted))
                    self._add(call, slots, left, base + mode, key)

    def _add_routes(self, kind: int) -> None:
        for at in self._active:
            index = self._sources[at]
            multihot = multihot_of(index)
            if multihot is None:
                continue
            count = multihot.length.value(self.space.sizes) or 0
            if not 1 <= count <= MAX_BRANCHES:
                continue
            required = None if at == kind else kind
            for family, odd in self._families_of(count):
                for picked in self._limited(self._coverings(family.wanted, required)):
                    self._add_route(index, at, family, picked, odd)

    def _add_route(
        self, index: Value, at: int, family: Family, picked: tuple[Fit, ...], odd: int
    ) -> None:
        inner = routed_dims(index)
        keys = self.space.keys
        key = keys[(family.branches[0] or family.merge).name]
        idle = self.costs.idle_branch * sum(fn is None for fn in family.branches)
        for dims in alignments((*(fit.tail for fit in picked), inner)):
            fitting = dims[len(dims) - len(inner) :] == inner
            if not fitting or len(dims) > MAX_DIMS or not _closed(picked, dims):
                continue
            if not self._sane(components(family.merge.output), dims):
                continue
            route = Route(index, family, Arguments(picked), dims)
            slots = (
                *_slots(picked, key, len(family.wanted)),
                Slot(at, ROUTE, 0, 1, 1),
            )
            cost = STATEMENT + idle + odd + self._argument_cost(picked, dims)
            self._add(route, slots, dims, cost, keys[family.merge.name])

    def _families_of(self, count: int) -> Iterator[tuple[Family, int]]:
        """Yield ways of filling branches, with what they cost beyond a plain one."""
        functions = self.space.signature.functions
        for merge in functions:
            if merge.is_fold:
                for family in branch_families(functions, merge, count):
                    yield family, 0
                for family in further_families(functions, merge, count):
                    yield family, self.costs.odd_branches

    def _add(
        self, statement: Statement, slots: tuple[Slot, ...], left: Dims, cost: int, producer: str
    ) -> None:
        match statement:
            case Call(function=function):
                output = function.output
                names: tuple[str, ...] = (function.name,)
            case Route(family=family):
                output = family.merge.output
                branches = [fn.name for fn in family.branches if fn]
                names = tuple(dict.fromkeys((family.merge.name, *branches)))
        result = self.number(Stream(output, left))
        functions = tuple(self._functions[name] for name in names)
        cost += self.costs.size * max(0, len(self.kinds[result].dims) - 1)
        cost += self.costs.jitter(f"{names} {left} {[slot.kind for slot in slots]}")
        group = self._grouped.setdefault((slots, functions), len(self.groups))
        if group == len(self.groups):
            self.groups.append(Group(group, slots, functions, []))
        self.groups[group].forms.append(len(self.forms))
        self.forms.append(Form(statement, slots, result, producer, functions, cost))

    def _limited(self, coverings: Iterator[tuple[Fit, ...]]) -> Iterator[tuple[Fit, ...]]:
        yield from islice(coverings, MAX_COVERINGS)
        self.dropped |= next(coverings, None) is not None

    def _coverings(
        self, wanted: tuple[Component, ...], required: int | None
    ) -> Iterator[tuple[Fit, ...]]:
        """Yield the ways of providing all wanted components, with the required kind among them."""
        if not wanted:
            if required is None:
                yield ()
            return
        for number in self._active:
            for fit in self._fits(number, wanted):
                left = None if number == required else required
                for rest in self._coverings(wanted[fit.width :], left):
                    yield (fit, *rest)

    def _fits(self, number: int, wanted: tuple[Component, ...]) -> Iterator[Fit]:
        source = self._sources[number]
        for fit in self.kinds[number].fits(wanted):
            yield Fit(source, fit.width, fit.tail, fit.spread)

    def _argument_cost(self, picked: Sequence[Fit], dims: Dims) -> int:
        longest = max(len(fit.tail) for fit in picked)
        spread = self.costs.spread * sum(fit.spread for fit in picked)
        return spread + (self.costs.broadcast if len(dims) > longest else 0)

    def _sane(self, produced: tuple[Component, ...], dims: Dims) -> bool:
        """Whether no dimension occurs more often than anywhere in the task."""
        most: Counter[Dim] = self.space.multiplicity
        return all(
            count <= most[dim]
            for item in produced
            for dim, count in Counter(full_dims(item, dims)).items()
        )


def _slots(picked: Sequence[Fit], consumer: str, total: int) -> tuple[Slot, ...]:
    slots: list[Slot] = []
    at = 0
    for fit in picked:
        slots.append(Slot(fit.value.ref.node, consumer, at, fit.width, total))
        at += fit.width
    return tuple(slots)


def _closed(picked: Sequence[Fit], dims: Dims) -> bool:
    """Whether tuples can be repeated to these dimensions: only new inner ones can be added."""
    return all(
        fit.width == 1 or not fit.tail or dims[len(dims) - len(fit.tail) :] == fit.tail
        for fit in picked
    )
