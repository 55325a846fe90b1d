"""A pool of workers: judges answers in parallel and survives whatever they do."""

import asyncio
import logging
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self

from hardwon.judge.limits import Limits
from hardwon.judge.verdicts import failed, no_program
from hardwon.languages.protocol import TaskError
from hardwon.records import Record, Stage, Task, Verdict
from hardwon.workers import Child, ChildEndedError

_LOG = logging.getLogger(__name__)
_SAID: set[str] = set()


class JudgeError(Exception):
    """The judge itself does not work, e.g. because its workers cannot start."""


class SettingReport(Record):
    """One size setting of a task, as the judge uses it."""

    sizes: dict[str, int]
    seed: int
    draws: tuple[str, ...]
    """The kinds of values at which programs are checked; none if the setting is left out."""
    problems: tuple[str, ...]
    """Why the setting, a kind of values, or a function at these sizes, is left out."""


class ProgramEndedError(Exception):
    """The confined process that ran a program is gone; the worker is not."""


_SEED_BITS = 48
"""Few enough to be an exact number in every reader of JSON."""
_SLACK = 1.0
"""Seconds for a worker to see for itself that task code takes too long, before it is ended."""
_START_SECONDS = 120.0
"""How long a worker's own code may take."""


class _Worker:
    """One process that judges."""

    def __init__(self, limits: Limits, seed: int) -> None:
        self._limits = limits
        self._seed = seed
        self._child = Child("hardwon.judge.worker")
        self._open: dict[str, dict[str, int]] = {}
        self._hosts: set[str] = set()
        self._confined: set[str] = set()
        """Languages whose task code runs in processes of its own, and not in the worker."""
        self.warnings: tuple[str, ...] = ()

    async def _start(self) -> None:
        request = {"op": "start", "limits": asdict(self._limits)}
        try:
            await self._child.start()
            await self._child.ask(request, _START_SECONDS)
        except (TimeoutError, ChildEndedError, OSError) as error:
            await self.stop()
            reason = str(error) or f"no answer within {_START_SECONDS:g} s"
            raise JudgeError(f"a judge's worker process could not start: {reason}") from error

    async def open(self, task: Task) -> dict[str, int]:
        """Make the task known to the worker and return its sizes.

        Whatever ends a process is tried once more: it may have come from outside, or from another
        task's code if that runs in the worker.
        """
        if task.digest in self._open:
            return self._open[task.digest]
        shared = bool(self._open) and task.language not in self._confined
        try:
            return await self._open_here(task)
        except JudgeError:
            pass
        except TaskError as error:
            ended = isinstance(error.__cause__, ChildEndedError)
            if isinstance(error.__cause__, TimeoutError) or not (ended or shared):
                raise
        await self.stop()
        return await self._open_here(task)

    async def _open_here(self, task: Task) -> dict[str, int]:
        if not self._child.running:
            await self._start()
        if task.language not in self._hosts:
            await self._host(task.language)
        request = {"op": "open", "task": task.model_dump(mode="json"), "seed": self._seed}
        try:
            reply = await self._child.ask(request, self._limits.prepare_seconds + _SLACK)
            if "task_error" in reply:
                raise TaskError(reply["task_error"])
            if "host_error" in reply:
                await self.stop()
                raise JudgeError(f"task code cannot be run: {reply['host_error']}")
            self._open[task.digest] = reply["sizes"]
        except TimeoutError as error:
            await self.stop()
            raise TaskError(
                f"the task's own code ran for more than {self._limits.prepare_seconds:g} s"
            ) from error
        except (ChildEndedError, KeyError) as error:
            await self.stop()
            if task.language in self._confined:
                raise JudgeError("a judge's worker process ended over a task") from error
            raise TaskError("the task's own code ended the worker process") from error
        return self._open[task.digest]

    async def _host(self, language: str) -> None:
        """Have the worker start what runs task code of a language."""
        try:
            reply = await self._child.ask({"op": "host", "language": language}, _START_SECONDS)
            if "host_error" in reply:
                await self.stop()
                raise JudgeError(
                    f"task code in the language {language} cannot be run: {reply['host_error']}"
                )
            self._warn(reply["warnings"])
            if reply["confined"]:
                self._confined.add(language)
        except (TimeoutError, ChildEndedError, KeyError) as error:
            await self.stop()
            raise JudgeError("no process that runs task code could be started") from error
        self._hosts.add(language)

    def _warn(self, warnings: list[str]) -> None:
        """Say which protections this system lacks, each once per process."""
        for warning in warnings:
            if warning not in _SAID:
                _SAID.add(warning)
                _LOG.warning("task code runs with less protection here: %s", warning)
        self.warnings = tuple(dict.fromkeys((*self.warnings, *warnings)))

    async def support(self, task: Task) -> list[dict[str, Any]]:
        """Return what the task makes of the settings; it is open."""
        reply = await self._child.ask({"op": "support", "key": task.digest}, _START_SECONDS)
        found: list[dict[str, Any]] = reply["support"]
        return found

    async def judge(self, task: Task, impl: str) -> Verdict:
        """Judge one answer; the task is open.

        Raises:
            ChildEndedError: if the worker dies over it.
            TaskError: if the task's own code is at fault.
        """
        request = {"op": "judge", "key": task.digest, "impl": impl}
        try:
            reply = await self._child.ask(request, self._limits.seconds + _SLACK)
            if "closed" in reply:  # it gave way to other tasks
                del self._open[task.digest]
                await self.open(task)
                reply = await self._child.ask(request, self._limits.seconds + _SLACK)
        except TimeoutError:
            await self.stop()
            return failed(
                Stage.FUNCTIONAL, f"the program ran for more than {self._limits.seconds:g} s"
            )
        if "task_error" in reply:
            raise TaskError(reply["task_error"])
        if "ended" in reply:
            raise ProgramEndedError
        try:
            return Verdict.model_validate(reply["verdict"])
        except (KeyError, ValueError) as error:
            raise ChildEndedError("sent no verdict") from error

    async def stop(self) -> None:
        """Kill the process with everything that it started."""
        self._open.clear()
        self._hosts.clear()
        await self._child.stop()


