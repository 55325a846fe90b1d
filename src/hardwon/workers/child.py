"""The parent's end: starts a child, asks it things, kills it."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardwon.workers.folders import WorkFolder

_LINE_LIMIT = 64 << 20
"""Longest reply in bytes."""
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
_KEPT = ("SYSTEMROOT", "TZ")
"""Variables that a child inherits; everything else, keys and tokens above all, stays here."""


def import_path() -> list[str]:
    """Return `sys.path` as a process with another working directory needs it."""
    return [str(Path(entry).absolute()) for entry in sys.path]


def clean_environment(folder: str) -> dict[str, str]:
    """Return the environment of a child that works in `folder`: no keys, one thread."""
    return {
        **{name: os.environ[name] for name in _KEPT if name in os.environ},
        "PATH": os.defpath,
        "HOME": folder,
        "TMPDIR": folder,
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


class ChildEndedError(Exception):
    """The child closed its end, was killed, or sent something that is no reply."""


class Child:
    """One process that runs `main()` of a module which calls `serve`."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._folder: WorkFolder | None = None
        self._asked = 0

    @property
    def running(self) -> bool:
        """Whether the process has been started and not been stopped since."""
        return self._process is not None

    async def start(self) -> None:
        """Start the process; `ask` waits until it listens."""
        self._folder = WorkFolder.create()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _START.format(path=import_path(), module=self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._folder.path,
            env=clean_environment(str(self._folder.path)),
            start_new_session=True,
            limit=_LINE_LIMIT,
        )

    async def ask(self, request: Mapping[str, Any], seconds: float | None = None) -> dict[str, Any]:
        """Send one request and wait for its reply.

        Raises:
            TimeoutError: if the reply takes too long; the child has to be stopped then.
            ChildEndedError: if the child dies over it.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ChildEndedError("not running")
        self._asked += 1
        try:
            line = json.dumps({"number": self._asked, "request": request}).encode() + b"\n"
            async with asyncio.timeout(seconds):
                process.stdin.write(line)
                await process.stdin.drain()
                while True:
                    match json.loads(await process.stdout.readline()):
                        case {"number": self._asked, "reply": dict(reply)}:
                            return reply
                        case {"number": int(number)} if number < self._asked:
                            continue  # to a request that was cancelled
                        case _:
                            raise ChildEndedError("sent no reply")
        except (ConnectionError, ValueError, RecursionError) as error:
            raise ChildEndedError(str(error)) from error

    async def stop(self) -> None:
        """Kill the process with everything that it started, and remove its folder."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            if process.stdin is not None:
                process.stdin.close()
            await process.wait()
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()
