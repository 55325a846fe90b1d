"""The asking end of confined processes: starts a zygote, has it fork, asks, and kills."""

import contextlib
import json
import pickle
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from hardwon.workers import frames
from hardwon.workers.child import clean_environment, import_path
from hardwon.workers.folders import WorkFolder

_START = (
    "import sys; sys.path[:] = {path!r}; from hardwon.workers.zygote import main;"
    " main({descriptor}, {module!r})"
)
_START_ALONE = (
    "import sys; sys.path[:] = {path!r}; from hardwon.workers.zygote import serve_alone;"
    " serve_alone({descriptor}, {module!r}, {bounds!r})"
)
_REPLY_BYTES = 1 << 20
"""Room for the JSON object of a reply."""
_START_SECONDS = 120.0


class ConfinedEndedError(Exception):
    """A confined process ended, was killed, or sent something that is no reply."""


class Nursery:
    """Starts confined processes for one module.

    They are forked from a zygote (see `zygote`). Where that does not work, each is started by
    itself, which takes longer, and confines itself as far as that goes without a fork.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._folder: WorkFolder | None = None
        self._forks: bool | None = None
        """Whether forking works; None until it has been tried."""
        self._alone: dict[int, subprocess.Popen[bytes]] = {}
        """Processes that were not forked, by their ids."""
        self.warnings: tuple[str, ...] = ()
        """The protections that cannot be had here."""

    def start(self) -> None:
        """Start the zygote, unless it runs.

        Raises:
            ConfinedEndedError: if it does not come up.
        """
        if self._process is not None:
            return
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = self._run(_START.format(**self._named(theirs)), theirs)
        self.warn(self._hear()["warnings"])

    def _named(self, theirs: socket.socket) -> dict[str, Any]:
        return {"path": import_path(), "descriptor": theirs.fileno(), "module": self._module}

    def _run(self, code: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
        if self._folder is None:
            self._folder = WorkFolder.create()
        return subprocess.Popen(
            [sys.executable, "-I", "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self._folder.path,
            env=clean_environment(str(self._folder.path)),
            pass_fds=[theirs.fileno()],
        )

    def _hear(self) -> dict[str, Any]:
        assert self._control is not None
        self._control.settimeout(_START_SECONDS)
        try:
            message = self._control.recv(65536)
        except OSError as error:
            message, reason = b"", str(error)
        else:
            reason = "it ended"
        if not message:
            self.stop()
            raise ConfinedEndedError(f"the process that starts others does not answer: {reason}")
        reply: dict[str, Any] = json.loads(message)
        return reply

    def spawn(self, bounds: Mapping[str, int]) -> "Confined":
        """Start one confined process with these resource limits.

        Raises:
            ConfinedEndedError: if it does not come up.
        """
        if self._forks is False:
            return self._started(bounds)
        try:
            confined = self._forked(bounds)
        except (ConfinedEndedError, OSError):
            try:
                confined = self._forked(bounds)  # the zygote may have been killed from outside
            except (ConfinedEndedError, OSError) as error:
                if self._forks:
                    raise
                return self._instead(bounds, error)
        self._forks = True
        return confined

    def _instead(self, bounds: Mapping[str, int], refusal: Exception) -> "Confined":
        """Start a process by itself, since no zygote could fork the first one."""
        self.stop()
        try:
            confined = self._started(bounds)
        except (ConfinedEndedError, OSError, TimeoutError):
            self.stop()
            raise refusal from None  # it is not the fork that fails
        self._forks = False
        self.warn((f"no processes forked from a clean one, each in namespaces: {refusal}",))
        return confined

    def _forked(self, bounds: Mapping[str, int]) -> "Confined":
        self.start()
        assert self._control is not None
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                request = json.dumps({"op": "spawn", "bounds": dict(bounds)}).encode()
                socket.send_fds(self._control, [request], [theirs.fileno()])
            pid: int = self._hear()["pid"]
        except (ConfinedEndedError, OSError) as error:
            ours.close()
            self.stop()
            raise ConfinedEndedError(str(error)) from error
        confined = Confined(self, pid, ours)
        confined.greet()
        return confined

    def _started(self, bounds: Mapping[str, int]) -> "Confined":
        """Start a process by itself."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                code = _START_ALONE.format(bounds=dict(bounds), **self._named(theirs))
                process = self._run(code, theirs)
        except OSError:
            ours.close()
            raise
        self._alone[process.pid] = process
        confined = Confined(self, process.pid, ours)
        confined.greet()
        return confined

    def kill(self, pid: int) -> None:
        """Kill a confined process with all that it started, and wait until it is gone."""
        alone = self._alone.pop(pid, None)
        if alone is not None:
            alone.kill()
            alone.wait()
        elif self._control is not None:
            with contextlib.suppress(OSError, ConfinedEndedError):
                self._control.send(json.dumps({"op": "kill", "pid": pid}).encode())
                self._hear()

    def warn(self, warnings: Sequence[str]) -> None:
        """Add warnings that are not known yet."""
        self.warnings = tuple(dict.fromkeys((*self.warnings, *warnings)))

    def stop(self) -> None:
        """End the zygote and everything that was started."""
        process, self._process = self._process, None
        if self._control is not None:
            self._control.close()
            self._control = None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()
        for pid in tuple(self._alone):
            self.kill(pid)
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()


