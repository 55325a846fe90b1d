"""Draws one program from a bounded number of steps."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardwon.languages.step.synthesis.drawing import Drawing
from hardwon.languages.step.synthesis.learner import PRIOR, Prior, learned
from hardwon.languages.step.synthesis.options import Options
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.space import Sizes, Space
from hardwon.languages.step.synthesis.state import State
from hardwon.languages.step.synthesis.tidy import written
from hardwon.records import Experience, Task


@dataclass(frozen=True)
class Sampler:
    """Draws well-typed programs of one task. See `hardwon.languages.protocol.StatementSampler`."""

    space: Space
    policy: Policy

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
        space = Space.of(task, sizes[task.digest])
        return cls(space, learned(demonstrations, sizes, prior))

    def draw(self, rng: random.Random, temperature: float) -> tuple[str | None, int]:
        """Return one program, or None if the steps led nowhere, and the steps spent."""
        space = self.space
        drawing = Drawing(Options(State(space), self.policy), rng, max(temperature, 0.05))
        for step in range(1, space.max_steps + 1):
            graph = drawing.step()
            if graph is not None:
                return written(graph, space.signature, space.sizes), step
        return None, space.max_steps
