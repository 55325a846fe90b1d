"""A pool of workers: judges answers in parallel and survives whatever they do."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from hardwon.judge.limits import Limits
from hardwon.judge.verdicts import failed, no_program
from hardwon.languages.protocol import TaskError
from hardwon.records import Stage, Task, Verdict
from hardwon.workers import Child, ChildEndedError


class JudgeError(Exception):
    """The judge itself does not work, e.g. because its workers cannot start."""


class _Worker:
    """One process that judges."""

    def __init__(self, limits: Limits, seed: int) -> None:
        self._limits = limits
        self._seed = seed
        self._child = Child("hardwon.judge.worker")
        self._open: dict[str, dict[str, int]] = {}

    async def _start(self) -> None:
        request = {
            "op": "start",
            "memory_bytes": self._limits.memory_bytes,
            "file_bytes": self._limits.file_bytes,
        }
        try:
            await self._child.start()
            await self._child.ask(request, self._limits.prepare_seconds)
        except (TimeoutError, ChildEndedError, OSError) as error:
            await self.stop()
            raise JudgeError(f"a judge's worker process could not start: {error}") from error

    async def open(self, task: Task) -> dict[str, int]:
        """Make the task known to the worker and return its sizes."""
        if not self._child.running:
            await self._start()
        if task.digest not in self._open:
            request = {"op": "open", "task": task.model_dump(mode="json"), "seed": self._seed}
            try:
                reply = await self._child.ask(request, self._limits.prepare_seconds)
            except TimeoutError as error:
                await self.stop()
                raise TaskError(
                    f"the task's own code ran for more than {self._limits.prepare_seconds:g} s"
                ) from error
            except ChildEndedError as error:
                await self.stop()
                raise TaskError("the task's own code ended the worker process") from error
            if "task_error" in reply:
                raise TaskError(reply["task_error"])
            self._open[task.digest] = reply["sizes"]
        return self._open[task.digest]

    async def judge(self, task: Task, impl: str) -> Verdict:
        """Judge one answer; the task is open."""
        request = {"op": "judge", "key": task.digest, "impl": impl}
        try:
            reply = await self._child.ask(request, self._limits.seconds)
        except TimeoutError:
            await self.stop()
            return failed(
                Stage.FUNCTIONAL, f"the program ran for more than {self._limits.seconds:g} s"
            )
        if "task_error" in reply:
            raise TaskError(reply["task_error"])
        return Verdict.model_validate(reply["verdict"])

    async def stop(self) -> None:
        """Kill the process with everything that it started."""
        self._open.clear()
        await self._child.stop()


class Judge:
    """Judges answers in worker processes; use it as an asynchronous context manager.

    Every task has a home worker, so that its data and references are prepared once.
    """

    def __init__(self, workers: int = 1, seed: int = 0, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._workers = [_Worker(self._limits, seed) for _ in range(max(1, workers))]
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
                except ChildEndedError:
                    await worker.stop()
        return failed(
            Stage.FUNCTIONAL,
            "the program ended the judge's process, probably for want of memory"
            f" (limit {self._limits.memory_bytes / 2**30:.1f} GiB)",
        )
