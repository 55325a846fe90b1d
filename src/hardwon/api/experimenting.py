"""Runs the paper's modes for a model, and writes its tables and figures from any runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hardwon import bench
from hardwon.agents import Mode
from hardwon.api.configuration import Configuration, Means
from hardwon.api.errors import UsageError
from hardwon.api.evaluating import load_runs, write_results
from hardwon.api.series import Announce, Findings, Trial, folder_of, play
from hardwon.evaluation import (
    AGENT,
    MODES,
    SELF_IMPROVE,
    SINGLE,
    Kind,
    Run,
    experiment_figures,
    experiment_tables,
    paper,
    sort_runs,
    unit_of,
)
from hardwon.learning import Unit
from hardwon.records import Task


def experiment(
    tasks: Sequence[Task],
    out: Path,
    configuration: Configuration | None = None,
    *,
    modes: Sequence[str] = MODES,
    granularities: Sequence[int] = (),
    seeds: int = 1,
    workers: int = 1,
    means: Means | None = None,
    progress: Announce | None = None,
) -> Findings:
    """Run a model in several modes and write the paper's tables and figures.

    Each run lies in a directory of its own below `out/runs` and is gone on with where an earlier
    call was interrupted. Modes without learning are a single iteration without demonstrations.
    Where both are wanted, self-improvement is followed by a run of the simplest other mode that may
    spend as much as it did, again without demonstrations (Table 5).

    Args:
        tasks: the operators to write.
        out: gets the tables and figures, and the runs.
        configuration: what the runs have in common. Its seed is that of the first run.
        modes: which of `single-no-ir`, `single`, `agent` and `self-improve` to run.
        granularities: further m to run self-improvement with, for Figure 8.
        seeds: how many runs of each.
        workers: processes of each run. Does not change the result.
        means: how each run is carried out; caps are those of a single run.
        progress: called before each run; may return a listener for it.

    Raises:
        UsageError: if something has to be mended first.
        JournalError: if a run cannot be recorded or read.
    """
    common = configuration or Configuration()
    wanted = _known(modes)
    if seeds < 1:
        raise UsageError("an experiment needs at least one seed")
    runs: list[Run] = []

    def keep(trial: Trial) -> Run:
        runs.append(play(trial, tasks, workers=workers, means=means, announce=progress))
        return runs[-1]

    for seed in range(common.seed, common.seed + seeds):
        for trial in _trials(common, wanted, granularities, seed, out=out):
            run = keep(trial)
            if trial.name == SELF_IMPROVE:
                for other in _equal_cost(common, wanted, seed, run, out=out):
                    keep(other)
    return _finish(runs, out)


def experimented(sources: Sequence[Path | str], out: Path) -> Findings:
    """Write the tables and figures of runs that there are already; nothing is run.

    Args:
        sources: run directories, folders of them, journal files, or URLs of journals.
        out: gets the tables and figures.

    Raises:
        UsageError: if there are no runs.
        JournalError: if a journal cannot be read.
    """
    runs = [run for source in sources for run in load_runs(source)]
    begun = [run for run in runs if run.iterations]
    if not begun:
        raise UsageError("expected runs with at least one iteration, found none")
    return _finish(begun, out)


def _finish(runs: Sequence[Run], out: Path) -> Findings:
    kinds = {
        entry.name: Kind(shape=entry.shape, reuse=entry.reuse > 0) for entry in bench.catalog()
    }
    given = sort_runs(runs, kinds)
    tables = experiment_tables(given, paper())
    figures = experiment_figures(given, paper())
    write_results(out, tables, figures, "The paper's evaluation")
    return Findings(tables, figures)


def _known(modes: Sequence[str]) -> list[str]:
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown or not modes:
        raise UsageError(f"modes: expected some of {', '.join(MODES)}, got {', '.join(unknown)!r}")
    return [mode for mode in MODES if mode in modes]


def _trials(
    common: Configuration,
    modes: Sequence[str],
    granularities: Sequence[int],
    seed: int,
    *,
    out: Path,
) -> Iterator[Trial]:
    for mode in modes:
        if mode == SELF_IMPROVE:
            yield _trial(mode, common, out, {"seed": seed, "mode": Mode.AGENT})
        else:
            # A budget that any sample exceeds ends the run after its first iteration.
            changes = {"seed": seed, "mode": Mode(mode), "policy": "none", "budget": 1}
            yield _trial(mode, common, out, changes)
    for m in granularities if SELF_IMPROVE in modes else ():
        if m != common.granularity:
            changes = {"seed": seed, "mode": Mode.AGENT, "granularity": m}
            yield _trial(f"{SELF_IMPROVE}-m{m}", common, out, changes)


def _equal_cost(
    common: Configuration, modes: Sequence[str], seed: int, learned: Run, *, out: Path
) -> Iterator[Trial]:
    """Yield the run that may spend what self-improvement spent."""
    unit = unit_of([learned])
    for mode in (SINGLE, AGENT):
        if mode in modes:
            changes = {
                "seed": seed,
                "mode": Mode(mode),
                "policy": "none",
                "budget": max(2, learned.spent(unit)),
                "budget_unit": unit,
            }
            yield _trial(f"{mode}-equal-cost", common, out, changes)
            return


def _trial(name: str, common: Configuration, out: Path, changes: dict[str, Any]) -> Trial:
    settings = common.model_dump() | {"budget": None, "budget_unit": Unit.SAMPLES} | changes
    configuration = Configuration.model_validate(settings)
    return Trial(name, folder_of(out, name, configuration.seed), configuration)
