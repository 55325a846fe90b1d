"""Several runs that belong together: of policies, or of the paper's modes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardwon.api.configuration import Configuration, Means
from hardwon.api.errors import UsageError
from hardwon.api.evaluating import load_run
from hardwon.api.improving import improve
from hardwon.evaluation import Figure, Run, Table
from hardwon.learning import Progress
from hardwon.records import Task

RUNS = "runs"
"""The folder of the runs, beside the results."""


@dataclass(frozen=True, slots=True)
class Trial:
    """One run of a series."""

    name: str
    """Of the policy or mode that it tries."""
    folder: Path
    configuration: Configuration

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return self.configuration.seed


@dataclass(frozen=True, slots=True)
class Findings:
    """What a series found; the same lies in its folder."""

    tables: tuple[Table, ...]
    figures: tuple[Figure, ...]


Announce = Callable[[Trial], Progress | None]
"""Called before each run; may return a listener for it."""


def folder_of(out: Path, name: str, seed: int) -> Path:
    """Return where a series in `out` keeps the run of a policy or mode with a seed."""
    return out / RUNS / f"{name}-{seed}"


def play(
    trial: Trial,
    tasks: Sequence[Task],
    *,
    workers: int = 1,
    means: Means | None = None,
    announce: Announce | None = None,
) -> Run:
    """Make a run of a series, or go on with it where an earlier call was interrupted.

    Raises:
        UsageError: if something has to be mended first, or a cap cut the run short.
        JournalError: if the run cannot be recorded or read.
    """
    result = improve(
        tasks,
        trial.folder,
        trial.configuration,
        workers=workers,
        resume=True,
        progress=announce(trial) if announce else None,
        means=means,
    )
    if result.stopped:
        raise UsageError(f"{trial.folder}: {result.stopped}; runs cut short say nothing")
    return load_run(trial.folder)
