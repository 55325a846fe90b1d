"""What a report says of a run: immutable records, from which pages and tables are made."""

from datetime import datetime
from functools import cached_property

from hardwon.languages import Annotation
from hardwon.records import Record, Usage


class Cost(Record):
    """What some samples took."""

    samples: int = 0
    correct: int = 0
    usage: Usage = Usage()

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            samples=self.samples + other.samples,
            correct=self.correct + other.correct,
            usage=self.usage + other.usage,
        )

    @property
    def rate(self) -> float | None:
        """The share of correct samples; None where there are no samples."""
        return self.correct / self.samples if self.samples else None


class Batch(Record):
    """All samples of one task at one temperature in one iteration."""

    iteration: int
    temperature: float
    cost: Cost
    without_program: int
    """Samples that came back empty-handed."""
    distinct: int
    """Programs among them that differ in more than spelling."""


class Failure(Record):
    """One sample that is not correct, as an example of its kind."""

    iteration: int
    temperature: float
    index: int
    """Position of the sample in its batch."""
    impl: str | None
    line: int | None
    """The line of the program that the message is about, from 1."""
    message: str
    note: str | None
    """What the proposer had to say."""


class Cause(Record):
    """Failures whose first diagnostic is of the same kind."""

    stage: str
    """The check that failed, or "no program"."""
    kind: str
    """The broken rule, or else the message without what differs from case to case."""
    count: int
    example: Failure
    """The one that came nearest: fewest wrong values, then the shortest program."""


class Reference(Record):
    """What one result has to equal."""

    name: str
    type: str
    code: tuple[str, ...]
    """One block of Python per component."""


class Unit(Record):
    """One function that the hardware offers."""

    name: str
    type: str
    """Input types to output types, in the task's own words."""
    code: str
    init: tuple[float, ...] | None


class Port(Record):
    """An input or a parameter."""

    name: str
    type: str
    parameter: bool


class Question(Record):
    """What a task asks for."""

    inputs: tuple[Port, ...]
    units: tuple[Unit, ...]
    references: tuple[Reference, ...]
    constraints: tuple[str, ...]
    global_code: str


class Teacher(Record):
    """A demonstration that was in the prompt when a task was solved."""

    task: str
    anchor: str | None
    """Where the page shows it; None for a task that is not one of the run's."""
    success_rate: float


class Solution(Record):
    """The program that a run remembers a task by."""

    impl: str
    iteration: int | None
    """None for an answer that was imported."""
    correct: int
    samples: int
    success_rate: float
    code_lines: int
    teachers: tuple[Teacher, ...]
    """In the order of the prompt, hardest first."""
    annotation: Annotation | None
    """Its streams' types and its graph."""
    unexplained: str
    """Why there is no annotation; empty if there is one."""


class TaskReport(Record):
    """One task of a run."""

    name: str
    anchor: str
    """Unique in the report, fit for a fragment of an address."""
    group: str
    language: str
    question: Question
    solution: Solution | None
    batches: tuple[Batch, ...]
    """By iteration, then temperature."""
    causes: tuple[Cause, ...]
    """Most frequent first."""

    @property
    def cost(self) -> Cost:
        """All samples together."""
        return sum((batch.cost for batch in self.batches), Cost())

    @property
    def tried(self) -> tuple[int, ...]:
        """The iterations that sampled it."""
        return tuple(sorted(self._costs))

    def cost_in(self, iteration: int) -> Cost:
        """Return what one iteration spent on it."""
        return self._costs.get(iteration, Cost())

    @cached_property
    def _costs(self) -> dict[int, Cost]:
        costs: dict[int, Cost] = {}
        for batch in self.batches:
            costs[batch.iteration] = costs.get(batch.iteration, Cost()) + batch.cost
        return costs


class IterationReport(Record):
    """One iteration of a run."""

    index: int
    stratum: int
    effort: int
    """0 for sampling; above, the level of a deepening search."""
    demonstrations: int
    attempted: int
    solved: tuple[str, ...]
    """Names of the tasks that it solved, in the order of the run."""
    cost: Cost
    started_at: datetime
    finished_at: datetime | None
    """None if it is not complete."""

    @property
    def seconds(self) -> float | None:
        """Wall time from its beginning to its end, pauses included."""
        if self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class PassAtK(Record):
    """One estimate of pass@k over tasks."""

    sampling: str
    """Which samples: "without demonstrations" or "last iteration of each task"."""
    k: int
    value: float
    low: float
    """Lower end of the 95% confidence interval."""
    high: float
    tasks: int
    n: int
    """The smallest number of samples of any of the tasks."""


class RoleUsage(Record):
    """What the requests of one agent to one model cost."""

    role: str
    model: str
    usage: Usage
    finishes: dict[str, int]
    """How many completions ended in which way."""


class RunReport(Record):
    """Everything that a report says."""

    title: str
    run: int
    configuration: dict[str, str]
    """Settings as text, by name."""
    hardwon: str
    """The version that began the run."""
    created_at: datetime
    ending: str | None
    """None for a run that is still going on or was interrupted."""
    tasks: tuple[TaskReport, ...]
    """In the order of the run."""
    iterations: tuple[IterationReport, ...]
    pass_at_k: tuple[PassAtK, ...]
    roles: tuple[RoleUsage, ...]
    """Empty for proposers without a model."""

    @property
    def solved(self) -> int:
        """How many tasks are solved."""
        return sum(task.solution is not None for task in self.tasks)

    @property
    def cost(self) -> Cost:
        """All samples together."""
        return sum((iteration.cost for iteration in self.iterations), Cost())

    @property
    def seconds(self) -> float:
        """Wall time of all complete iterations."""
        return sum(iteration.seconds or 0.0 for iteration in self.iterations)

    @property
    def groups(self) -> dict[str, tuple[TaskReport, ...]]:
        """The tasks by group, in the order of the run."""
        groups: dict[str, tuple[TaskReport, ...]] = {}
        for task in self.tasks:
            groups[task.group] = (*groups.get(task.group, ()), task)
        return groups
