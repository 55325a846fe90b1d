"""Runs sorted into models and modes, as the paper evaluates them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardwon.evaluation.measures import chances, largest_k, unit_of
from hardwon.evaluation.runs import Run
from hardwon.evaluation.statistics import Grid
from hardwon.learning import Unit

SELF_IMPROVE = "self-improve"
SINGLE = "single"
AGENT = "agent"
EQUAL_COST = "at equal cost"
"""What follows the mode of a run without memory that may spend as much as self-improvement did."""
MODES = ("single-no-ir", SINGLE, AGENT, SELF_IMPROVE)
"""In the order of the paper: each adds something to the one before."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How the paper classifies a task, by its reference program."""

    shape: bool
    """Whether shape primitives are needed, and not only arithmetic ones."""
    reuse: bool
    """Whether some stream is consumed more than once."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Runs of one model in one mode, over the same tasks; they differ by their seeds."""

    model: str
    mode: str
    runs: tuple[Run, ...]

    @property
    def title(self) -> str:
        """Model and mode."""
        return f"{self.model}, {self.mode}"

    def rates(self, k: int = 1) -> Grid:
        """Return pass@k of each run and task."""
        return [chances(run.scores.values(), k) for run in self.runs]

    def solved(self) -> Grid:
        """Return 1 or 0 for each run and task."""
        return [[float(score.solved) for score in run.scores.values()] for run in self.runs]

    def names(self) -> tuple[str, ...]:
        """Return the names of the tasks, in the order of the columns of the grids."""
        return tuple(task.test_name for task in self.runs[0].tasks)

    def spent(self, unit: Unit) -> float:
        """Return what a run cost, on average."""
        return sum(run.spent(unit) for run in self.runs) / len(self.runs)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Everything that the tables and figures are made of."""

    arms: tuple[Arm, ...]
    learning: tuple[Run, ...]
    """The runs that learn, with whatever granularity."""
    kinds: Mapping[str, Kind]
    """By the tasks' names; tasks that are not in it have no place in Table 2."""
    unit: Unit
    """In what costs are told."""

    def arm(self, model: str, mode: str) -> Arm | None:
        """Return the runs of a model in a mode, if there are any."""
        return next((arm for arm in self.arms if (arm.model, arm.mode) == (model, mode)), None)

    @property
    def models(self) -> tuple[str, ...]:
        """The models, in the order of the runs."""
        return tuple(dict.fromkeys(arm.model for arm in self.arms))

    @property
    def common_k(self) -> int:
        """The largest k for which pass@k is known of all runs of all arms; 1 at least."""
        ks = [largest_k(run.scores.values()) for arm in self.arms for run in arm.runs]
        return max(1, min(ks, default=1))


def sort_runs(runs: Sequence[Run], kinds: Mapping[str, Kind]) -> Experiment:
    """Sort runs by model and mode, as their configurations say.

    A run that learns is self-improvement, and its first iteration, which shows nothing, is a run of
    its agentic system as well: it stands in where there is no run of that mode of its own. Of runs
    without memory, the first iteration counts; those with a budget count up to what
    self-improvement spent. Where a model has runs of several granularities, self-improvement is
    the paper's, or else the smallest.
    """
    learning = tuple(run for run in runs if _learns(run))
    found: dict[tuple[str, str], list[Run]] = {}
    spare: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        model, mode = _model(run), _mode(run)
        if _learns(run):
            spare.setdefault((model, mode), []).append(run.up_to(1))
            if granularity(run) == _main_granularity(learning, model):
                found.setdefault((model, SELF_IMPROVE), []).append(run)
        elif _is_repeated(run):
            found.setdefault((model, f"{mode} {EQUAL_COST}"), []).append(run)
        else:
            found.setdefault((model, mode), []).append(run.up_to(1))
    for key, firsts in spare.items():
        found.setdefault(key, firsts)
    models = list(dict.fromkeys(map(_model, runs)))
    order = [*MODES, *(f"{mode} {EQUAL_COST}" for mode in MODES)]
    keys = sorted(found, key=lambda key: (models.index(key[0]), order.index(key[1])))
    arms = {key: Arm(*key, _same_tasks(found[key])) for key in keys}
    unit = unit_of(runs)
    fair = tuple(_cut(arm, arms.get((arm.model, SELF_IMPROVE)), unit) for arm in arms.values())
    return Experiment(fair, learning, kinds, unit)


def _cut(arm: Arm, learned: Arm | None, unit: Unit) -> Arm:
    """Cut runs without memory off where they have spent what self-improvement spent."""
    if learned is None or not arm.mode.endswith(EQUAL_COST):
        return arm
    amount = round(learned.spent(unit))
    return Arm(arm.model, arm.mode, tuple(run.within(amount, unit) for run in arm.runs))


def granularity(run: Run) -> int:
    """Return m of a run."""
    return int(run.configuration.get("granularity", 3))


def _model(run: Run) -> str:
    return str(run.configuration.get("model", "unknown"))


def _mode(run: Run) -> str:
    mode = str(run.configuration.get("mode", AGENT))
    return mode if mode in MODES else AGENT


def _learns(run: Run) -> bool:
    return str(run.configuration.get("policy", "paper")) != "none"


def _is_repeated(run: Run) -> bool:
    return len(run.iterations) > 1


def _main_granularity(learning: Sequence[Run], model: str) -> int:
    used = {granularity(run) for run in learning if _model(run) == model}
    return 3 if 3 in used else min(used)


def _same_tasks(runs: Sequence[Run]) -> tuple[Run, ...]:
    """Return the runs over the tasks that most of them have: grids need the same columns."""
    wanted = max(runs, key=lambda run: len(run.tasks))
    digests = [task.digest for task in wanted.tasks]
    return tuple(run for run in runs if [task.digest for task in run.tasks] == digests)
