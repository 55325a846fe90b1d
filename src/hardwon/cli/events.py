"""A run as events for programs: one JSON object per line, written at once.

Every event has `event` and `seconds` (since the run began here). The others, by event:

run_began        tasks (names), groups (tasks by group), configuration
iteration_began  iteration, effort (0: sampling; above: level of the search), tasks (names),
                 demonstrations (names, hardest first)
asked            iteration, task (that a model was last asked about), usage (of the run so far, of
                 samples on their way too); at most once a second
sample           iteration, task, index, correct, stage (of the first failed check, or null),
                 replayed (found in the journal), usage
solved           iteration, task, correct, samples, success_rate
ended            outcome ("finished", "stopped" by a cap, "interrupted" or "failed"), reason,
                 tasks, solved, samples, correct, replayed, usage

The last line of a run is always `ended`, unless the process is killed.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from hardwon.api.summary import Summary
from hardwon.cli.tally import Tally
from hardwon.journal import SampleRecord
from hardwon.records import Experience, Task, Usage

_ASKED_EVERY = 1.0
"""Seconds between two events about requests; there may be hundreds in each of them."""


class JsonEvents:
    """Writes events; see the module for what they hold."""

    def __init__(
        self,
        stream: TextIO,
        tasks: Sequence[Task],
        configuration: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stream = stream
        self._tasks = tasks
        self._configuration = configuration
        self._tally = Tally(clock)
        self._asked_at = float("-inf")
        self._ended = False

    def __enter__(self) -> Self:
        self._say(
            "run_began",
            tasks=[task.test_name for task in self._tasks],
            groups=Counter(task.group for task in self._tasks),
            configuration=self._configuration,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say how it ended, if `finished` has not."""
        if self._ended:
            return
        if error is None or isinstance(error, KeyboardInterrupt):
            self._end("interrupted", "interrupted")
        else:
            self._end("failed", str(error) or type(error).__name__)

    def iteration_began(
        self,
        index: int,
        tasks: Sequence[Task],
        demonstrations: Sequence[Experience],
        *,
        effort: int = 0,
    ) -> None:
        """See `Progress.iteration_began`."""
        self._tally.began(index, tasks, demonstrations, effort=effort)
        self._say(
            "iteration_began",
            iteration=index,
            effort=effort,
            tasks=[task.test_name for task in tasks],
            demonstrations=self._tally.demonstrations,
        )

    def asked(self, task: Task, usage: Usage) -> None:
        """See `Progress.asked`."""
        self._tally.hear(task, usage)
        now = self._tally.seconds
        if now - self._asked_at < _ASKED_EVERY:
            return
        self._asked_at = now
        self._say(
            "asked",
            iteration=self._tally.iteration,
            task=task.test_name,
            usage=self._tally.spent.model_dump(mode="json"),
        )

    def sampled(self, task: Task, record: SampleRecord, *, replayed: bool) -> None:
        """See `Progress.sampled`."""
        self._tally.count(record, replayed=replayed)
        self._say(
            "sample",
            iteration=self._tally.iteration,
            task=task.test_name,
            index=record.answer.index,
            correct=record.verdict.correct,
            stage=record.verdict.stage,
            replayed=replayed,
            usage=record.answer.usage.model_dump(mode="json"),
        )

    def solved(self, experience: Experience) -> None:
        """See `Progress.solved`."""
        self._tally.win(experience)
        self._say(
            "solved",
            iteration=experience.iteration,
            task=experience.task.test_name,
            correct=experience.correct,
            samples=experience.samples,
            success_rate=experience.success_rate,
        )

    def finished(self, summary: Summary, *, stopped: str | None = None) -> None:
        """See `Display.finished`."""
        self._end("finished" if stopped is None else "stopped", stopped or summary.ending)

    def _end(self, outcome: str, reason: str) -> None:
        self._ended = True
        self._say(
            "ended",
            outcome=outcome,
            reason=reason,
            tasks=len(self._tasks),
            solved=self._tally.solved,
            samples=self._tally.samples,
            correct=self._tally.correct,
            replayed=self._tally.replayed,
            usage=self._tally.usage.model_dump(mode="json"),
        )

    def _say(self, event: str, **fields: Any) -> None:
        seconds = round(self._tally.seconds, 3)
        line = json.dumps({"event": event, "seconds": seconds, **fields}, allow_nan=False)
        self._stream.write(f"{line}\n")
        self._stream.flush()
