"""What the built-in sampler gains from its own experience: on a benchmark, and across its halves.

    nice python benchmarks/learning.py --out runs/learning [--seeds 5] [--parts cold ablation]

Parts, each of which goes on where an earlier call was interrupted:

- cold: runs with the policies `none` and `paper` over the whole benchmark, cut at equal steps.
- ablation: every other group in catalog order is one half. Samples on one half are drawn with the
  experiences of the run without memory on the other half, with nothing, and with parts of the
  sampler's preferences switched off. So no task is ever helped by an answer to itself.
- transfer: the same with whole runs: the experiences of one half are exported, imported into a run
  on the other half, and this run is compared with one without memory at equal steps.

Without memory tasks do not influence each other, so the runs of `cold` with the policy `none` hold
the runs without memory on either half. Every figure is decided by seeds, not by the machine.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from hardwon import api, bench
from hardwon.api.evaluating import load_run
from hardwon.api.improving import JOURNAL
from hardwon.evaluation import Cell, Run, Table, bootstrap, markdown, paired_difference
from hardwon.evaluation.measures import chances, largest_k
from hardwon.evaluation.tables import to_json
from hardwon.judge import Judge
from hardwon.languages.step.synthesis import Sampler
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.learning import Unit, pass_at_k
from hardwon.records import Experience, Task

PARTS = ("cold", "ablation", "transfer")
NONE, PAPER = "none", "paper"
_TEMPERATURE = 1.0


@dataclass(frozen=True, slots=True)
class Variant:
    """A sampler with something switched off."""

    name: str
    remembers: bool = True
    """Whether it is given the experiences of the other half."""
    equally: bool = False
    """Whether easy and hard-won experiences weigh the same."""
    change: Callable[[Policy], Policy] = lambda policy: policy

    @property
    def file_name(self) -> str:
        """The name, fit for a file."""
        return self.name.replace(",", "").replace(" ", "-")


def _without(**values: float) -> Callable[[Policy], Policy]:
    return lambda policy: replace(policy, **values)  # type: ignore[arg-type]


PLAIN = "nothing remembered"
"""The sampler that the others are compared with; iteration 0 of the runs without memory is its."""

VARIANTS = (
    Variant("all remembered"),
    Variant("only who feeds whom", change=lambda policy: replace(policy, modes={})),
    Variant("only how folds are used", change=lambda policy: replace(policy, pairs={})),
    Variant("easy weighs like hard", equally=True),
    Variant(
        "nothing remembered, functions may stay unused",
        remembers=False,
        change=_without(
            unused_function=0.0, function_in_result=0.0, complete=0.0, function_left_out=0.0
        ),
    ),
    Variant(
        "nothing remembered, repeats as likely",
        remembers=False,
        change=_without(repeated_function=0.0),
    ),
    Variant(
        "nothing remembered, arguments in any order",
        remembers=False,
        change=_without(input_beside=0.0, newest_value=0.0, elders_first=0.5),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What all parts have in common."""

    out: Path
    seeds: int
    samples: int
    """Per task and iteration."""
    steps: int
    """What a run over the whole benchmark may spend."""
    half_steps: int
    """What a run over a half may spend."""
    workers: int
    variants: tuple[int, ...] = tuple(range(len(VARIANTS)))
    """Which samplers of the ablation are measured."""

    @property
    def settings(self) -> api.Configuration:
        """The configuration of every run, but for policy and seed."""
        return api.Configuration(samples=self.samples, temperatures=(_TEMPERATURE,), efforts=0)

    def run(self, policy: str, seed: int) -> Run:
        """Return a finished run over the whole benchmark."""
        return _loaded(self.out / "cold" / "runs" / f"{policy}-{seed}")

    def finished(self, policy: str, seed: int) -> bool:
        """Say whether that run has come to its end."""
        folder = self.out / "cold" / "runs" / f"{policy}-{seed}"
        return (folder / JOURNAL).is_file() and _loaded(folder).ending is not None


def halves(tasks: Sequence[Task]) -> tuple[tuple[Task, ...], tuple[Task, ...]]:
    """Split tasks by group: every other group, in the order in which groups first appear."""
    groups = list(dict.fromkeys(task.group for task in tasks))
    first = set(groups[::2])
    return (
        tuple(task for task in tasks if task.group in first),
        tuple(task for task in tasks if task.group not in first),
    )


def restricted(run: Run, tasks: Iterable[Task]) -> Run:
    """Return the part of a run that deals with some of its tasks, iterations and costs included."""
    wanted = {task.digest for task in tasks}
    iterations = tuple(
        replace(
            iteration,
            tasks=tuple(task for task in iteration.tasks if task in wanted),
            samples=tuple(sample for sample in iteration.samples if sample.task in wanted),
        )
        for iteration in run.iterations
    )
    return replace(
        run,
        tasks=tuple(task for task in run.tasks if task.digest in wanted),
        iterations=iterations,
        experiences=tuple(e for e in run.experiences if e.task.digest in wanted),
    )


