"""What a run shows while it goes on: a live view on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bars

from hardwon.journal import SampleRecord
from hardwon.records import Experience, Task


class _Counts:
    """Numbers that both displays show."""

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.total = 0
        self.solved = 0
        self.fresh = 0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start

    @property
    def rate(self) -> float:
        """Samples per second, without those found in the journal."""
        return self.fresh / self.elapsed if self.elapsed > 0 else 0.0

    def clock(self) -> str:
        """Return the elapsed time as minutes and seconds."""
        minutes, seconds = divmod(int(self.elapsed), 60)
        return f"{minutes}:{seconds:02d}"


class PlainProgress:
    """One line per iteration and per solved task. Implements `hardwon.learning.Progress`."""

    def __init__(self, console: Console, width: int) -> None:
        self.console = console
        self.width = width
        self.counts = _Counts()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left open."""

    def line(self, text: str) -> None:
        """Print a line of progress."""
        self.console.print(text, highlight=False, soft_wrap=True)

    def iteration_began(
        self, index: int, tasks: Sequence[Task], demonstrations: Sequence[Experience]
    ) -> None:
        """See `Progress.iteration_began`."""
        if index == 0:
            self.counts.total = len(tasks)
        shown = len(demonstrations)
        self.line(
            f"iteration {index}: {len(tasks)} task{'s' * (len(tasks) != 1)} to solve,"
            f" {shown} demonstration{'s' * (shown != 1)}"
            f"  [dim]({self.counts.solved} solved, {self.counts.rate:.0f} samples/s,"
            f" {self.counts.clock()})[/dim]"
        )

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        """See `Progress.sampled`."""
        del task, record
        self.counts.fresh += not replayed

    def solved(self, experience: Experience) -> None:
        """See `Progress.solved`."""
        self.counts.solved += 1
        name = escape(experience.task.test_name.ljust(self.width))
        self.line(
            f"  [green]solved[/green] {name}  {experience.correct} of {experience.samples} samples"
        )


class LiveProgress(PlainProgress):
    """The same lines, with a bar below them that moves with every sample."""

    def __init__(self, console: Console, width: int, samples: int) -> None:
        """Show a run that draws so many samples of each task in each iteration."""
        super().__init__(console, width)
        self.samples = samples
        self.bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[note]}[/dim]"),
            console=console,
            transient=True,
        )
        self.bar = self.bars.add_task("starting", total=None, note="preparing the tasks")

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self.bars.stop()

    def iteration_began(
        self, index: int, tasks: Sequence[Task], demonstrations: Sequence[Experience]
    ) -> None:
        """See `Progress.iteration_began`."""
        super().iteration_began(index, tasks, demonstrations)
        self.bars.reset(self.bar, total=len(tasks) * self.samples)
        self.bars.update(self.bar, description=f"iteration {index}: samples", note="")

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        """See `Progress.sampled`."""
        super().sampled(task, record, replayed=replayed)
        counts = self.counts
        note = (
            f"{counts.solved}/{counts.total} tasks solved, {counts.rate:.0f} samples/s,"
            f" {counts.clock()}"
        )
        self.bars.update(self.bar, advance=1, note=note)
