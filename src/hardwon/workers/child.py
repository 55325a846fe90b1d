"""The parent's end: starts a child, asks it things, kills it."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LINE_LIMIT = 64 << 20
"""Longest reply in bytes."""
_START = "import sys; sys.path[:] = {path!r}; from {module} import main; main()"
_KEPT = ("SYSTEMROOT", "TZ")
"""Variables that a child inherits; everything else, keys and tokens above all, stays here."""


class ChildEndedError(Exception):
    """The child closed its end, was killed, or sent something that is no reply."""


class Child:
    """One process that runs `main()` of a module which calls `serve`."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: asyncio.subprocess.Process | None = None
        self._folder: Path | None = None

    @property
    def running(self) -> bool:
        """Whether the process has been started and not been stopped since."""
        return self._process is not None

    async def start(self) -> None:
        """Start the process; `ask` waits until it listens."""
        self._folder = Path(tempfile.mkdtemp(prefix="hardwon-"))
        path = [entry or str(Path.cwd()) for entry in sys.path]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _START.format(path=path, module=self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=self._folder,
            env={
                **{name: os.environ[name] for name in _KEPT if name in os.environ},
                "PATH": os.defpath,
                "HOME": str(self._folder),
                "TMPDIR": str(self._folder),
                "LANG": "C.UTF-8",
                "OMP_NUM_THREADS": "1",
                "MKL_NUM_THREADS": "1",
            },
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
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            await process.stdin.drain()
            reply = json.loads(await asyncio.wait_for(process.stdout.readline(), seconds))
        except (ConnectionError, ValueError) as error:
            raise ChildEndedError(str(error)) from error
        if not isinstance(reply, dict):
            raise ChildEndedError("sent no reply")
        return reply

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
            shutil.rmtree(folder, ignore_errors=True)