def fresh_seed() -> int:
    """Return a seed for a judge that nobody can foresee."""
    return secrets.randbits(_SEED_BITS)


class Judge:
    """Judges answers in worker processes; use it as an asynchronous context manager.

    Every task has a home worker, so that its data and references are prepared once.

    Args:
        workers: how many processes judge at the same time.
        seed: what all data follows from; a fresh one that nobody could foresee if None.
        limits: bounds on time and memory.
    """

    def __init__(
        self, workers: int = 1, seed: int | None = None, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self.seed = fresh_seed() if seed is None else seed
        """What verdicts can be reproduced by."""
        self._workers = [_Worker(self._limits, self.seed) for _ in range(max(1, workers))]
        self._locks = [asyncio.Lock() for _ in self._workers]
        self._homes: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(worker.stop() for worker in self._workers))

    def _home(self, task: Task) -> int:
        return self._homes.setdefault(task.digest, len(self._homes) % len(self._workers))

    async def sizes(self, task: Task) -> Mapping[str, int]:
        """Return the sizes of all symbols at the default setting.

        Raises:
            TaskError: if the task's own code fails, hangs or ends its process.
            JudgeError: if no worker can be started.
        """
        home = self._home(task)
        async with self._locks[home]:
            return await self._workers[home].open(task)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The protections against task code that this system does not offer.

        Known as soon as a task has been opened.
        """
        return tuple(dict.fromkeys(text for worker in self._workers for text in worker.warnings))

    async def support(self, task: Task) -> tuple[SettingReport, ...]:
        """Return at which sizes and values programs are checked, and what is left out and why.

        Raises:
            TaskError: if the task's own code fails, hangs or ends its process.
            JudgeError: if no worker can be started.
        """
        home = self._home(task)
        worker = self._workers[home]
        async with self._locks[home]:
            await worker.open(task)
            try:
                rows = await worker.support(task)
            except (ChildEndedError, TimeoutError):
                await worker.stop()
                await worker.open(task)
                rows = await worker.support(task)
        return tuple(SettingReport.model_validate(row) for row in rows)

    async def judge(self, task: Task, impl: str | None) -> Verdict:
        """Return the verdict on one answer; whatever the answer does is a verdict.

        Raises:
            TaskError: if the task's own code is at fault.
            JudgeError: if no worker can be started.
        """
        if impl is None:
            return no_program()
        home = self._home(task)
        worker = self._workers[home]
        async with self._locks[home]:
            for _ in range(2):  # a worker may have been killed for no fault of the program
                await worker.open(task)
                try:
                    return await worker.judge(task, impl)
                except ProgramEndedError:
                    continue
                except ChildEndedError:
                    await worker.stop()
        return failed(
            Stage.FUNCTIONAL,
            "the program ended the judge's process: it needs more memory than it may use"
            f" ({self._limits.memory_bytes / 2**30:.1f} GiB), or a function of the task ends it",
        )
