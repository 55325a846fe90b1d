"""Interrupts task code that does not come back."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from hardwon.languages.step.semantics import RunError

_CLOCKS = (
    (signal.SIGPROF, signal.ITIMER_PROF, 1),
    (signal.SIGALRM, signal.ITIMER_REAL, 10),
)
"""Processor time decides, so that a busy machine changes nothing; what sleeps is given longer."""


class HangError(RunError):
    """A function did not come back in time."""


class _InterruptionError(BaseException):
    """Passes through whatever catches the errors of task code."""


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Interrupt Python code that takes too long.

    Raises:
        HangError: if it did.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise _InterruptionError

    before = {number: signal.signal(number, interrupt) for number, _, _ in _CLOCKS}
    for _, clock, patience in _CLOCKS:
        # Again and again, since an interruption is lost where Python ignores exceptions.
        signal.setitimer(clock, seconds * patience, seconds)
    try:
        yield
    except _InterruptionError:
        raise HangError(f"no result after {seconds:g} s") from None
    finally:
        for _, clock, _ in _CLOCKS:
            signal.setitimer(clock, 0)
        for number, handler in before.items():
            signal.signal(number, handler)
