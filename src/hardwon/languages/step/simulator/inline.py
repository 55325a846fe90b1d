"""Runs task code in the caller's own process: for tests and tools, with code that is trusted."""

from collections.abc import Mapping, Sequence
from typing import Any

from hardwon.languages.step.simulator.executor import serve_task


class InlineProcess:
    """Stands in for a process; see `hardwon.languages.protocol.TaskProcess`."""

    running = True

    def __init__(self) -> None:
        self._answer = serve_task()

    def ask(
        self,
        request: Mapping[str, Any],
        data: Sequence[bytes] = (),
        *,
        seconds: float,
        most: int,
    ) -> tuple[dict[str, Any], list[bytearray]]:
        """See `TaskProcess.ask`; there is no limit on time."""
        del seconds, most
        reply, parts = self._answer(dict(request), [bytearray(part) for part in data])
        return reply, [bytearray(part) for part in parts]

    def interrupt(self) -> None:
        """See `TaskProcess.interrupt`; there is no other thread."""

    def stop(self) -> None:
        """See `TaskProcess.stop`."""


class Inline:
    """See `hardwon.languages.protocol.Host`."""

    seconds = prepare_seconds = 3600.0

    def spawn(self) -> InlineProcess:
        """See `Host.spawn`."""
        return InlineProcess()
