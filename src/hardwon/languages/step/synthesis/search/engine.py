"""Bottom-up search in the order of cost; see README.md in this folder."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from math import inf, prod

import torch

from hardwon.languages.step.semantics import RunError
from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.simulator.evaluators import loop
from hardwon.languages.step.synthesis.calls import Call
from hardwon.languages.step.synthesis.policy import Maker, input_key
from hardwon.languages.step.synthesis.search.costs import STATEMENT, Costs
from hardwon.languages.step.synthesis.search.forms import Form, Forms, Group, Slot
from hardwon.languages.step.synthesis.search.queue import Batch, Pending, Shelf, combinations
from hardwon.languages.step.synthesis.search.starting import Use
from hardwon.languages.step.synthesis.search.store import MAX_STEPS, NONE, Store
from hardwon.languages.step.synthesis.search.targets import Targets
from hardwon.languages.step.synthesis.search.worlds import HangError, World
from hardwon.languages.step.types import components

AHEAD = 6
"""By how many quarters pairs are put together before their turn, since they may share statements,
which makes them cheaper than the sum of their parts."""
FAR = 8
"""By how many quarters more those that use all functions, since that makes them cheaper, too."""
DERIVATIONS = 2
"""Kept per value. With one, whichever came first would hide the one that shares more."""
SOLUTIONS = 16
"""Derivations kept of a wanted result."""
MAX_PENDING = 12_000_000
MAX_BYTES = 1_200_000_000
"""Memory that values and waiting statements may take."""
_PENDING_BYTES = 16
_BLOCK = 1 << 16
_BATCH_ROWS = 1024
_BATCH_NUMBERS = 1 << 20
_BATCH_CALLS = 1 << 14
"""Single calls per batch of a function that has to be called element by element."""
_MOST_BITS = 60
_HANGS = 2
_REALISED = 4
"""Values that one use of the program to start from may stand for."""
_FAILURES = 32
"""Failed statements, none having worked, after which a form is given up."""

SOLVED, BUDGET, EXHAUSTED = "solved", "budget", "exhausted"
TIME, MEMORY = "time", "memory"


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where values of one kind and form come from; see `Store` for the columns."""

    kind: int
    form: int
    producer: str
    arguments: torch.Tensor
    step: torch.Tensor
    ancestors: torch.Tensor


