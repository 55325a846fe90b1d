"""How commands that take long end before their time: by a failure, or by a signal.

Ctrl-C, SIGTERM and SIGHUP are alike. The first one lets a command keep what it has, say how to go
on, and exit with 128 and the signal's number, as shells have it: 130, 143, 129. The second one ends
it where it stands, which loses no more than a crash does.
"""

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

import typer
from rich.console import Console

from hardwon.cli.inputs import FAILURES, fail

_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def explained(console: Console, advice: str) -> Iterator[None]:
    """Say in words what went wrong, or that a signal interrupted the command, and exit.

    Inside, a signal is a KeyboardInterrupt, and in coroutines a cancellation. Signals that are
    ignored stay so: SIGINT of jobs in the background, SIGHUP after `nohup`.

    Args:
        console: where to say it.
        advice: how to go on after an interruption.
    """
    ears = _Ears()
    before = ears.listen()
    try:
        yield
    except (KeyboardInterrupt, OSError, *FAILURES) as error:
        if ears.heard is None and isinstance(error, FAILURES):
            fail(error)
        if ears.heard is None and isinstance(error, OSError):
            raise
        # Otherwise errors are consequences: a terminal sends its signal to all processes that it
        # knows, and when it has gone away, nothing can be written to it, not even this.
        with contextlib.suppress(OSError):
            console.print(
                f"\ninterrupted. What was sampled is kept; to go on, {advice}", soft_wrap=True
            )
        # A second signal is still heard, while Python comes to its end.
        raise typer.Exit(128 + (ears.heard or signal.SIGINT)) from None
    finally:
        if ears.heard is None:
            for number, handler in before.items():
                signal.signal(number, handler)


class _Ears:
    """Hear the signals that ask for an end."""

    def __init__(self) -> None:
        self.heard: int | None = None

    def listen(self) -> dict[signal.Signals, Any]:
        """Begin to hear the signals that are not ignored; return what handled them before."""
        before: dict[signal.Signals, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return before  # only the main thread is told of signals
        for number in _SIGNALS:
            handler = signal.getsignal(number)
            if handler not in {signal.SIG_IGN, None}:
                before[number] = signal.signal(number, self._hear)
        return before

    def _hear(self, number: int, _: FrameType | None) -> None:
        if self.heard is not None:
            _end_at_once(number)
        self.heard = number
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise KeyboardInterrupt from None
        # Between two steps of coroutines, so that none of them breaks off elsewhere than at an
        # `await`; `asyncio.run` then cancels them all and waits until they have tidied up.
        loop.call_soon_threadsafe(_interrupt)


def _interrupt() -> None:
    raise KeyboardInterrupt


def _end_at_once(number: int) -> NoReturn:
    if sys.stderr.isatty():
        with contextlib.suppress(OSError):
            sys.stderr.write(_SHOW_CURSOR)
            sys.stderr.flush()
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
    raise SystemExit(128 + number)