class Confined:
    """One confined process; it serves one task."""

    def __init__(self, nursery: Nursery, pid: int, connection: socket.socket) -> None:
        self._nursery = nursery
        self._pid: int | None = pid
        self._connection = connection

    @property
    def running(self) -> bool:
        """Whether it can still be asked."""
        return self._pid is not None

    def greet(self) -> None:
        """Wait until the process has confined itself."""
        head, _ = self._hear(_START_SECONDS, 0)
        self._nursery.warn([str(warning) for warning in head.get("warnings", ())])

    def ask(
        self,
        request: Mapping[str, Any],
        data: Sequence[frames.Buffer] = (),
        *,
        seconds: float,
        most: int,
    ) -> tuple[dict[str, Any], list[bytearray]]:
        """Send one request and wait for its reply; any failure ends the process.

        Args:
            request: what to do; it is pickled, which is safe in this direction only.
            data: bytes that go along.
            seconds: how long to wait.
            most: how many bytes of data the reply may have.

        Raises:
            TimeoutError: if the reply takes too long.
            ConfinedEndedError: if the process dies over it or does not answer properly.
        """
        if self._pid is None:
            raise ConfinedEndedError("it was ended")
        ticket = secrets.token_hex(8)  # a reply that was sent before it was asked for has none
        head = pickle.dumps({**request, "ticket": ticket}, protocol=pickle.HIGHEST_PROTOCOL)
        try:
            self._connection.settimeout(seconds)
            frames.send(self._connection, [head, *data])
        except TimeoutError:
            self.stop()
            raise
        except OSError as error:
            self.stop()
            raise ConfinedEndedError(str(error)) from error
        reply, parts = self._hear(seconds, most)
        if reply.get("ticket") != ticket:
            self.stop()
            raise ConfinedEndedError("it answered what it was not asked")
        return reply, parts

    def _hear(self, seconds: float, most: int) -> tuple[dict[str, Any], list[bytearray]]:
        try:
            head, *parts = frames.receive(
                self._connection,
                most=most + _REPLY_BYTES,
                deadline=time.monotonic() + seconds,
            )
            return frames.read_object(head), parts
        except TimeoutError:
            self.stop()
            raise
        except frames.FrameError as error:
            self.stop()
            raise ConfinedEndedError(str(error)) from error

    def interrupt(self) -> None:
        """End the request that another thread waits for: it fails at once, and the process ends."""
        with contextlib.suppress(OSError):  # nobody waits any more
            self._connection.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """Kill the process with everything that it started."""
        pid, self._pid = self._pid, None
        if pid is not None:
            self._connection.close()
            self._nursery.kill(pid)
