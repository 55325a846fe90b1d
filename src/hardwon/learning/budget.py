"""What a run may spend, so that runs of different policies can be compared at equal cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from hardwon.learning.outcomes import Outcome
from hardwon.records import Usage


class Unit(StrEnum):
    """What is counted."""

    SAMPLES = "samples"
    TOKENS = "tokens"
    """Input and output tokens together."""
    STEPS = "steps"
    """The unit of proposers without a model."""

    def of(self, usage: Usage) -> int:
        """Return what one sample cost."""
        match self:
            case Unit.SAMPLES:
                return 1
            case Unit.TOKENS:
                return usage.tokens
            case Unit.STEPS:
                return usage.steps


@dataclass(frozen=True, slots=True)
class Budget:
    """A run begins no further iteration once it has spent the amount."""

    amount: int
    unit: Unit = Unit.SAMPLES

    def cost(self, outcomes: Sequence[Outcome]) -> int:
        """Return what an iteration cost."""
        return sum(
            self.unit.of(sample.answer.usage)
            for outcome in outcomes
            for batch in outcome.batches
            for sample in batch.samples
        )
