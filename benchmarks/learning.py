"""What the built-in sampler gains from its own experience: on a benchmark, and across task sets.

    nice python benchmarks/learning.py --out runs/learning [--seeds 5] [--parts cold ablation]

Parts, each of which goes on where an earlier call was interrupted:

- cold: runs with the policies `none` and `paper` over the whole benchmark, cut at equal steps.
- ablation: every other group in catalog order is one half. Samples on one half are drawn with the
  experiences of the run without memory on the other half, with nothing, and with parts of what the
  sampler learns or prefers switched off. So no task is ever helped by an answer to itself.
- transfer: the same with whole runs: the experiences of one half are exported, imported into a run
  on the other half, and this run is compared with one without memory at equal steps.
- sets: samples on the second task set, with the experiences of the benchmark, and the other way
  round. It runs the second set without memory first.

Without memory tasks do not influence each other, so the runs of `cold` with the policy `none` hold
the runs without memory on either half. Every figure is decided by seeds, not by the machine.
"""

import argparse
import asyncio
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
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
from hardwon.languages.step.synthesis.learner import PRIOR, Prior
from hardwon.languages.step.synthesis.policy import Policy
from hardwon.languages.step.synthesis.space import Space
from hardwon.learning import Unit, pass_at_k
from hardwon.records import Experience, FunctionSpec, Task

PARTS = ("cold", "ablation", "transfer", "sets")
EXTRA = "extra"
NONE, PAPER = "none", "paper"
_TEMPERATURE = 1.0

Tasks = tuple[Task, ...]
Memories = dict[Tasks, tuple[Experience, ...]]
"""What is known when these tasks are sampled."""
Counts = dict[tuple[str, int], dict[str, int]]
"""How many samples were correct, by variant and seed, and by task."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A sampler with something switched off."""

    name: str
    remembers: bool = True
    """Whether it is given the experiences of other tasks."""
    equally: bool = False
    """Whether easy and hard-won experiences weigh the same."""
    prior: Prior = PRIOR
    """How much it learns of what."""
    preferences: Policy = field(default_factory=Policy)
    """What it prefers where it remembers nothing."""
    shuffled: bool = False
    """Whether tasks declare their functions in random order, demonstrated tasks as they are."""

    @property
    def file_name(self) -> str:
        """The name, fit for a file."""
        return self.name.replace(",", "").replace(" ", "-")

    def sampler(
        self, task: Task, known: Sequence[Experience], sizes: Mapping[str, Mapping[str, int]]
    ) -> Sampler:
        """Return the sampler for a task, with experiences of others."""
        if not self.remembers:
            return Sampler(Space.of(task, sizes[task.digest]), self.preferences)
        if self.equally:
            known = [shown.model_copy(update={"success_rate": 1.0}) for shown in known]
        return Sampler.for_task(task, known, sizes, self.prior)


PLAIN = Variant("nothing remembered", remembers=False)
"""The sampler that the others are compared with."""
ALL = Variant("all remembered")
NOTHING = Prior(*(0.0 for _ in fields(Prior)))

