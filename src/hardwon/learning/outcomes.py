"""What sampling one task in one iteration brought."""

from dataclasses import dataclass
from functools import cached_property

from hardwon.journal import SampleRecord
from hardwon.records import Task


@dataclass(frozen=True)
class Batch:
    """All samples of one task at one temperature, in order of their index."""

    temperature: float
    samples: tuple[SampleRecord, ...]

    @cached_property
    def correct(self) -> int:
        """How many samples are correct."""
        return sum(sample.verdict.correct for sample in self.samples)

    @property
    def success_rate(self) -> float:
        """The share of correct samples."""
        return self.correct / len(self.samples) if self.samples else 0.0


@dataclass(frozen=True)
class Outcome:
    """All samples of one task in one iteration."""

    task: Task
    iteration: int
    batches: tuple[Batch, ...]

    @property
    def best(self) -> Batch:
        """The batch of the most successful temperature, the lowest of equal ones (paper, 4.1)."""
        return max(self.batches, key=lambda batch: (batch.success_rate, -batch.temperature))

    @property
    def correct(self) -> tuple[SampleRecord, ...]:
        """The correct samples of all temperatures."""
        return tuple(s for batch in self.batches for s in batch.samples if s.verdict.correct)

    @property
    def samples(self) -> int:
        """How many samples there are, of all temperatures."""
        return sum(len(batch.samples) for batch in self.batches)

    @property
    def solved(self) -> bool:
        """Whether any sample is correct."""
        return any(batch.correct for batch in self.batches)