@dataclass
class Search:
    """A search over the programs of one task. `run` can be called again with a larger budget."""

    forms: Forms
    worlds: tuple[World, ...]
    uses: tuple[Use, ...] = ()
    """Of the program that a repair starts from; they cost next to nothing."""
    store: Store = field(init=False)
    targets: Targets = field(init=False)
    evaluations: int = 0
    level: int = 0
    """The cost up to which everything has been evaluated."""
    _horizon: int = field(init=False)
    """The cost up to which pairs of unrelated values have been put together."""
    _far: int = field(init=False)
    """The same for pairs that use all functions and may be a result."""
    _bits: torch.Tensor = field(init=False)
    _all_used: int = field(init=False)
    _pending: Pending = field(init=False)
    _shelves: dict[Slot, Shelf] = field(default_factory=dict)
    _by_kind: dict[int, list[Group]] = field(default_factory=dict)
    """The groups of forms that take a kind."""
    _members: dict[int, list[tuple[int, torch.Tensor]]] = field(default_factory=dict)
    """The values of a kind that have been put on shelves, by round."""
    _turn: int = 0
    _realised: dict[Use | int, list[int]] = field(default_factory=dict)
    """The values that uses, and inputs, stand for."""
    _offered: set[tuple[Use, tuple[int, ...]]] = field(default_factory=set)
    _seen: dict[int, int] = field(default_factory=dict)
    """The first value with these projections."""
    _again: dict[int, int] = field(default_factory=dict)
    """How many more."""
    _makers: dict[Maker, int] = field(default_factory=dict)
    _pairs: dict[Slot, torch.Tensor] = field(default_factory=dict)
    """Per slot and maker, what a stream adds as this argument, and per repeated function."""
    _calls: dict[int, torch.Tensor] = field(default_factory=dict)
    """Per form, how often it calls each function."""
    _vectors: dict[int, torch.Tensor] = field(default_factory=dict)
    _hangs: dict[int, int] = field(default_factory=dict)
    _failures: dict[int, int] = field(default_factory=dict)
    """Per form; NONE once a statement has worked."""

    def __post_init__(self) -> None:
        signature = self.forms.sampler.signature
        widths = [len(components(fn.input)) for fn in signature.functions]
        self.store = Store(max(widths, default=0) + 1, max(1, len(signature.functions)))
        self.targets = Targets(signature, self.worlds)
        # Of very many functions, only the first count as long as no more than these are used.
        self._bits = 1 << torch.arange(self.store.functions).clamp_max(_MOST_BITS)
        self._all_used = int(sum({*self._bits.tolist()}))
        self._pending = Pending(MAX_PENDING)
        self._horizon = self._far = -(1 << 30)
        self._add_inputs()

    @property
    def costs(self) -> Costs:
        """What statements cost."""
        return self.forms.costs

    @property
    def bytes(self) -> int:
        """The memory that the search has taken, roughly."""
        return self.store.bytes + self._pending.rows * _PENDING_BYTES + 200 * len(self._seen)

    # The loop

    def run(self, budget: int, seconds: float = inf) -> str:
        """Evaluate up to `budget` statements in all, or until there is a new program.

        Returns why it stopped.
        """
        deadline = time.monotonic() + seconds
        before = len(self.targets.solutions)
        if before == 0 and self.evaluations == 0:
            self.targets.complete(self.store, self.evaluations)  # an input may be the result
        while True:
            if len(self.targets.solutions) > before:
                return SOLVED
            if self.evaluations >= budget:
                return BUDGET
            if self.bytes > MAX_BYTES:
                return MEMORY
            if time.monotonic() > deadline:
                return TIME
            self._advance()
            level = self._pending.lowest()
            if level is None:
                if self._is_exhausted():
                    return MEMORY if self._pending.dropped else EXHAUSTED
                self.level += 1
                continue
            if level > self.level:
                self.level += 1
                continue
            self._work(level, budget, deadline)

    def _advance(self) -> None:
        """Put pairs together whose cost, if they share nothing, is that of the horizon."""
        while self._far < self.level + AHEAD + FAR:
            low, self._far = self._far, max(self._far + 1, self.level)
            self._put_between(low, self._far, far=True)
        while self._horizon < self.level + AHEAD:
            crowded = self._pending.rows > MAX_PENDING // 4
            if crowded and self._horizon >= self.level:
                return
            low, self._horizon = self._horizon, max(self._horizon + 1, self.level)
            self._put_between(low, self._horizon, far=False)

    def _put_between(self, low: int, high: int, *, far: bool) -> None:
        for group in self.forms.groups:
            if len(group.slots) > 1 and (not far or self._may_be_result(group)):
                shelves = [(self._shelves[slot], None) for slot in group.slots]
                found = combinations(shelves, low - STATEMENT, high - STATEMENT)
                self._put_products(group, found, far=far)

    def _may_be_result(self, group: Group) -> bool:
        return any(self._is_wanted(number) for number in group.forms)

    def _is_wanted(self, number: int) -> bool:
        return self.targets.wants(self.forms.kinds[self.forms.forms[number].result])

    def _is_exhausted(self) -> bool:
        """Whether no pairs are left to be put together."""
        tops = [
            STATEMENT + sum(max(self._shelves[slot].levels, default=0) for slot in group.slots)
            for group in self.forms.groups
            if len(group.slots) > 1
        ]
        return self._horizon >= max(tops, default=self._horizon)

    def _work(self, level: int, budget: int, deadline: float) -> None:
        """Evaluate what waits at a level; what exceeds the budget waits on."""
        waiting = list(self._pending.pop(level).items())
        before = len(self.targets.solutions)
        fresh: list[torch.Tensor] = []
        for at, (number, batch) in enumerate(waiting):
            taken = 0
            for whole in self._parts(number, batch):
                found = len(self.targets.solutions) > before
                if found or self.evaluations >= budget or time.monotonic() > deadline:
                    break
                room = budget - self.evaluations
                part = Batch(whole.arguments[:room], whole.extra[:room])
                taken += len(part)
                fresh += self._evaluate(number, part)
                self.targets.complete(self.store, self.evaluations)
            if taken < len(batch):
                rest = Batch(batch.arguments[taken:], batch.extra[taken:])
                for form, left in [(number, rest), *waiting[at + 1 :]]:
                    self._pending.put(level, form, left)
                break
        if fresh:
            self._welcome(torch.cat(fresh))

    def _parts(self, number: int, batch: Batch) -> Iterator[Batch]:
        """Split statements such that evaluating them takes bounded time and memory."""
        form = self.forms.forms[number]
        numbers = prod(self.worlds[0].lengths(form.statement.dims)) * self._element_size(form)
        rows = max(1, min(_BATCH_ROWS, _BATCH_NUMBERS // max(1, numbers)))
        chosen = self.worlds[0].units.chosen
        functions = self.forms.sampler.signature.functions
        if any(chosen[functions[fn].name][1] is loop for fn in form.functions):
            calls = prod(self.worlds[0].lengths(form.statement.dims))
            rows = max(1, min(rows, _BATCH_CALLS // max(1, calls)))
        for start in range(0, len(batch), rows):
            yield Batch(batch.arguments[start : start + rows], batch.extra[start : start + rows])

    def _element_size(self, form: Form) -> int:
        functions = self.forms.sampler.signature.functions
        units = [self.worlds[0].units.chosen[functions[fn].name][0] for fn in form.functions]
        return sum(
            prod(shape) for unit in units for shape in (*unit.input_shapes, *unit.output_shapes)
        )

    # Values

    def _add_inputs(self) -> None:
        signature = self.forms.sampler.signature
        numbers: list[torch.Tensor] = []
        for port, (_, stream) in enumerate(signature.inputs):
            kind = self.forms.number(stream)
            data = [tuple(t.unsqueeze(0) for t in world.inputs[port]) for world in self.worlds]
            numbers.append(
                self._keep(
                    _Origin(
                        kind=kind,
                        form=NONE,
                        producer=input_key(components(stream.dtype)[0]),
                        arguments=torch.full((1, self.store.slots), NONE, dtype=torch.int32),
                        step=torch.zeros(1, dtype=torch.int32),
                        ancestors=torch.full((1, 1), NONE, dtype=torch.int32),
                    ),
                    data,
                )
            )
            hashes = self._projections(kind, data)
            self._seen.setdefault(hashes[0], port)
            self.targets.match([port], self._matching(kind, data))
        self._welcome(torch.cat(numbers))

    def _matching(self, kind: int, data: list[Tensors]) -> list[tuple[int, torch.Tensor]]:
        return self.targets.matching(self.forms.kinds[kind], data)

    def _keep(self, origin: _Origin, data: list[Tensors]) -> torch.Tensor:
        """Append values of one form to the store and return their numbers."""
        kind, form, producer = origin.kind, origin.form, origin.producer
        arguments, step, ancestors = origin.arguments, origin.step, origin.ancestors
        store, count = self.store, step.shape[0]
        numbers = torch.arange(len(store), len(store) + count, dtype=torch.int32)
        if form == NONE:
            calls = torch.zeros(count, store.functions, dtype=torch.int16)
            own = ancestors
        else:
            best = store.calls[arguments.clamp_min(0)]
            best[arguments == NONE] = 0
            calls = best.amax(dim=1) + self._calls[form]
            own = torch.cat([numbers.unsqueeze(1), ancestors], dim=1)
        padded = torch.full((count, MAX_STEPS), NONE, dtype=torch.int32)
        width = min(MAX_STEPS, own.shape[1])
        padded[:, :width] = own[:, :width]
        store.ancestors.extend(padded)
        store.step.extend(step)
        store.cost.extend(store.total(ancestors) + step)
        store.kind.extend(torch.full((count,), kind, dtype=torch.int32))
        store.form.extend(torch.full((count,), form, dtype=torch.int32))
        store.maker.extend(self._made(producer, arguments))
        store.arguments.extend(arguments)
        store.calls.extend(calls)
        store.used.extend(((calls > 0) * self._bits).sum(dim=1))
        store.place.extend(store.add_data(kind, data))
        return numbers

    def _made(self, producer: str, arguments: torch.Tensor) -> torch.Tensor:
        """Return the numbers of the makers of values with these arguments."""
        fed = self.store.maker[arguments.clamp_min(0)]
        fed[arguments == NONE] = NONE
        ways = [tuple(row) for row in fed.tolist()]
        names = [maker[0] for maker in self._makers]
        known: dict[tuple[int, ...], int] = {}
        for way in set(ways):
            maker = (producer, frozenset(names[number] for number in way if number != NONE))
            known[way] = self._makers.setdefault(maker, len(self._makers))
        return torch.tensor([known[way] for way in ways], dtype=torch.int32)

    def _projections(self, kind: int, data: list[Tensors]) -> list[int]:
        """Return per value a number that depends on its kind and all of its data."""
        rows = data[0][0].shape[0]
        found = torch.full((rows,), kind, dtype=torch.int64)
        for tensors in data:
            for tensor in tensors:
                flat = tensor.reshape(rows, -1).nan_to_num(posinf=3.7e19, neginf=-2.9e19)
                width = flat.shape[1]
                if width not in self._vectors:
                    generator = torch.Generator().manual_seed(width)
                    self._vectors[width] = torch.rand(width, generator=generator) + 0.5
                mantissa, exponent = torch.frexp(flat @ self._vectors[width])
                digits = (mantissa * (1 << 30)).round().to(torch.int64)
                digits[exponent < -40] = 0  # rounding errors around zero
                exponent = exponent.clamp_min(-41).to(torch.int64)
                found = found * 6364136223846793005 + digits * 1442695040888963407 + exponent
                found = found ^ (found >> 29)
        numbers: list[int] = found.tolist()
        return numbers

    # Evaluating

    def _evaluate(self, number: int, batch: Batch) -> list[torch.Tensor]:
        """Evaluate statements of one form and keep the new values among the results."""
        form = self.forms.forms[number]
        self.evaluations += len(batch)
        if self._is_given_up(number, form):
            return []
        found: list[torch.Tensor] = []
        for part, data in self._results(number, form, batch):
            found += self._sifted(number, form, part, data)
        return found

    def _is_given_up(self, number: int, form: Form) -> bool:
        return self._failures.get(number, 0) >= _FAILURES or any(
            self._hangs.get(fn, 0) >= _HANGS for fn in form.functions
        )

    def _results(
        self, number: int, form: Form, batch: Batch
    ) -> Iterator[tuple[Batch, list[Tensors]]]:
        """Yield results; where a statement fails, of the others."""
        try:
            data = [
                world.evaluate(
                    form.statement,
                    [
                        self.store.gather(at, slot.kind, batch.arguments[:, position])
                        for position, slot in enumerate(form.slots)
                    ],
                )
                for at, world in enumerate(self.worlds)
            ]
        except HangError:
            for fn in form.functions:
                self._hangs[fn] = self._hangs.get(fn, 0) + 1
            return
        except (RunError, RuntimeError, TypeError, ValueError, IndexError):
            failures = self._failures.get(number, 0)
            if failures != NONE:
                self._failures[number] = failures + 1
            if len(batch) > 1 and not self._is_given_up(number, form):
                half = len(batch) // 2
                for rows in (slice(None, half), slice(half, None)):
                    part = Batch(batch.arguments[rows], batch.extra[rows])
                    yield from self._results(number, form, part)
            return
        self._failures[number] = NONE
        yield batch, data

    def _sifted(
        self, number: int, form: Form, batch: Batch, data: list[Tensors]
    ) -> list[torch.Tensor]:
        """Keep results that are new, second derivations, or wanted."""
        rows = len(batch)
        sound = torch.ones(rows, dtype=torch.bool)
        for tensors in data:
            for tensor in tensors:
                sound &= ~tensor.reshape(rows, -1).isnan().any(dim=1)
        hashes = self._projections(form.result, data)
        matches = self._matching(form.result, data)
        wanted = torch.zeros(rows, dtype=torch.bool)
        for _, mask in matches:
            wanted |= mask
        some_wanted = bool(wanted.any())
        ancestors = self.store.union(batch.arguments)
        kept: list[int] = []
        sound_rows: list[bool] = sound.tolist()
        arguments: list[list[int]] | None = None
        for row, code in enumerate(hashes):
            if not sound_rows[row]:
                continue
            first = self._seen.get(code)
            if first is None:
                self._seen[code] = len(self.store) + len(kept)
                kept.append(row)
                continue
            limit = SOLUTIONS if some_wanted and bool(wanted[row]) else DERIVATIONS
            again = self._again.get(code, 1)
            if again >= limit:
                continue
            arguments = batch.arguments.tolist() if arguments is None else arguments
            if first >= len(self.store):  # of this very batch
                other = arguments[kept[first - len(self.store)]]
                another = sorted(other) != sorted(arguments[row])
            else:
                another = self._is_another(first, arguments[row], ancestors[row])
            if another:
                self._again[code] = again + 1
                kept.append(row)
        if not kept:
            return []
        take = torch.tensor(kept)
        padded = torch.full((len(kept), self.store.slots), NONE, dtype=torch.int32)
        padded[:, : batch.arguments.shape[1]] = batch.arguments[take]
        numbers = self._keep(
            _Origin(
                kind=form.result,
                form=number,
                producer=form.producer,
                arguments=padded,
                step=(batch.extra[take] + form.cost).clamp_min(1),
                ancestors=ancestors[take],
            ),
            [tuple(tensor[take] for tensor in tensors) for tensors in data],
        )
        if some_wanted:
            chosen = [(target, mask[take]) for target, mask in matches]
            self.targets.match(numbers.tolist(), chosen)
        return [numbers]

    def _is_another(self, first: int, arguments: list[int], ancestors: torch.Tensor) -> bool:
        """Whether a derivation of a known value is worth keeping beside the first."""
        if bool((ancestors == first).any()):
            return False  # it leads back to where it comes from
        if int(self.store.form.data[first]) == NONE:
            return False
        known = self.store.arguments.data[first].tolist()
        return sorted(known) != sorted(arguments + [NONE] * (len(known) - len(arguments)))

    # Putting statements together

    def _welcome(self, values: torch.Tensor) -> None:
        """Put together all statements that new values make possible up to the horizon."""
        kinds = self.store.kind[values]
        for kind in _distinct(kinds):
            members = values[kinds == kind]
            self._turn += 1
            if kind not in self._by_kind:
                self._by_kind[kind] = []
                for number in self.forms.with_kind(kind):
                    self._register(self.forms.groups[number])
            self._shelve(kind, members)
            elders = self._elders(members)
            for group in self._by_kind[kind]:
                if len(group.slots) == 1:
                    self._put(group, members.unsqueeze(1))
                    continue
                self._put_related(group, kind, members, elders)
                self._put_unrelated(group, kind)
        self._put_uses(values)

    def _put_uses(self, values: torch.Tensor) -> None:
        """Put together what the program to start from puts together, at next to no cost."""
        if not self.uses:
            return
        for value in values.tolist():
            self._realise(value)
        for use in self.uses:
            options = [self._realised.get(argument, [])[:_REALISED] for argument in use.arguments]
            for arguments in product(*options):
                if (use, arguments) in self._offered or not arguments:
                    continue
                self._offered.add((use, arguments))
                row = torch.tensor([arguments], dtype=torch.int32)
                kinds = tuple(self.store.kind[row[0]].tolist())
                below = int(self.store.total(self.store.union(row)))
                for group in self.forms.groups:
                    if tuple(slot.kind for slot in group.slots) == kinds:
                        self._put_use(use, group, row, below)

    def _put_use(self, use: Use, group: Group, row: torch.Tensor, below: int) -> None:
        for number in group.forms:
            form = self.forms.forms[number]
            if self._names(form) == use.functions:
                step = 1 if _primitive(form) == use.primitive else 2
                extra = torch.tensor([step - form.cost], dtype=torch.int32)
                self._pending.put(max(below + step, self.level), number, Batch(row, extra))

    def _realise(self, value: int) -> None:
        """Note which uses a new value stands for."""
        form = int(self.store.form.data[value])
        if form == NONE:
            self._realised.setdefault(value, []).append(value)
            return
        names = self._names(self.forms.forms[form])
        taken = [a for a in self.store.arguments.data[value].tolist() if a != NONE]
        for use in self.uses:
            if use.functions == names and len(use.arguments) == len(taken):
                known = [self._realised.get(argument, []) for argument in use.arguments]
                if all(a in options for a, options in zip(taken, known, strict=True)):
                    self._realised.setdefault(use, []).append(value)

    def _names(self, form: Form) -> frozenset[str]:
        functions = self.forms.sampler.signature.functions
        return frozenset(functions[fn].name for fn in form.functions)

    def _register(self, group: Group) -> None:
        calls = torch.zeros(self.store.functions, dtype=torch.int16)
        calls[list(group.functions)] = 1
        self._calls.update(dict.fromkeys(group.forms, calls))
        for kind in {slot.kind for slot in group.slots}:
            self._by_kind[kind].append(group)
        for slot in group.slots:
            if slot not in self._shelves:
                self._shelves[slot] = Shelf()
                for turn, values in self._members.get(slot.kind, ()):
                    self._fill(slot, values, turn)

    def _shelve(self, kind: int, values: torch.Tensor) -> None:
        self._members.setdefault(kind, []).append((self._turn, values))
        for slot in self._shelves:
            if slot.kind == kind:
                self._fill(slot, values, self._turn)

    def _fill(self, slot: Slot, values: torch.Tensor, turn: int) -> None:
        if len(values) == 0:
            return
        levels = self.store.cost[values] + self._pair_costs(slot, values)[:, 0]
        for level in _distinct(levels):
            self._shelves[slot].put(level, turn, values[levels == level])

    def _pair_costs(self, slot: Slot, values: torch.Tensor) -> torch.Tensor:
        """Return, per value, what it adds as this argument, and per repeated function."""
        table = self._pairs.get(slot, torch.empty((0, 2), dtype=torch.int32))
        if table.shape[0] < len(self._makers):
            costs, consumer, at, width = self.costs, slot.consumer, slot.at, slot.width
            rows = [
                (
                    costs.pair(maker[0], consumer, at, width, slot.total),
                    costs.again(maker, consumer, at, width),
                )
                for maker in islice(self._makers, table.shape[0], None)
            ]
            table = torch.cat([table, torch.tensor(rows, dtype=torch.int32)])
            self._pairs[slot] = table
        return table[self.store.maker[values].to(torch.int64)]

    def _elders(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, frozenset[int]]:
        """Return, per value, its ancestors and all inputs, their kinds, and which kinds occur."""
        inputs = len(self.forms.sampler.signature.inputs)
        table = self.store.ancestors[values]
        width = int((table != NONE).sum(dim=1).max())
        common = torch.arange(inputs, dtype=torch.int32).expand(len(values), inputs)
        table = torch.cat([table[:, :width], common], dim=1)
        kinds = self.store.kind[table.clamp_min(0)]
        kinds[table == NONE] = NONE
        return table, kinds, frozenset(_distinct(kinds))

    def _put_related(
        self,
        group: Group,
        kind: int,
        values: torch.Tensor,
        elders: tuple[torch.Tensor, torch.Tensor, frozenset[int]],
    ) -> None:
        """Put new values together with their ancestors, and with inputs besides."""
        inputs = len(self.forms.sampler.signature.inputs)
        table, kinds, present = elders
        for at, slot in enumerate(group.slots):
            others = [p for p in range(len(group.slots)) if p != at]
            if slot.kind != kind or any(group.slots[p].kind not in present for p in others):
                continue
            rows = torch.arange(len(values))
            columns: list[torch.Tensor] = []
            for position, other in enumerate(group.slots):
                if position == at:
                    columns.append(values[rows])
                    continue
                usable = kinds[rows] == other.kind
                if position < at:  # the same statement came with the value in that place
                    usable &= table[rows] != values[rows].unsqueeze(1)
                where, entry = usable.nonzero(as_tuple=True)
                columns = [column[where] for column in columns]
                rows = rows[where]
                columns.append(table[rows, entry])
            arguments = torch.stack(columns, dim=1)
            self._put(group, arguments[(arguments[:, others] >= inputs).any(dim=1)])

    def _put_unrelated(self, group: Group, kind: int) -> None:
        """Put the values of this round together with all others, as far as the horizon."""
        for at, slot in enumerate(group.slots):
            if slot.kind != kind:
                continue
            own = self._shelves[slot].of(self._turn)
            shelves = [
                (own, None)
                if position == at
                else (self._shelves[other], self._turn if position < at else None)
                for position, other in enumerate(group.slots)
            ]
            found = combinations(shelves, -(1 << 30), self._horizon - STATEMENT)
            self._put_products(group, found, far=False)
            if self._may_be_result(group):
                found = combinations(shelves, -(1 << 30), self._far - STATEMENT)
                self._put_products(group, found, far=True)

    def _put_products(
        self, group: Group, found: Iterator[tuple[torch.Tensor, ...]], *, far: bool
    ) -> None:
        """Put every value of one column together with every value of the others.

        Far ones only where all functions are used; these are left out otherwise.
        """
        waiting: list[torch.Tensor] = []
        rows = 0
        for columns in found:
            for arguments in _products(self._completing(group, columns) if far else columns):
                kept = arguments[self._are_complete(group, arguments)] if far else arguments
                waiting.append(kept)
                rows += len(kept)
                if rows >= _BLOCK:
                    self._put_if_unrelated(group, torch.cat(waiting), far=far)
                    waiting, rows = [], 0
        if rows:
            self._put_if_unrelated(group, torch.cat(waiting), far=far)

    def _completing(
        self, group: Group, columns: tuple[torch.Tensor, ...]
    ) -> tuple[torch.Tensor, ...]:
        """Leave out values that cannot bring the missing functions, whatever is beside them."""
        used = [self.store.used[column] for column in columns]
        own = self._own_bits(group)
        anything = [_any_bits(bits) for bits in used]
        kept: list[torch.Tensor] = []
        for at, (column, bits) in enumerate(zip(columns, used, strict=True)):
            beside = own
            for other, more in enumerate(anything):
                beside |= more if other != at else 0
            kept.append(column[(bits | beside) == self._all_used])
        return tuple(kept)

    def _own_bits(self, group: Group) -> int:
        return int(((self._calls[group.forms[0]] > 0) * self._bits).sum())

    def _are_complete(self, group: Group, arguments: torch.Tensor) -> torch.Tensor:
        """Whether all functions are used."""
        bits = self.store.used[arguments]
        together = bits[:, 0] | self._own_bits(group)
        for at in range(1, bits.shape[1]):
            together = together | bits[:, at]
        return together == self._all_used

    def _put_if_unrelated(self, group: Group, arguments: torch.Tensor, *, far: bool) -> None:
        self._put(group, arguments[self._are_unrelated(arguments)], far=far)

    def _are_unrelated(self, arguments: torch.Tensor) -> torch.Tensor:
        """Whether no argument has all others among its ancestors and the inputs, one ancestor at
        least: those are put together elsewhere."""
        inputs = len(self.forms.sampler.signature.inputs)
        plain = arguments < inputs
        slots = arguments.shape[1]
        related = torch.zeros(arguments.shape[0], dtype=torch.bool)
        for at in range(slots):
            elders = self.store.ancestors[arguments[:, at]]
            known, some = ~plain[:, at], torch.zeros_like(related)
            for other in range(slots):
                if other != at:
                    elder = (elders == arguments[:, other : other + 1]).any(dim=1)
                    known = known & (elder | plain[:, other])
                    some |= elder
            related |= known & some
        return ~related

    def _put(self, group: Group, arguments: torch.Tensor, *, far: bool | None = None) -> None:
        """Queue statements of the forms of one group at the levels of their costs.

        `far` is None unless they are unrelated; see `_put_products`.
        """
        if len(arguments) == 0:
            return
        costs, store = self.costs, self.store
        inputs = len(self.forms.sampler.signature.inputs)
        if arguments.shape[1] == 1:
            below = store.cost[arguments[:, 0]]
            full = store.ancestors[arguments[:, 0]][:, -1] != NONE
        else:
            ancestors = store.union(arguments)
            below = store.total(ancestors)
            full = (ancestors != NONE).sum(dim=1) >= MAX_STEPS
        calls = store.calls[arguments].amax(dim=1)
        extra = torch.zeros(len(arguments), dtype=torch.int32)
        again = torch.zeros(len(arguments), dtype=torch.int32)
        for at, slot in enumerate(group.slots):
            pair = self._pair_costs(slot, arguments[:, at])
            extra += pair[:, 0]
            again = torch.maximum(again, pair[:, 1])
            for other in range(at):
                extra += costs.same_again * (arguments[:, at] == arguments[:, other])
        extra += again * calls[:, list(group.functions)].sum(dim=1, dtype=torch.int32)
        if far is not None:
            extra += costs.unrelated * ((arguments >= inputs).sum(dim=1) > 1)
        extra = extra.clamp_min(1 - STATEMENT)
        level = below + extra
        complete = self._are_complete(group, arguments)
        code = (level * 2 + complete) * 2 + full
        for value in _distinct(code):
            if value % 2:
                continue
            rows = code == value
            batch = Batch(arguments[rows], extra[rows])
            level_there, is_complete = value // 4, value // 2 % 2
            for number in group.forms:
                result = bool(is_complete) and self._is_wanted(number)
                if far is not None and far != result:
                    continue
                place = level_there + self.forms.forms[number].cost
                if result:
                    place -= costs.complete
                self._pending.put(max(place, self.level), number, batch)


def _products(columns: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield every value of one column with every value of the others, in bounded pieces."""
    widest = max(range(len(columns)), key=lambda at: columns[at].shape[0])
    others = prod(column.shape[0] for at, column in enumerate(columns) if at != widest)
    step = max(1, _BLOCK // max(1, others))
    for start in range(0, columns[widest].shape[0], step):
        part = [
            column[start : start + step] if at == widest else column
            for at, column in enumerate(columns)
        ]
        grid = torch.meshgrid(*part, indexing="ij")
        yield torch.stack([axis.reshape(-1) for axis in grid], dim=1)


def _any_bits(bits: torch.Tensor) -> int:
    """Return the bits that are set anywhere."""
    found = 0
    for number in set(bits.tolist()):
        found |= number
    return found


def _distinct(numbers: torch.Tensor) -> list[int]:
    """Return the numbers that occur, in rising order."""
    return sorted(set(numbers.flatten().tolist()))


def _primitive(form: Form) -> str:
    return form.statement.primitive if isinstance(form.statement, Call) else "Route"
