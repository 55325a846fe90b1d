"""A pool of workers: judges answers in parallel and survives whatever they do."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from hardwon.judge.limits import Limits
from hardwon.judge.verdicts import failed, no_program
from hardwon.languages.protocol import TaskError
from hardwon.records import Stage, Task, Verdict

_LINE_LIMIT = 64 << 20
_START = "import sys; sys.path[:] = {path!r}; from hardwon.judge.worker import main; main()"


class JudgeError(Exception):
    """The judge itself does not work, e.g. because its workers cannot start."""


class _WorkerEndedError(Exception):
    """A worker closed its channel or was killed."""


class _Worker:
    """One process, in a process group, a working directory and an environment of its own."""

    def __init__(self, limits: Limits, seed: int) -> None:
        self._limits = limits
        self._seed = seed
        self._process: asyncio.subprocess.Process | None = None
        self._folder: str | None = None
        self._open: dict[str, dict[str, int]] = {}

    async def _start(self) -> asyncio.subprocess.Process:
        self._folder = tempfile.mkdtemp(prefix="hardwon-judge-")
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _START.format(path=path),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            env={
                "PATH": os.defpath,
                "HOME": self._folder,
                "LANG": "C.UTF-8",
                "OMP_NUM_THREADS": "1",
                "MKL_NUM_THREADS": "1",
            },
            start_new_session=True,
            limit=_LINE_LIMIT,
        )
        request = {
            "op": "start",
            "memory_bytes": self._limits.memory_bytes,
            "file_bytes": self._limits.file_bytes,
        }
        await self._ask(request, self._limits.prepare_seconds)
        return self._process

    async def _ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send one request and wait for its reply.

        Raises:
            TimeoutError: if the reply takes too long.
            _WorkerEndedError: if the worker dies over it.
        """
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            line = await asyncio.wait_for(process.stdout.readline(), seconds)
            reply = json.loads(line)
        except (ConnectionError, ValueError) as error:
            raise _WorkerEndedError from error
        if not isinstance(reply, dict):
            raise _WorkerEndedError
        return reply

    async def open(self, task: Task) -> dict[str, int]:
        """Make the task known to the worker and return its sizes."""
        if self._process is None:
            try:
                await self._start()
            except (TimeoutError, _WorkerEndedError) as error:
                await self.stop()
                raise JudgeError(
                    "a judge worker could not start; try `python -m hardwon.judge.worker`"
                ) from error
        if task.digest not in self._open:
            request = {"op": "open", "task": task.model_dump(mode="json"), "seed": self._seed}
            try:
                reply = await self._ask(request, self._limits.prepare_seconds)
            except TimeoutError as error:
                await self.stop()
                raise TaskError(
                    f"the task's own code ran for more than {self._limits.prepare_seconds:g} s"
                ) from error
            except _WorkerEndedError as error:
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
            reply = await self._ask(request, self._limits.seconds)
        except TimeoutError:
            await self.stop()
            return failed(
                Stage.FUNCTIONAL, f"the program ran for more than {self._limits.seconds:g} s"
            )
        if "task_error" in reply:
            raise TaskError(reply["task_error"])
        return Verdict.model_validate(reply["verdict"])

    async def stop(self) -> None:
        """Kill the process with everything that it started, and forget it."""
        process, self._process = self._process, None
        self._open.clear()
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


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
                except _WorkerEndedError:
                    await worker.stop()
        return failed(
            Stage.FUNCTIONAL,
            "the program ended the judge's process, probably for want of memory"
            f" (limit {self._limits.memory_bytes / 2**30:.1f} GiB)",
        )
