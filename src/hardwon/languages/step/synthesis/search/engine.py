"""Bottom-up search in the order of cost; see README.md in this folder."""

import time
from dataclasses import dataclass, field
from itertools import islice
from math import inf

import torch

from hardwon.languages.step.semantics.base import Tensors
from hardwon.languages.step.synthesis.keys import input_key
from hardwon.languages.step.synthesis.search.backward import Backward
from hardwon.languages.step.synthesis.search.forms import Forms
from hardwon.languages.step.synthesis.search.joining import Joiner
from hardwon.languages.step.synthesis.search.novelty import Novelty
from hardwon.languages.step.synthesis.search.pricing import Pricer
from hardwon.languages.step.synthesis.search.queue import Batch, Pending
from hardwon.languages.step.synthesis.search.retracing import Retracer
from hardwon.languages.step.synthesis.search.starting import Use
from hardwon.languages.step.synthesis.search.store import NONE, Origin, Store
from hardwon.languages.step.synthesis.search.targets import Targets
from hardwon.languages.step.synthesis.search.trials import Trials
from hardwon.languages.step.synthesis.search.worlds import World
from hardwon.languages.step.types import components

AHEAD = 6
"""By how many quarters pairs are put together before their turn, since they may share statements,
which makes them cheaper than the sum of their parts."""
FAR = 8
"""By how many quarters more those that use all functions, since that makes them cheaper, too."""
MAX_PENDING = 12_000_000
MAX_BYTES = 1_200_000_000
"""Memory that values and waiting statements may take."""
_PENDING_BYTES = 16
_SEEN_BYTES = 200
_BACKWARD, _BACKWARD_GROWTH = 32, 3
"""At so many values, and then whenever there are so many times more, it works backwards, too."""
_CHAINS = 64
"""Chains that are tried each time."""