def cold(plan: Plan) -> Table:
    """Run with and without memory over the whole benchmark."""
    wanted = [(policy, seed) for policy in (NONE, PAPER) for seed in range(plan.seeds)]
    if not all(plan.finished(policy, seed) for policy, seed in wanted):
        api.compare(
            api.select_tasks([bench.BENCHMARK]),
            plan.out / "cold",
            plan.settings,
            policies=(NONE, PAPER),
            seeds=plan.seeds,
            equal=Unit.STEPS,
            budget=plan.steps,
            workers=plan.workers,
        )
        _loaded.cache_clear()
    arms = {
        name: [plan.run(policy, seed).within(plan.steps, Unit.STEPS) for seed in range(plan.seeds)]
        for name, policy in (("no memory", NONE), ("learned", PAPER))
    }
    return compared("cold", f"Cold and learned at {plan.steps} steps", arms)


def transfer(plan: Plan) -> Table:
    """Run on one half with what was remembered of the other, in both directions."""
    first, second = halves(api.select_tasks([bench.BENCHMARK]))
    arms: dict[str, list[Run]] = {}
    for direction, source, target in (("1 to 2", first, second), ("2 to 1", second, first)):
        for seed in range(plan.seeds):
            before = plan.run(NONE, seed)
            folder = plan.out / "transfer" / f"{direction.replace(' ', '-')}-{seed}"
            if not (folder / "summary.json").is_file():
                folder.mkdir(parents=True, exist_ok=True)
                file = folder / "experiences.jsonl"
                known = _remembered(plan, before, source)
                file.write_text("".join(map(api.experience_line, known)), encoding="utf-8")
                api.import_experiences(file, folder, workers=plan.workers)
                api.improve(
                    target,
                    folder,
                    plan.settings.model_copy(
                        update={
                            "policy": PAPER,
                            "seed": seed,
                            "budget": plan.half_steps,
                            "budget_unit": Unit.STEPS,
                        }
                    ),
                    workers=plan.workers,
                    resume=True,
                )
            given = load_run(folder).within(plan.half_steps, Unit.STEPS)
            alone = restricted(before, target).within(plan.half_steps, Unit.STEPS)
            arms.setdefault(f"{direction}: no memory", []).append(alone)
            arms.setdefault(f"{direction}: imported", []).append(given)
    return compared("transfer", f"Transfer between halves at {plan.half_steps} steps", arms)


def compared(name: str, title: str, arms: dict[str, list[Run]]) -> Table:
    """Make a table of arms: each second one is tested against the one before it."""
    rows: list[tuple[Cell, ...]] = []
    base: list[Run] = []
    for at, (arm, runs) in enumerate(arms.items()):
        count = len(runs[0].tasks)
        k = min(largest_k(run.scores.values()) for run in runs)
        solved = _grid(runs)
        total = sum(run.solved for run in runs)
        later = sum(bool(score.solved_in) for run in runs for score in run.scores.values())
        row: list[Cell] = [
            arm,
            count,
            total / len(runs),
            later / len(runs),
            bootstrap(solved),
            bootstrap([chances(run.scores.values(), 1) for run in runs]),
            bootstrap([chances(run.scores.values(), k) for run in runs]),
            sum(run.spent(Unit.STEPS) for run in runs) / total if total else None,
            sum(run.spent(Unit.STEPS, first=1) for run in runs) / later if later else None,
        ]
        if at % 2:
            difference, p = paired_difference(solved, _grid(base))
            row += [difference, p]
        else:
            row += [None, None]
        base = runs
        rows.append(tuple(row))
    return Table(
        name,
        f"{title}, {len(base)} seeds",
        (
            *("runs", "tasks", "solved", "newly solved", "share", "pass@1", "pass@n"),
            *("steps per solved", "steps per new", "difference of share", "p"),
        ),
        tuple(rows),
        (
            "Intervals: 95%, bootstrap over seeds and tasks. p: two-sided permutation test over"
            " tasks. Newly solved: after iteration 0, with the steps since then. pass@1 and pass@n:"
            " from the samples of the iteration that solved a task; n is the least number of those"
            " samples.",
        ),
    )


