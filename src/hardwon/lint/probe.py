"""Asks a confined process about a task's own code, and survives what that code does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from hardwon.judge.hosting import ConfinedHost
from hardwon.judge.limits import Limits
from hardwon.languages import Lints, Setting
from hardwon.languages.inspection import Law, Remark, Severity
from hardwon.languages.protocol import ProcessEndedError, TaskError
from hardwon.records import Task


@dataclass(frozen=True, slots=True)
class Probing:
    """What a task's own code has revealed."""

    remarks: tuple[Remark, ...]
    lawful: frozenset[Law]
    """Those of the laws asked about that hold."""


class Prober:
    """Starts one confined process per task; use it as an asynchronous context manager."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._hosts: dict[str, ConfinedHost] = {}
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self._hosts.values():
            host.stop()

    async def probe(
        self, language: Lints, task: Task, settings: Sequence[Setting], laws: Sequence[Law]
    ) -> Probing:
        """Run a task's own code; see `Lints.prober`.

        Raises:
            TaskError: if that code hangs or ends its process.
        """
        async with self._lock:
            reply = await asyncio.to_thread(self._ask, language.prober, task, settings, laws)
        try:
            return _read(reply, laws)
        except (KeyError, TypeError, ValueError) as error:
            raise TaskError("the task's own code disturbs the process that runs it") from error

    def _ask(
        self, module: str, task: Task, settings: Sequence[Setting], laws: Sequence[Law]
    ) -> dict[str, Any]:
        host = self._hosts.setdefault(module, ConfinedHost(module, self._limits))
        seconds = self._limits.prepare_seconds
        try:
            process = host.spawn()
            try:
                request = {"task": task, "settings": tuple(settings), "laws": tuple(laws)}
                reply, _ = process.ask(request, seconds=seconds, most=0)
            finally:
                process.stop()
        except TimeoutError as error:
            raise TaskError(f"the task's own code ran for more than {seconds:g} s") from error
        except ProcessEndedError as error:
            raise TaskError(f"the task's own code ended its process ({error})") from error
        return reply


def _read(reply: dict[str, Any], laws: Sequence[Law]) -> Probing:
    """Return a reply as values; nothing in it is taken on trust."""
    remarks = tuple(
        Remark(
            Severity(row["severity"]),
            str(row["rule"]),
            tuple(at if isinstance(at, int) else str(at) for at in row["where"]),
            str(row["message"]),
            str(row["advice"]),
        )
        for row in reply["remarks"]
    )
    held = zip(laws, reply["holds"], strict=True)
    return Probing(remarks, frozenset(law for law, holds in held if holds is True))
