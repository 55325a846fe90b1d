"""What a run shows while it goes on: a live view on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hardwon.api.summary import Summary
from hardwon.cli.tally import Tally
from hardwon.journal import SampleRecord
from hardwon.learning import SEARCHES, Progress
from hardwon.records import Experience, Task, Usage

_NAMED = 4
"""Demonstrations that are named; more are counted."""
_BEAT = 30.0
"""Seconds after which a log that has had no line gets one, as soon as anything happens."""
_OTHER_LINES = 8
"""Lines of the view and around it that are not about groups."""


class Display(Progress, Protocol):
    """Shows a run from its beginning to its end, as a context manager around it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def finished(self, summary: Summary, *, stopped: str | None = None) -> None:
        """The run has come to its end, or a cap has stopped it; not called if it fails."""
        ...


class QuietProgress:
    """Says nothing until the end, which the command prints."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left open."""

    def iteration_began(
        self,
        index: int,
        tasks: Sequence[Task],
        demonstrations: Sequence[Experience],
        *,
        effort: int = 0,
    ) -> None:
        """See `Progress.iteration_began`."""

    def asked(self, task: Task, usage: Usage) -> None:
        """See `Progress.asked`."""

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        """See `Progress.sampled`."""

    def solved(self, experience: Experience) -> None:
        """See `Progress.solved`."""

    def finished(self, summary: Summary, *, stopped: str | None = None) -> None:
        """See `Display.finished`."""