VARIANTS = (
    PLAIN,
    ALL,
    Variant("but the order of declaration", prior=replace(PRIOR, declared=0.0)),
    Variant("but who feeds whom", prior=replace(PRIOR, pair=0.0)),
    Variant("but how functions fold", prior=replace(PRIOR, mode=0.0, fold=0.0)),
    Variant("but what arguments have in common", prior=replace(PRIOR, beside=0.0, tails=0.0)),
    Variant("but plain preferences", prior=replace(PRIOR, plain=0.0)),
    Variant("only the order of declaration", prior=replace(NOTHING, declared=PRIOR.declared)),
    Variant("easy weighs like hard", equally=True),
    Variant("nothing remembered, functions shuffled", remembers=False, shuffled=True),
    Variant("all remembered, functions shuffled", shuffled=True),
    Variant(
        "nothing remembered, functions may stay unused",
        remembers=False,
        preferences=Policy(
            unused_function=0.0, function_in_result=0.0, complete=0.0, function_left_out=0.0
        ),
    ),
    Variant(
        "nothing remembered, repeats as likely",
        remembers=False,
        preferences=Policy(repeated_function=0.0),
    ),
    Variant(
        "nothing remembered, arguments in any order",
        remembers=False,
        preferences=Policy(input_beside=0.0, newest_value=0.0, elders_first=0.5),
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
    """Which samplers of the ablation are measured; the others are compared with the first."""
    set_variants: tuple[int, ...] = (0, 1, 2)
    """The same, for transfer between task sets."""

    @property
    def settings(self) -> api.Configuration:
        """The configuration of every run, but for policy and seed."""
        return api.Configuration(samples=self.samples, temperatures=(_TEMPERATURE,), efforts=0)

    def run(self, policy: str, seed: int, task_set: str = bench.BENCHMARK) -> Run:
        """Return a finished run over a whole task set."""
        return _loaded(self.folder(task_set) / "runs" / f"{policy}-{seed}")

    def folder(self, task_set: str) -> Path:
        """Where the runs over a task set are."""
        return self.out / ("cold" if task_set == bench.BENCHMARK else task_set)

    def finish(self, task_set: str, policies: Sequence[str], steps: int) -> None:
        """Do the runs over a task set that are not done yet."""
        folders = [
            self.folder(task_set) / "runs" / f"{policy}-{seed}"
            for policy in policies
            for seed in range(self.seeds)
        ]
        if all((it / JOURNAL).is_file() and _loaded(it).ending is not None for it in folders):
            return
        api.compare(
            api.select_tasks([task_set]),
            self.folder(task_set),
            self.settings,
            policies=policies,
            seeds=self.seeds,
            equal=Unit.STEPS,
            budget=steps,
            workers=self.workers,
        )
        _loaded.cache_clear()


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
    plan.finish(bench.BENCHMARK, (NONE, PAPER), plan.steps)
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
        base = base if at % 2 else runs
        reached = [steps_to(run, alone.solved) for run, alone in zip(runs, base, strict=True)]
        row.append(sum(reached) / len(reached))
        row += paired_difference(solved, _grid(base)) if at % 2 else (None, None)
        rows.append(tuple(row))
    return Table(
        name,
        f"{title}, {len(base)} seeds",
        (
            *("runs", "tasks", "solved", "newly solved", "share", "pass@1", "pass@n"),
            *("steps per solved", "steps per new", "steps to as many", "difference of share", "p"),
        ),
        tuple(rows),
        (
            "Intervals: 95%, bootstrap over seeds and tasks. p: two-sided permutation test over"
            " tasks. Newly solved: after iteration 0, with the steps since then. pass@1 and pass@n:"
            " from the samples of the iteration that solved a task; n is the least number of those"
            " samples. Steps to as many: by the end of the iteration in which a run had solved as"
            " many tasks as the run without memory of the same seed did in all; a run that never"
            " did counts with all its steps.",
        ),
    )


def steps_to(run: Run, solved: int) -> int:
    """Return the steps by the end of the iteration in which so many tasks were solved, or all."""
    spent = 0
    for iteration in run.iterations:
        spent += sum(sample.usage.steps for sample in iteration.samples)
        found = [it.solved_in for it in run.scores.values() if it.solved_in is not None]
        if sum(at <= iteration.index for at in found) >= solved:
            break
    return spent


def ablation(plan: Plan) -> Table:
    """Draw on each half with what was remembered of the other, by samplers with less to go by."""
    tasks = api.select_tasks([bench.BENCHMARK])
    first, second = halves(tasks)

    def memories(seed: int) -> Memories:
        run = plan.run(NONE, seed)
        return {
            first: _remembered(plan, run, second),
            second: _remembered(plan, run, first),
        }

    counts = asyncio.run(_counted(plan, "ablation", plan.variants, memories))
    return ablated(
        "ablation", "with memory of the other half of the groups", counts, tasks, plan.samples
    )


def sets(plan: Plan) -> list[Table]:
    """Draw on each task set with what was remembered of the other."""
    plan.finish(EXTRA, (NONE,), plan.half_steps)
    tables = []
    for target, source in ((EXTRA, bench.BENCHMARK), (bench.BENCHMARK, EXTRA)):
        tasks, others = (tuple(api.select_tasks([name])) for name in (target, source))

        def memories(
            seed: int, source: str = source, tasks: Tasks = tasks, others: Tasks = others
        ) -> Memories:
            return {tasks: _remembered(plan, plan.run(NONE, seed, source), others)}

        counts = asyncio.run(_counted(plan, f"to-{target}", plan.set_variants, memories))
        title = f"with memory of the task set {source}"
        tables.append(ablated(f"to-{target}", title, counts, tasks, plan.samples))
    return tables


async def _counted(
    plan: Plan, name: str, variants: Sequence[int], memories: Callable[[int], Memories]
) -> Counts:
    """Return how many samples were correct, by variant, seed and task."""
    counts: Counts = {}
    async with Judge(workers=plan.workers) as judge:
        for variant in (VARIANTS[at] for at in variants):
            for seed in range(plan.seeds):
                file = plan.out / name / f"{variant.file_name}-{seed}.json"
                if not file.is_file():
                    file.parent.mkdir(parents=True, exist_ok=True)
                    correct = await _drawn(plan, variant, memories(seed), judge, seed)
                    file.write_text(json.dumps(correct, indent=1), encoding="utf-8")
                counts[variant.name, seed] = json.loads(file.read_text(encoding="utf-8"))
    return counts


def ablated(name: str, memory: str, counts: Counts, tasks: Sequence[Task], samples: int) -> Table:
    """Make a table of how many of so many samples were correct, by variant, seed and task."""
    names = [task.test_name for task in tasks]
    seeds = sorted({seed for _, seed in counts})
    rows: list[tuple[Cell, ...]] = []
    base: list[list[float]] = []
    based: list[list[float]] = []
    for variant in dict.fromkeys(name for name, _ in counts):
        rates = [
            [pass_at_k([(samples, counts[variant, seed][task])], 1) for task in names]
            for seed in seeds
        ]
        reached = [[float(rate > 0) for rate in row] for row in rates]
        base = base or rates
        based = based or reached
        tests: tuple[Cell, ...] = (None, None, None, None)
        if base is not rates:
            tests = (*paired_difference(rates, base), *paired_difference(reached, based))
        rows.append((variant, bootstrap(rates), bootstrap(reached), *tests))
    return Table(
        name,
        f"{samples} samples of each of {len(names)} tasks, {len(seeds)} seeds, {memory}",
        (
            *("sampler", "pass@1", f"pass@{samples}", "difference of pass@1", "p"),
            *(f"difference of pass@{samples}", "p"),
        ),
        tuple(rows),
        (
            "Differences from the first row. Intervals: 95%, bootstrap over seeds and tasks. p:"
            " two-sided permutation test over tasks, not corrected for their number.",
        ),
    )


async def _drawn(
    plan: Plan,
    variant: Variant,
    memories: Memories,
    judge: Judge,
    seed: int,
) -> dict[str, int]:
    """Return how many samples of each task were correct."""

    async def one(given: Task, known: Sequence[Experience]) -> int:
        task = shuffled(given) if variant.shuffled else given
        involved = (task, *(shown.task for shown in known))
        sizes = {it.digest: dict(await judge.sizes(it)) for it in involved}
        sampler = variant.sampler(task, known, sizes)
        correct = 0
        verdicts: dict[str, bool] = {}
        for index in range(plan.samples):
            # Seeded by the task as it is, so that all samplers draw with the same random numbers.
            rng = random.Random(f"{seed} {given.digest} {index}")
            impl, _ = sampler.draw(rng, _TEMPERATURE)
            if impl is not None:
                if impl not in verdicts:
                    verdicts[impl] = (await judge.judge(task, impl)).correct
                correct += verdicts[impl]
        return correct

    found: dict[str, int] = {}
    for tasks, memory in memories.items():
        correct = await asyncio.gather(*(one(task, memory) for task in tasks))
        found |= dict(zip((task.test_name for task in tasks), correct, strict=True))
    return found


def shuffled(task: Task) -> Task:
    """Return a task that declares its functions in another order, the same one for all samplers.

    Functions from one type to another stay in order among themselves: if they are the branches
    through which tokens are routed, their order is part of the task.
    """
    groups: dict[tuple[object, ...], list[FunctionSpec]] = {}
    for fn in task.fns:
        groups.setdefault((fn.input_dtype, fn.output_dtype, fn.init is None), []).append(fn)
    kinds = [kind for kind, members in groups.items() for _ in members]
    random.Random(task.digest).shuffle(kinds)
    return task.model_copy(update={"fns": tuple(groups[kind].pop(0) for kind in kinds)})


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
                tables = [cold(plan)]
            case "ablation":
                tables = [ablation(plan)]
            case "sets":
                tables = sets(plan)
            case _:
                tables = [transfer(plan)]
        for table in tables:
            print(markdown(table), flush=True)
            (plan.out / f"{table.name}.json").write_text(to_json(table), encoding="utf-8")


if __name__ == "__main__":
    main()
