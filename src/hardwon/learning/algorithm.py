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

The filter sigma and the selection beta are the policy's (see `hardwon.learning.policies`).

Three things go beyond the paper. Under a budget, a cycle that brought nothing is begun again, with
new samples, until the budget is spent. A run may begin with experiences from elsewhere. And a
proposer may know how to try harder: where the algorithm would end with tasks unsolved, all
demonstrations are tried once more at each higher effort, and any success leads back to the
beginning of a cycle.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from hardwon.learning.budget import Budget
from hardwon.learning.outcomes import Outcome
from hardwon.learning.policies import Policy, make_policy
from hardwon.records import Experience, Task


class Ending(StrEnum):
    """The two exits of Algorithm 1, and that of a run with a budget."""

    ALL_SOLVED = "all tasks are solved"
    NOTHING_NEW = "all demonstrations together brought nothing new"
    BUDGET_SPENT = "the budget is spent"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run ends with."""

    ending: Ending
    memory: tuple[Experience, ...]
    """D, in the order in which tasks were solved."""
    unsolved: tuple[Task, ...]
    iterations: int
    """The number of the iteration that would have come next."""


class Environment(Protocol):
    """What the algorithm acts on: it samples, and it remembers."""

    async def sample(
        self,
        iteration: int,
        stratum: int,
        tasks: Sequence[Task],
        demonstrations: tuple[Experience, ...],
        *,
        effort: int,
    ) -> Sequence[Outcome]:
        """Sample every task in parallel and return one outcome per task, in their order."""
        ...

    def remember(self, experience: Experience) -> None:
        """Record a new experience."""
        ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one iteration samples with."""

    stratum: int
    demonstrations: tuple[Experience, ...]
    effort: int = 0


async def improve(
    tasks: Sequence[Task],
    environment: Environment,
    *,
    policy: Policy | None = None,
    granularity: int = 3,
    budget: Budget | None = None,
    seed: int = 0,
    efforts: int = 0,
    imported: Sequence[Experience] = (),
    first: int = 0,
) -> Result:
    """Run Algorithm 1 to one of its ends.

    Args:
        tasks: X, the operators to write.
        environment: samples the agentic system and records what happens.
        policy: filter, stratification and selection; the paper's if none is given.
        granularity: m, the number of strata of that policy (3 is the paper's best).
        budget: what the run may spend in the iterations that it begins; it ends only when that is
            spent or everything is solved. None: it ends by the paper's rule.
        seed: decides which of several equal answers is kept, and what policies leave to chance.
        efforts: how many levels above the usual one the proposer has.
        imported: experiences to begin with; their tasks count as solved.
        first: the number of the first iteration.
    """
    policy = policy or make_policy(granularity=granularity)
    memory = list(imported)
    known = {experience.task.digest for experience in memory}
    unsolved = [task for task in tasks if task.digest not in known]
    drawn: Counter[str] = Counter()
    iteration, spent = first, 0
    while unsolved:
        before = spent
        for step in _cycle(policy, memory, random.Random(f"{seed} {iteration}"), efforts):
            if budget is not None and spent >= budget.amount:
                return Result(Ending.BUDGET_SPENT, tuple(memory), tuple(unsolved), iteration)
            outcomes = await environment.sample(
                iteration, step.stratum, unsolved, step.demonstrations, effort=step.effort
            )
            iteration += 1
            spent += budget.cost(outcomes) if budget is not None else 0
            solved = [outcome for outcome in outcomes if outcome.solved]
            for outcome in solved:
                experience = policy.keep(outcome, _rng(seed, outcome))
                if step.effort:
                    experience = _rated(experience, drawn[outcome.task.digest])
                environment.remember(experience)
                memory.append(experience)
            for outcome in outcomes:
                drawn[outcome.task.digest] += outcome.samples
            if solved:
                names = {outcome.task.digest for outcome in solved}
                unsolved = [task for task in unsolved if task.digest not in names]
                break
        else:
            if spent > before:
                continue
            return Result(Ending.NOTHING_NEW, tuple(memory), tuple(unsolved), iteration)
    return Result(Ending.ALL_SOLVED, tuple(memory), (), iteration)


def _cycle(
    policy: Policy, memory: Sequence[Experience], rng: random.Random, efforts: int
) -> Iterator[Step]:
    """Yield the policy's steps, up to all that it ever shows, and with that the harder tries."""
    stratum = 0
    demonstrations: tuple[Experience, ...] = ()
    for stratum, demonstrations in enumerate(policy.steps(memory, rng)):
        yield Step(stratum, demonstrations)
    for effort in range(1, efforts + 1):
        yield Step(stratum, demonstrations, effort)


def _rated(experience: Experience, earlier: int) -> Experience:
    """Count the failed samples of all iterations before, too: what had to be searched for is hard.

    The rate of a single search would make the hardest task of all look like the easiest.
    """
    samples = experience.samples + earlier
    rate = experience.correct / samples
    return experience.model_copy(update={"samples": samples, "success_rate": rate})


def _rng(seed: int, outcome: Outcome) -> random.Random:
    return random.Random(f"{seed} {outcome.iteration} {outcome.task.digest}")
