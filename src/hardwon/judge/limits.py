"""What a worker process may use, and how it binds itself to that."""

import resource
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one judgement."""

    seconds: float = 20.0
    """Wall time of one answer."""
    prepare_seconds: float = 60.0
    """Wall time to start a worker or to run a task's own code for the first time."""
    memory_bytes: int = 6 << 30
    """Address space of one worker, PyTorch's libraries included."""
    file_bytes: int = 1 << 20
    """Size of any file that task code writes."""


def apply_limits(memory_bytes: int, file_bytes: int) -> None:
    """Bind this process; there is no way back."""
    _lower(resource.RLIMIT_AS, memory_bytes)
    _lower(resource.RLIMIT_FSIZE, file_bytes)
    _lower(resource.RLIMIT_CORE, 0)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (bound, bound))
