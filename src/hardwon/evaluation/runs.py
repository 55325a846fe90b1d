"""A run as it is evaluated: everything that its journal holds of it, in memory."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from hardwon.journal import Journal
from hardwon.learning import UNTEMPERED, Unit
from hardwon.records import Experience, Task, Usage, program_digest


@dataclass(frozen=True, slots=True)
class Sampled:
    """One sample with what matters of its verdict."""

    task: str
    """The task's digest."""
    iteration: int
    temperature: float
    index: int
    impl: str | None
    correct: bool
    form: str | None
    """The program's normal form; None if it could not be read."""
    usage: Usage

    @property
    def kind(self) -> str | None:
        """What isomorphic answers share: the normal form, or the text of unreadable programs."""
        if self.impl is None:
            return None
        return self.form or program_digest(self.impl)


@dataclass(frozen=True, slots=True)
class Iteration:
    """One iteration of a run."""

    index: int
    stratum: int
    demonstrations: int
    """How many experiences were selected."""
    tasks: tuple[str, ...]
    """Digests of the attempted tasks."""
    samples: tuple[Sampled, ...]

    def of(self, task: str) -> tuple[Sampled, ...]:
        """Return the samples of one task."""
        return tuple(sample for sample in self.samples if sample.task == task)


@dataclass(frozen=True, slots=True)
class Score:
    """What became of one task."""

    solved_in: int | None
    """The iteration, from 0."""
    correct: int
    """At the best temperature of the iteration that solved it; 0 if none did."""
    samples: int
    """At that temperature; of an unsolved task, at any temperature of its last iteration."""

    @property
    def solved(self) -> bool:
        """Whether any sample was correct."""
        return self.solved_in is not None

    @property
    def rate(self) -> float:
        """The success rate."""
        return self.correct / self.samples if self.samples else 0.0


@dataclass(frozen=True)
class Run:
    """One run."""

    name: str
    """What tells it apart for people, e.g. its folder."""
    configuration: Mapping[str, Any]
    tasks: tuple[Task, ...]
    iterations: tuple[Iteration, ...]
    experiences: tuple[Experience, ...]
    ending: str | None
    """None while the run is incomplete."""

    @cached_property
    def scores(self) -> Mapping[str, Score]:
        """What became of each task, by digest, in the order of the run."""
        return {task.digest: self._score(task.digest) for task in self.tasks}

    @property
    def solved(self) -> int:
        """How many tasks were solved."""
        return sum(score.solved for score in self.scores.values())

    @property
    def samples(self) -> Iterator[Sampled]:
        """All samples, iteration by iteration."""
        return (sample for iteration in self.iterations for sample in iteration.samples)

    def spent(self, unit: Unit, *, first: int = 0) -> int:
        """Return what the iterations from `first` on cost."""
        return sum(
            unit.of(sample.usage)
            for iteration in self.iterations[first:]
            for sample in iteration.samples
        )

    def up_to(self, iterations: int) -> "Run":
        """Return the run as it was after so many iterations."""
        kept = self.iterations[:iterations]
        known = tuple(e for e in self.experiences if e.iteration < iterations)
        return replace(self, iterations=kept, experiences=known)

    def within(self, amount: int, unit: Unit) -> "Run":
        """Return the run as it was when it had spent an amount; see `_first` for the last bit."""
        kept: list[Iteration] = []
        left = amount
        for iteration in self.iterations:
            cost = sum(unit.of(sample.usage) for sample in iteration.samples)
            if cost > left:
                kept.append(replace(iteration, samples=_first(iteration.samples, left, unit)))
                break
            kept.append(iteration)
            left -= cost
        solved = {s.task for iteration in kept for s in iteration.samples if s.correct}
        known = tuple(e for e in self.experiences if e.task.digest in solved)
        return replace(self, iterations=tuple(kept), experiences=known)

    def _score(self, task: str) -> Score:
        last = 0
        for iteration in self.iterations:
            drawn: Counter[float] = Counter()
            right: Counter[float] = Counter()
            for sample in iteration.of(task):
                drawn[sample.temperature] += 1
                right[sample.temperature] += sample.correct
            if right.total():
                best = max(drawn, key=lambda t: (right[t] / drawn[t], -t))
                return Score(iteration.index, right[best], drawn[best])
            last = max(drawn.values(), default=last)
        return Score(None, 0, last)


def _first(samples: tuple[Sampled, ...], amount: int, unit: Unit) -> tuple[Sampled, ...]:
    """Return the samples that an amount buys: the first of each batch, then the second ...

    An iteration samples all tasks side by side, so its samples have no order among tasks; this one
    treats all tasks alike.
    """
    kept: list[Sampled] = []
    for sample in sorted(samples, key=lambda sample: sample.index):
        amount -= unit.of(sample.usage)
        if amount < 0:
            break
        kept.append(sample)
    return tuple(kept)


def read_run(journal: Journal, number: int, name: str) -> Run:
    """Read one run of a journal.

    Args:
        journal: where it is recorded.
        number: the run's number.
        name: what to call it.

    Raises:
        JournalError: if there is no such run, or the journal cannot be read.
    """
    record = journal.run_record(number)
    given = record.configuration.get("temperatures")
    temperatures = [*(given if isinstance(given, list) else ()), UNTEMPERED]
    iterations = tuple(
        Iteration(
            index=iteration.index,
            stratum=iteration.stratum,
            demonstrations=len(iteration.demonstrations),
            tasks=iteration.tasks,
            samples=tuple(
                Sampled(
                    task=task,
                    iteration=iteration.index,
                    temperature=float(str(temperature)),
                    index=found.answer.index,
                    impl=found.answer.impl,
                    correct=found.verdict.correct,
                    form=found.verdict.normal_form,
                    usage=found.answer.usage,
                )
                for task in iteration.tasks
                for temperature in temperatures
                for found in journal.samples(
                    number, iteration.index, task, float(str(temperature))
                ).values()
            ),
        )
        for iteration in journal.iterations(number)
    )
    return Run(
        name=name,
        configuration=record.configuration,
        tasks=tuple(journal.tasks(number)),
        iterations=iterations,
        experiences=tuple(journal.experiences(number)),
        ending=record.ending,
    )
