"""Runs several policies with the same to spend, over several seeds, and compares them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hardwon.api.configuration import Configuration, Means
from hardwon.api.errors import UsageError
from hardwon.api.evaluating import load_runs, write_results
from hardwon.api.series import RUNS, Announce, Findings, Trial, folder_of, play
from hardwon.evaluation import (
    Comparison,
    Run,
    comparison_figures,
    comparison_tables,
    unit_of,
)
from hardwon.learning import POLICIES, Unit
from hardwon.records import Task

BASELINE = "paper"


def compare(
    tasks: Sequence[Task],
    out: Path,
    configuration: Configuration | None = None,
    *,
    policies: Sequence[str] = tuple(POLICIES),
    seeds: int = 5,
    equal: Unit = Unit.SAMPLES,
    budget: int | None = None,
    workers: int = 1,
    means: Means | None = None,
    progress: Announce | None = None,
) -> Findings:
    """Compare policies at equal cost.

    Each run lies in a directory of its own, `out/runs/POLICY-SEED`, and is gone on with where an
    earlier call was interrupted. Runs of one seed draw the same samples in iteration 0, where no
    policy has anything to show yet, so the comparison is paired.

    Args:
        tasks: the operators to write.
        out: gets the tables and figures, and the runs.
        configuration: what the runs have in common. Its seed is that of the first run.
        policies: names of policies; if `paper` is among them it is the baseline, else the first.
        seeds: how many runs of each policy.
        equal: what every run may spend the same amount of.
        budget: the amount; ten iterations over all tasks by default, for samples only.
        workers: processes of each run. Does not change the result.
        means: how each run is carried out; caps are those of a single run.
        progress: called before each run; may return a listener for it.

    Raises:
        UsageError: if something has to be mended first.
        JournalError: if a run cannot be recorded or read.
    """
    common = configuration or Configuration()
    amount = _amount(common, tasks, equal, budget)
    names = list(dict.fromkeys(policies))
    if not names or seeds < 1:
        raise UsageError("a comparison needs at least one policy and one seed")
    trials = list(_trials(common, names, seeds, equal, amount, out=out))
    for trial in trials:
        trial.configuration.validated()
    runs: dict[str, dict[int, Run]] = {name: {} for name in names}
    for trial in trials:
        run = play(trial, tasks, workers=workers, means=means, announce=progress)
        runs[trial.name][trial.seed] = run
    return _finish(runs, amount, equal, out)


def compared(out: Path) -> Findings:
    """Compare the finished runs that lie in `out/runs` already, and write the results anew.

    Seeds that not every policy has come to the end of are left out.

    Raises:
        UsageError: if they are no runs of a comparison.
        JournalError: if a run cannot be read.
    """
    runs: dict[str, dict[int, Run]] = {}
    finished = [run for run in load_runs(out / RUNS) if run.ending is not None]
    for run in finished:
        seed = int(run.configuration.get("seed", 0))
        runs.setdefault(str(run.configuration.get("policy")), {})[seed] = run
    common = sorted(set.intersection(*map(set, runs.values()))) if runs else []
    budgets = {
        (run.configuration.get("budget"), run.configuration.get("budget_unit")) for run in finished
    }
    if not common or len(budgets) != 1 or None in next(iter(budgets)):
        raise UsageError(
            f"{out}: expected finished runs of some policies with the same seeds and the same"
            " budget, as `hardwon compare` leaves them"
        )
    ((amount, unit),) = budgets
    order = [*POLICIES, *runs]
    ordered = {
        policy: {seed: runs[policy][seed] for seed in common}
        for policy in sorted(runs, key=order.index)
    }
    return _finish(ordered, int(str(amount)), Unit(str(unit)), out)


def _finish(runs: Mapping[str, Mapping[int, Run]], amount: int, unit: Unit, out: Path) -> Findings:
    every = [run for by_seed in runs.values() for run in by_seed.values()]
    baseline = BASELINE if BASELINE in runs else next(iter(runs))
    price = unit_of(every)
    try:
        given = Comparison(runs, amount, unit, price, baseline)
    except ValueError as error:
        raise UsageError(f"{out}: the runs cannot be compared: {error}") from error
    result = Findings(comparison_tables(given), comparison_figures(given))
    write_results(out, result.tables, result.figures, "Comparison of policies")
    return result


def _amount(
    configuration: Configuration, tasks: Sequence[Task], equal: Unit, budget: int | None
) -> int:
    if budget is None:
        if equal is not Unit.SAMPLES:
            raise UsageError(f"--equal {equal} needs --budget: how many {equal} may a run spend?")
        return 10 * configuration.samples * len(configuration.temperatures) * len(tasks)
    if budget < 1:
        raise UsageError(f"budget: expected at least 1, got {budget}")
    return budget


def _trials(
    common: Configuration,
    policies: Sequence[str],
    seeds: int,
    equal: Unit,
    amount: int,
    *,
    out: Path,
) -> Iterator[Trial]:
    """Yield the runs seed by seed, so that an interrupted comparison has seen every policy."""
    for seed in range(common.seed, common.seed + seeds):
        for policy in policies:
            settings = common.model_dump() | {
                "policy": policy,
                "seed": seed,
                "budget": amount,
                "budget_unit": equal,
                "efforts": 0,
            }
            folder = folder_of(out, policy, seed)
            yield Trial(policy, folder, Configuration.model_validate(settings))
