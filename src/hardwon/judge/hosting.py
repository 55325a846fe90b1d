"""Confined processes, as language packs ask for them."""

from collections.abc import Mapping, Sequence
from typing import Any

from hardwon.judge.limits import Limits
from hardwon.languages.protocol import ProcessEndedError
from hardwon.workers import Confined, ConfinedEndedError, Nursery

_CPU_SECONDS = 24 * 3600
"""A last resort, should nobody be left to end a process; wall time is what normally ends it."""
_OPEN_FILES = 64


class ConfinedHost:
    """See `hardwon.languages.protocol.Host`."""

    def __init__(self, executor: str, limits: Limits) -> None:
        self.executor = executor
        self._nursery = Nursery(executor)
        self._bounds = {
            "AS": limits.memory_bytes,
            "FSIZE": limits.file_bytes,
            "CPU": _CPU_SECONDS,
            "NOFILE": _OPEN_FILES,
            "NPROC": 0,
            "CORE": 0,
        }
        self.seconds = limits.seconds
        self.prepare_seconds = limits.prepare_seconds

    @property
    def warnings(self) -> tuple[str, ...]:
        """The protections that this system does not offer."""
        return self._nursery.warnings

    def start(self) -> None:
        """Start what starts the others, and try it out once.

        Raises:
            ProcessEndedError: if it does not come up.
        """
        self.spawn().stop()

    def spawn(self) -> "_HostedProcess":
        """See `Host.spawn`."""
        try:
            return _HostedProcess(self._nursery.spawn(self._bounds))
        except (ConfinedEndedError, OSError, TimeoutError) as error:
            self._nursery.stop()
            raise ProcessEndedError(str(error)) from error

    def stop(self) -> None:
        """End all processes."""
        self._nursery.stop()


class _HostedProcess:
    """See `hardwon.languages.protocol.TaskProcess`."""

    def __init__(self, confined: Confined) -> None:
        self._confined = confined

    @property
    def running(self) -> bool:
        return self._confined.running

    def ask(
        self,
        request: Mapping[str, Any],
        data: Sequence[bytes] = (),
        *,
        seconds: float,
        most: int,
    ) -> tuple[dict[str, Any], list[bytearray]]:
        try:
            return self._confined.ask(request, data, seconds=seconds, most=most)
        except ConfinedEndedError as error:
            raise ProcessEndedError(str(error)) from error

    def interrupt(self) -> None:
        self._confined.interrupt()

    def stop(self) -> None:
        self._confined.stop()
