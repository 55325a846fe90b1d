"""Empty folders in which processes work, and what becomes of those whose owner was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_PREFIX = "hardwon-work-"


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A temporary folder that its owner holds a lock on; the kernel lets go of it with the owner.

    A lock says who is alive even where process numbers do not, as between containers.
    """

    path: Path
    _lock: int

    @classmethod
    def create(cls) -> Self:
        """Make a new folder, and remove those that nobody owns any more."""
        remove_stale()
        while True:
            path = Path(tempfile.mkdtemp(prefix=_PREFIX))
            lock = _locked(path)
            if lock is not None and path.exists():
                return cls(path, lock)
            if lock is not None:  # somebody took it for a stale one just before it was locked
                os.close(lock)

    def remove(self) -> None:
        """Remove the folder with everything in it, and give up the lock."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def remove_stale() -> None:
    """Remove the folders of this user whose owners are gone."""
    user = os.getuid()
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            if path.is_symlink() or not path.is_dir() or path.stat().st_uid != user:
                continue
            lock = _locked(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)


def _locked(path: Path) -> int | None:
    """Return a descriptor that holds the folder's lock; None if another process does."""
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(folder)
        return None
    return folder
