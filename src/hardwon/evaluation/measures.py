"""What is measured of runs: pass@k, semantic diversity, learning curves."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hardwon.evaluation.runs import Run, Sampled, Score
from hardwon.learning import Unit, pass_at_k


def chances(scores: Iterable[Score], k: int) -> list[float]:
    """Return each task's chance that k samples hold a correct one; 0 for those not solved."""
    return [
        pass_at_k([(score.samples, score.correct)], k) if score.solved else 0.0 for score in scores
    ]


def largest_k(scores: Iterable[Score]) -> int:
    """Return the largest k for which every solved task has enough samples; 0 without scores."""
    scores = list(scores)
    solved = [score.samples for score in scores if score.solved]
    return min(solved, default=max((score.samples for score in scores), default=0))


@dataclass(frozen=True, slots=True)
class Diversity:
    """Shares of answers that are no isomorphic copy of another one (paper, Table 1)."""

    success: float | None
    """Among the correct answers; None if there are none."""
    failure: float | None
    """Among the wrong ones."""
    overall: float | None
    answers: int


def diversity(samples: Iterable[Sampled]) -> Diversity:
    """Return the semantic diversity of samples: different answers over answers.

    Answers to different tasks always differ. Readable programs are the same if their normal forms
    are, unreadable ones if their texts are. Samples without a program are no answers.
    """
    answers = [sample for sample in samples if sample.kind is not None]
    right = [sample for sample in answers if sample.correct]
    wrong = [sample for sample in answers if not sample.correct]
    return Diversity(_variety(right), _variety(wrong), _variety(answers), len(answers))


def _variety(samples: Sequence[Sampled]) -> float | None:
    if not samples:
        return None
    return len({(sample.task, sample.kind) for sample in samples}) / len(samples)


@dataclass(frozen=True, slots=True)
class Point:
    """A run after one of its iterations."""

    iteration: int
    stratum: int
    label: str
    """H, M or E: the hardest, a middle or the easiest stratum joined last; 0 for no demonstrations
    at all."""
    demonstrations: int
    samples: int
    input_tokens: int
    output_tokens: int
    steps: int
    solved: int
    share: float
    """Pass@n so far: the share of tasks that are solved."""
    front: bool
    """Whether it lies on the Pareto front: no earlier point has solved as many."""

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    def spent(self, unit: Unit) -> int:
        """Return what it took to get here."""
        return {Unit.SAMPLES: self.samples, Unit.TOKENS: self.tokens, Unit.STEPS: self.steps}[unit]


def learning_curve(run: Run) -> tuple[Point, ...]:
    """Return one point per iteration; costs add up over all tasks, a solved one costs no more."""
    strata = int(run.configuration.get("granularity", 1))
    points: list[Point] = []
    solved: set[str] = set()
    samples = read = written = steps = 0
    for iteration in run.iterations:
        for sample in iteration.samples:
            samples += 1
            read += sample.usage.input_tokens
            written += sample.usage.output_tokens
            steps += sample.usage.steps
        known = len(solved)
        solved |= {sample.task for sample in iteration.samples if sample.correct}
        points.append(
            Point(
                iteration=iteration.index,
                stratum=iteration.stratum,
                label=_label(iteration.stratum, strata, iteration.demonstrations),
                demonstrations=iteration.demonstrations,
                samples=samples,
                input_tokens=read,
                output_tokens=written,
                steps=steps,
                solved=len(solved),
                share=len(solved) / len(run.tasks) if run.tasks else 0.0,
                front=len(solved) > known,
            )
        )
    return tuple(points)


def _label(stratum: int, strata: int, demonstrations: int) -> str:
    if not demonstrations:
        return "0"
    if stratum == 0:
        return "H"
    return "E" if stratum >= strata - 1 else "M"


def unit_of(runs: Sequence[Run]) -> Unit:
    """Return in what runs are priced: tokens if any were used, else steps, else samples."""
    for unit in (Unit.TOKENS, Unit.STEPS):
        if any(unit.of(sample.usage) for run in runs for sample in run.samples):
            return unit
    return Unit.SAMPLES