async def ablation(plan: Plan) -> Table:
    """Draw on each half with what was remembered of the other, by samplers with less to go by."""
    tasks = api.select_tasks([bench.BENCHMARK])
    first, second = halves(tasks)
    counts: dict[tuple[str, int], dict[str, int]] = {}
    for seed in range(plan.seeds):
        begun = plan.run(NONE, seed).iterations[0]
        counts[PLAIN, seed] = {
            task.test_name: sum(sample.correct for sample in begun.of(task.digest))
            for task in tasks
        }
    async with Judge(workers=plan.workers) as judge:
        for at, variant in enumerate(VARIANTS):
            if at not in plan.variants:
                continue
            for seed in range(plan.seeds):
                run = plan.run(NONE, seed)
                memories = {
                    first: _remembered(plan, run, second),
                    second: _remembered(plan, run, first),
                }
                file = plan.out / "ablation" / f"{variant.file_name}-{seed}.json"
                if not file.is_file():
                    file.parent.mkdir(parents=True, exist_ok=True)
                    correct = await _drawn(plan, variant, memories, judge, seed)
                    file.write_text(json.dumps(correct, indent=1), encoding="utf-8")
                counts[variant.name, seed] = json.loads(file.read_text(encoding="utf-8"))
    names = [task.test_name for task in tasks]
    return ablated(counts, names, plan.samples)


def ablated(
    counts: dict[tuple[str, int], dict[str, int]], names: Sequence[str], samples: int
) -> Table:
    """Make a table of how many of so many samples were correct, by variant, seed and task."""
    seeds = sorted({seed for _, seed in counts})
    rows: list[tuple[Cell, ...]] = []
    base: list[list[float]] = []
    for variant in dict.fromkeys(name for name, _ in counts):
        rates = [
            [pass_at_k([(samples, counts[variant, seed][name])], 1) for name in names]
            for seed in seeds
        ]
        reached = [[float(rate > 0) for rate in row] for row in rates]
        base = base or rates
        difference, p = paired_difference(rates, base)
        mine: list[Cell] = [variant, bootstrap(rates), bootstrap(reached)]
        rows.append((*mine, *((None, None) if base is rates else (difference, p))))
    return Table(
        "ablation",
        f"{samples} samples of each of {len(names)} tasks, {len(seeds)} seeds, with memory of the"
        " other half of the groups",
        ("sampler", "pass@1", f"pass@{samples}", "difference of pass@1", "p"),
        tuple(rows),
        (
            "Differences from the first row. Intervals: 95%, bootstrap over seeds and tasks. p:"
            " two-sided permutation test over tasks, not corrected for their number.",
        ),
    )


async def _drawn(
    plan: Plan,
    variant: Variant,
    memories: dict[tuple[Task, ...], tuple[Experience, ...]],
    judge: Judge,
    seed: int,
) -> dict[str, int]:
    """Return how many samples of each task were correct."""
    sizes = {task.digest: dict(await judge.sizes(task)) for tasks in memories for task in tasks}

    async def one(task: Task, known: Sequence[Experience]) -> int:
        sampler = Sampler.for_task(task, known, sizes)
        sampler = replace(sampler, policy=variant.change(sampler.policy))
        correct = 0
        verdicts: dict[str, bool] = {}
        for index in range(plan.samples):
            rng = random.Random(f"{seed} {task.digest} {index}")
            impl, _ = sampler.draw(rng, _TEMPERATURE)
            if impl is not None:
                if impl not in verdicts:
                    verdicts[impl] = (await judge.judge(task, impl)).correct
                correct += verdicts[impl]
        return correct

    found: dict[str, int] = {}
    for tasks, memory in memories.items():
        known = memory if variant.remembers else ()
        if variant.equally:
            known = tuple(e.model_copy(update={"success_rate": 1.0}) for e in known)
        found |= dict(
            zip(
                (task.test_name for task in tasks),
                await asyncio.gather(*(one(task, known) for task in tasks)),
                strict=True,
            )
        )
    return found


def _remembered(plan: Plan, run: Run, tasks: Iterable[Task]) -> tuple[Experience, ...]:
    """Return what a run without memory on some tasks alone would have learned by its end."""
    return restricted(run, tasks).within(plan.half_steps, Unit.STEPS).experiences


@cache
def _loaded(folder: Path) -> Run:
    """Read a run once: it is asked for by every part."""
    return load_run(folder)


def _grid(runs: Sequence[Run]) -> list[list[float]]:
    return [[float(score.solved) for score in run.scores.values()] for run in runs]


def main() -> None:
    """Run the parts that are asked for, and print and write their tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=16)
    parser.add_argument("--steps", type=int, default=16_000)
    parser.add_argument("--half-steps", type=int, default=4_000)
    parser.add_argument("--workers", type=int, default=1)
    every = tuple(range(len(VARIANTS)))
    parser.add_argument("--variants", type=int, nargs="*", choices=every, default=every)
    given = parser.parse_args()
    plan = Plan(
        *(given.out, given.seeds, given.samples, given.steps, given.half_steps, given.workers),
        variants=tuple(given.variants),
    )
    for part in PARTS:
        if part not in given.parts:
            continue
        match part:
            case "cold":
                table = cold(plan)
            case "ablation":
                table = asyncio.run(ablation(plan))
            case _:
                table = transfer(plan)
        print(markdown(table), flush=True)
        (plan.out / f"{table.name}.json").write_text(to_json(table), encoding="utf-8")


if __name__ == "__main__":
    main()
