"""What a run has done so far, in numbers: all displays show some of it."""

import time
from collections import Counter
from collections.abc import Callable, Sequence

from hardwon.journal import SampleRecord
from hardwon.records import Experience, Task, Usage


class Tally:
    """Counts samples, solved tasks and cost."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start = clock()
        self._seen: set[str] = set()
        self.groups: Counter[str] = Counter()
        """How many tasks have been sampled, by group, in their order."""
        self.won: Counter[str] = Counter()
        """How many of them are solved."""
        self.iteration: int | None = None
        self.attempted = 0
        self.effort = 0
        """Of the current iteration; above 0 each task gets one sample, the result of a search."""
        self.demonstrations: tuple[str, ...] = ()
        self.samples = 0
        self.correct = 0
        self.replayed = 0
        """Samples that came from the journal; they count as samples, and took no time."""
        self.usage = Usage()
        """Of all samples."""
        self.at_work: str | None = None
        """The task that a model was last asked about."""
        self.drawn = 0
        """Samples of the current iteration."""
        self._heard = Usage()
        self._fresh = Usage()
        self._replayed_usage = Usage()
        self._fresh_before = 0
        self._iteration_start = self._start

    @property
    def total(self) -> int:
        """How many tasks have been sampled: all of the run, from its first iteration on."""
        return self.groups.total()

    @property
    def solved(self) -> int:
        """How many of them are solved."""
        return self.won.total()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return self._clock() - self._start

    @property
    def spent(self) -> Usage:
        """What has been spent so far, on samples that are still on their way, too."""
        open_requests = self._heard.requests - self._fresh.requests
        return self.usage if open_requests <= 0 else self._replayed_usage + self._heard

    @property
    def rate(self) -> float:
        """Fresh samples per second since the start."""
        return (self.samples - self.replayed) / self.seconds if self.seconds > 0 else 0.0

    def seconds_left(self, planned: int) -> float | None:
        """Estimate how long the current iteration will go on; None while there is no telling.

        Args:
            planned: samples of the iteration. A run that stops a task early draws fewer.
        """
        fresh = self.samples - self.replayed - self._fresh_before
        spent = self._clock() - self._iteration_start
        if fresh <= 0 or spent <= 0:
            return None
        return max(0, planned - self.drawn) * spent / fresh

    def began(
        self, index: int, tasks: Sequence[Task], shown: Sequence[Experience], *, effort: int
    ) -> None:
        """Note that an iteration starts."""
        new = [task for task in tasks if task.digest not in self._seen]
        self._seen.update(task.digest for task in new)
        self.groups.update(task.group for task in new)
        self.iteration, self.attempted, self.drawn = index, len(tasks), 0
        self.effort = effort
        self.demonstrations = tuple(experience.task.test_name for experience in shown)
        self._fresh_before = self.samples - self.replayed
        self._iteration_start = self._clock()

    def hear(self, task: Task, usage: Usage) -> None:
        """Note that a model was asked about a task."""
        self.at_work = task.test_name
        self._heard += usage

    def count(self, record: SampleRecord, *, replayed: bool) -> None:
        """Note a sample."""
        self.samples += 1
        self.drawn += 1
        self.correct += record.verdict.correct
        self.replayed += replayed
        self.usage += record.answer.usage
        if replayed:
            self._replayed_usage += record.answer.usage
        else:
            self._fresh += record.answer.usage

    def win(self, experience: Experience) -> None:
        """Note a solved task."""
        self.won[experience.task.group] += 1
