"""Algorithm 1 of the paper: adaptive self-improvement learning.

D = {}; t = 0
repeat
    E = beta(D, m)
    for e_j in E:
        d_j = e_0 + ... + e_j
        C_t, B_t, S_t = sample every x in X with d_j
        if B_t is not empty:
            D = D + sigma(B_t, C_t, S_t); X = X - S_t; t = t + 1
            break
        t = t + 1
until X is empty, or d_j = D and B_{t-1} is empty
output D
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hardwon.learning.filtering import keep_best
from hardwon.learning.outcomes import Outcome
from hardwon.learning.selection import select, stratify
from hardwon.records import Experience, Task


class Ending(StrEnum):
    """The two exits of Algorithm 1."""

    ALL_SOLVED = "all tasks are solved"
    NOTHING_NEW = "all demonstrations together brought nothing new"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run ends with."""

    ending: Ending
    memory: tuple[Experience, ...]
    """D, in the order in which tasks were solved."""
    unsolved: tuple[Task, ...]


class Environment(Protocol):
    """What the algorithm acts on: it samples, and it remembers."""

    async def sample(
        self,
        iteration: int,
        stratum: int,
        tasks: Sequence[Task],
        demonstrations: tuple[Experience, ...],
    ) -> Sequence[Outcome]:
        """Sample every task in parallel and return one outcome per task, in their order."""
        ...

    def remember(self, experience: Experience) -> None:
        """Record a new experience."""
        ...


async def improve(
    tasks: Sequence[Task], environment: Environment, *, granularity: int = 3, seed: int = 0
) -> Result:
    """Run Algorithm 1 to one of its ends.

    Args:
        tasks: X, the operators to write.
        environment: samples the agentic system and records what happens.
        granularity: m, the number of strata (3 is the paper's best).
        seed: decides which of several equal answers is kept.
    """
    memory: list[Experience] = []
    unsolved = list(tasks)
    iteration = 0
    while unsolved:
        strata = stratify(memory, granularity)
        for stratum, demonstrations in enumerate(select(strata)):
            outcomes = await environment.sample(iteration, stratum, unsolved, demonstrations)
            solved = [outcome for outcome in outcomes if outcome.solved]
            iteration += 1
            if solved:
                for outcome in solved:
                    experience = keep_best(outcome, _rng(seed, outcome))
                    environment.remember(experience)
                    memory.append(experience)
                names = {experience.task.digest for experience in memory}
                unsolved = [task for task in unsolved if task.digest not in names]
                break
        else:
            return Result(Ending.NOTHING_NEW, tuple(memory), tuple(unsolved))
    return Result(Ending.ALL_SOLVED, tuple(memory), ())


def _rng(seed: int, outcome: Outcome) -> random.Random:
    return random.Random(f"{seed} {outcome.iteration} {outcome.task.digest}")
