"""Draws one program from a bounded number of steps."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hardwon.languages.step.elaborate import elaborate
from hardwon.languages.step.parser import ParseError, parse
from hardwon.languages.step.signature import signature_of
from hardwon.languages.step.synthesis.drawing import Drawing
from hardwon.languages.step.synthesis.learner import PRIOR, Prior, learned
from hardwon.languages.step.synthesis.policy import Lesson, function_keys, learn, lesson_of
from hardwon.languages.step.synthesis.space import Sizes, Space
from hardwon.languages.step.synthesis.tidy import written
from hardwon.records import Experience, Task


@dataclass(frozen=True)
class Sampler(Space):
    """Draws well-typed programs of one task. See `hardwon.languages.protocol.StatementSampler`."""

    @classmethod
    def for_task(
        cls,
        task: Task,
        demonstrations: Sequence[Experience],
        sizes: Mapping[str, Sizes],
        prior: Prior = PRIOR,
    ) -> "Sampler":
        """Prepare a sampler.

        Args:
            task: what to write programs for.
            demonstrations: what it learns from.
            sizes: the sizes of the task and of all demonstrated tasks, by digest.
            prior: how much it learns of what.
        """
        lessons = [
            (lesson, experience.success_rate)
            for experience in demonstrations
            for lesson in _lessons(experience, sizes[experience.task.digest])
        ]
        return cls(
            signature_of(task),
            sizes[task.digest],
            function_keys(task),
            policy=learn(lessons),
            learned=learned(demonstrations, sizes, prior),
        )

    def draw(self, rng: random.Random, temperature: float) -> tuple[str | None, int]:
        """Return one program, or None if the steps led nowhere, and the steps spent."""
        draft = Drawing(self, rng, max(temperature, 0.05))
        for step in range(1, self.max_steps + 1):
            graph = draft.step()
            if graph is not None:
                return written(graph, self.signature, self.sizes), step
        return None, self.max_steps


def _lessons(experience: Experience, sizes: Sizes) -> Iterator[Lesson]:
    signature = signature_of(experience.task)
    try:
        elaboration = elaborate(parse(experience.impl), signature, sizes)
    except ParseError:
        return
    if not elaboration.errors:
        yield lesson_of(elaboration.graph, signature, function_keys(experience.task))