SOLVED, BUDGET, EXHAUSTED = "solved", "budget", "exhausted"
TIME, MEMORY = "time", "memory"


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
    _pending: Pending = field(init=False)
    _trials: Trials = field(init=False)
    _novelty: Novelty = field(init=False)
    _pricer: Pricer = field(init=False)
    _joiner: Joiner = field(init=False)
    _backward: Backward = field(init=False)
    _backward_at: int = field(init=False)
    _retracer: Retracer = field(init=False)

    def __post_init__(self) -> None:
        signature = self.forms.space.signature
        widths = [len(components(fn.input)) for fn in signature.functions]
        self.store = Store(max(widths, default=0) + 1, max(1, len(signature.functions)))
        self.targets = Targets(signature, self.worlds)
        self._pending = Pending(MAX_PENDING)
        self._backward_at = _BACKWARD
        self._trials = Trials(self.forms, self.worlds, self.store)
        self._novelty = Novelty(self.store)
        self._pricer = Pricer(self.forms, self.store, self.targets, self._pending)
        self._joiner = Joiner(self.forms, self.store, self._pricer)
        self._backward = Backward(self.forms, self.worlds, self.store, self.targets, self._novelty)
        self._retracer = Retracer(self.forms, self.store, self.uses)
        self._add_inputs()

    @property
    def bytes(self) -> int:
        """The memory that the search has taken, roughly."""
        waiting = self._pending.rows * _PENDING_BYTES
        return self.store.bytes + waiting + len(self._novelty) * _SEEN_BYTES

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
            self._widen()
            level = self._pending.lowest()
            if level is None:
                if self._joiner.is_exhausted:
                    return MEMORY if self._pending.dropped else EXHAUSTED
                self._rise()
            elif level > self.level:
                self._rise()
            else:
                self._work(level, budget, deadline)

    def _rise(self) -> None:
        self.level += 1
        self._pricer.level = self.level

    def _widen(self) -> None:
        """Put pairs together that may be cheap enough now."""
        while self._joiner.far < self.level + AHEAD + FAR:
            self._joiner.widen(far=True)
        while self._joiner.horizon < self.level + AHEAD:
            crowded = self._pending.rows > MAX_PENDING // 4
            if crowded and self._joiner.horizon >= self.level:
                return
            self._joiner.widen(far=False)

    def _work(self, level: int, budget: int, deadline: float) -> None:
        """Evaluate what waits at a level; what exceeds the budget waits on."""
        waiting = list(self._pending.pop(level).items())
        before = len(self.targets.solutions)
        fresh: list[torch.Tensor] = []
        for at, (number, batch) in enumerate(waiting):
            taken = 0
            for whole in self._trials.parts(number, batch):
                found = len(self.targets.solutions) > before
                if found or self.evaluations >= budget or time.monotonic() > deadline:
                    break
                part = whole[: budget - self.evaluations]
                taken += len(part)
                fresh += self._evaluate(number, part)
                self.targets.complete(self.store, self.evaluations)
            if taken < len(batch):
                for form, left in [(number, batch[taken:]), *waiting[at + 1 :]]:
                    self._pending.put(level, form, left)
                break
        if fresh:
            self._welcome(torch.cat(fresh))
        if len(self.targets.solutions) == before and len(self.store) >= self._backward_at:
            self._backward_at = _BACKWARD_GROWTH * len(self.store)
            self._work_backward(budget)

    def _work_backward(self, budget: int) -> None:
        """Call what leads from values to wanted results, where that can be told beforehand."""
        before = len(self.targets.solutions)
        for chain in islice(self._backward.chains(), _CHAINS):
            value: int | None = chain.value
            for link in chain.links:
                if value is None or self.evaluations >= budget:
                    return
                value = self._called(link[0], chain.arguments(link, value))
            self.targets.complete(self.store, self.evaluations)
            if len(self.targets.solutions) > before:
                return

    def _called(self, number: int, arguments: list[int]) -> int | None:
        """Evaluate one statement and return its result, which may be known."""
        row = torch.tensor([arguments], dtype=torch.int32)
        batch = Batch(row, torch.zeros(1, dtype=torch.int32))
        self.evaluations += 1
        for part, data in self._trials.results(number, batch):
            kept = self._kept(number, part, data)
            if len(kept):
                self._welcome(kept)
                return int(kept[0])
            (code,) = self._novelty.projections(self.forms.forms[number].result, data)
            return self._novelty.known(code)
        return None

    def _welcome(self, values: torch.Tensor) -> None:
        """Queue what new values make possible."""
        self._joiner.welcome(values)
        for level, form, statement in self._retracer.follow(values):
            self._pending.put(max(level, self.level), form, statement)

    # Values

    def _add_inputs(self) -> None:
        signature = self.forms.space.signature
        numbers: list[torch.Tensor] = []
        for port, (_, stream) in enumerate(signature.inputs):
            kind = self.forms.number(stream)
            data = [tuple(t.unsqueeze(0) for t in world.inputs[port]) for world in self.worlds]
            origin = Origin(
                kind=kind,
                form=NONE,
                producer=input_key(components(stream.dtype)[0]),
                functions=(),
                arguments=torch.full((1, self.store.slots), NONE, dtype=torch.int32),
                step=torch.zeros(1, dtype=torch.int32),
                ancestors=torch.full((1, 1), NONE, dtype=torch.int32),
            )
            numbers.append(self.store.add(origin, data))
            self._novelty.note(port, kind, data)
            self.targets.match([port], self._matching(kind, data))
        self._welcome(torch.cat(numbers))

    def _matching(self, kind: int, data: list[Tensors]) -> list[tuple[int, torch.Tensor]]:
        return self.targets.matching(self.forms.kinds[kind], data)

    def _evaluate(self, number: int, batch: Batch) -> list[torch.Tensor]:
        """Evaluate statements of one form and return the new values among the results."""
        self.evaluations += len(batch)
        found = [
            self._kept(number, part, data) for part, data in self._trials.results(number, batch)
        ]
        return [values for values in found if len(values)]

    def _kept(self, number: int, batch: Batch, data: list[Tensors]) -> torch.Tensor:
        """Keep results that are new, second derivations, or wanted."""
        form = self.forms.forms[number]
        matches = self._matching(form.result, data)
        wanted = torch.zeros(len(batch), dtype=torch.bool)
        for _, mask in matches:
            wanted |= mask
        ancestors = self.store.union(batch.arguments)
        kept = self._novelty.sift(form.result, batch, ancestors, data, wanted)
        if not kept:
            return torch.empty(0, dtype=torch.int32)
        rows = torch.tensor(kept)
        arguments = torch.full((len(kept), self.store.slots), NONE, dtype=torch.int32)
        arguments[:, : batch.arguments.shape[1]] = batch.arguments[rows]
        origin = Origin(
            kind=form.result,
            form=number,
            producer=form.producer,
            functions=form.functions,
            arguments=arguments,
            step=(batch.extra[rows] + form.cost).clamp_min(1),
            ancestors=ancestors[rows],
        )
        values = self.store.add(origin, [tuple(t[rows] for t in tensors) for tensors in data])
        self.targets.match(values.tolist(), [(target, mask[rows]) for target, mask in matches])
        return values