class PlainProgress:
    """One line per iteration and per solved task, for logs; a sign of life where that is rare."""

    def __init__(
        self,
        console: Console,
        width: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show a run whose longest task name has so many letters."""
        self.console = console
        self.tally = Tally(clock)
        self._width = width
        self._said_at = 0.0
        """Seconds from the start to the last line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is left open."""

    def iteration_began(
        self,
        index: int,
        tasks: Sequence[Task],
        demonstrations: Sequence[Experience],
        *,
        effort: int = 0,
    ) -> None:
        """See `Progress.iteration_began`."""
        self.tally.began(index, tasks, demonstrations, effort=effort)
        self._line(
            f"iteration {index}: {_counted(len(tasks), 'task')} to solve,"
            f" {_counted(len(demonstrations), 'demonstration')}"
            f"  [dim]({', '.join(self._state())})[/dim]"
        )

    def asked(self, task: Task, usage: Usage) -> None:
        """See `Progress.asked`."""
        self.tally.hear(task, usage)
        self._beat(task)

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        """See `Progress.sampled`."""
        self.tally.count(record, replayed=replayed)
        self._beat(task)

    def solved(self, experience: Experience) -> None:
        """See `Progress.solved`."""
        self.tally.win(experience)
        name = escape(experience.task.test_name.ljust(self._width))
        self._line(
            f"  [green]solved[/green] {name}  {experience.correct} of {experience.samples} samples"
        )

    def finished(self, summary: Summary, *, stopped: str | None = None) -> None:
        """See `Display.finished`; the command prints the summary."""

    def _line(self, text: str) -> None:
        self._said_at = self.tally.seconds
        self.console.print(text, highlight=False, soft_wrap=True)

    def _beat(self, task: Task) -> None:
        tally = self.tally
        if tally.seconds - self._said_at < _BEAT:
            return
        counts = [
            f"{_counted(tally.drawn, 'sample')} in this iteration",
            *_spent(tally.spent),
            _clock_text(tally.seconds),
        ]
        self._line(f"  at work on {escape(task.test_name)}  [dim]({', '.join(counts)})[/dim]")

    def _state(self) -> list[str]:
        """Return the counts of the run so far, in words."""
        tally = self.tally
        return [
            f"{tally.solved} solved",
            _rate_text(tally.rate),
            *_spent(tally.spent),
            _clock_text(tally.seconds),
        ]


class LiveProgress(PlainProgress):
    """The same lines, with a view below them that moves: groups, iteration, speed, cost, time."""

    def __init__(
        self,
        console: Console,
        width: int,
        samples: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show a run that draws so many samples of each task in each iteration."""
        super().__init__(console, width, clock)
        self._samples = samples
        self._live = Live(
            console=console, get_renderable=self.view, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the view away; the lines stay."""
        self._live.stop()

    def view(self) -> RenderableType:
        """Return what is to be seen below the lines."""
        tally = self.tally
        if tally.iteration is None:
            return Text("preparing the tasks", "dim")
        planned = tally.attempted * (self._samples if tally.effort == 0 else SEARCHES)
        unit = "samples" if tally.effort == 0 else f"searches, level {tally.effort}"
        return Group(
            Text(""),
            self._groups(),
            _row(f"iteration {tally.iteration}", tally.drawn, planned, unit),
            Text(
                f"shown: {_named(tally.demonstrations)}", "dim", no_wrap=True, overflow="ellipsis"
            ),
            *self._at_work(),
            Text(
                ", ".join(
                    [
                        f"{tally.solved}/{tally.total} tasks solved",
                        _rate_text(tally.rate),
                        *_spent(tally.spent),
                        _clock_text(tally.seconds),
                        self._left(planned),
                    ]
                ),
                "dim",
            ),
        )

    def _at_work(self) -> list[RenderableType]:
        """Return what a model is busy with, if there is one."""
        if self.tally.at_work is None:
            return []
        text = f"at work on {self.tally.at_work}"
        return [Text(text, "dim", no_wrap=True, overflow="ellipsis")]

    def _groups(self) -> RenderableType:
        """Return the tasks by group, as far as there is room: those with open tasks first."""
        tally = self.tally
        label = max(map(len, tally.groups))
        columns = max(1, min(len(tally.groups), self.console.width // (label + 24)))
        grid = Table.grid(padding=(0, 3), pad_edge=False)
        room = columns * max(1, self.console.height - _OTHER_LINES)
        groups = list(tally.groups.items())
        if len(groups) > room:
            groups.sort(key=lambda item: tally.won[item[0]] >= item[1])
        cells = [
            _row(group.ljust(label), tally.won[group], total, "", width=10)
            for group, total in groups[:room]
        ]
        for at in range(0, len(cells), columns):
            grid.add_row(*cells[at : at + columns])
        if len(groups) > room:
            grid.add_row(Text(f"and {_counted(len(groups) - room, 'more group')}", "dim"))
        return grid

    def _left(self, planned: int) -> str:
        seconds = self.tally.seconds_left(planned)
        if seconds is None:
            return "time left: no estimate yet"
        return f"about {_clock_text(seconds)} left in this iteration (estimate)"


def _row(label: str, done: int, total: int, unit: str, width: int = 30) -> Table:
    """Return a bar between its name and its count."""
    row = Table.grid(padding=(0, 1), pad_edge=False)
    bar = ProgressBar(
        total=max(1, total),
        completed=min(done, total),
        width=width,
        style="bright_black",
        complete_style="green",
        finished_style="green",
    )
    row.add_row(Text(label), bar, Text(f"{done}/{total} {unit}".rstrip()))
    return row


def _named(names: Sequence[str]) -> str:
    if not names:
        return "no demonstrations"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _spent(usage: Usage) -> list[str]:
    """Return requests, tokens and money, as far as there are any."""
    requests = [f"{_counted(usage.requests, 'request')}"] if usage.requests else []
    tokens = [f"{usage.tokens:,} tokens"] if usage.tokens else []
    money = [f"${usage.usd:,.2f}"] if usage.usd else []
    return [*requests, *tokens, *money]


def _rate_text(rate: float) -> str:
    """Return a number of samples per second, or per minute where they are rare."""
    return f"{60 * rate:.1f} samples/min" if 0 < rate < 1 else f"{rate:.0f} samples/s"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _clock_text(seconds: float) -> str:
    """Return a time as minutes and seconds, or hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
