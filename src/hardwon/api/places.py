"""Run directories: which journal a run is recorded in, and which run of that journal it is."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardwon.api.errors import UsageError
from hardwon.api.library import write_whole
from hardwon.journal import without_password

JOURNAL = "journal.db"
PLACE = "run.json"
"""Says where the run of a directory is recorded, if not in a journal of its own."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is recorded."""

    journal: str | Path
    """A file, or the URL of a database."""
    run: int | None = None
    """Its number there; None for the latest."""


def journal_of(out: Path, url: str | None = None) -> Place:
    """Return where the run of a directory is recorded, or will be.

    Args:
        out: a run directory, new or old.
        url: of the database that was asked for; None for what the directory says, and for a file
            of its own if it says nothing.

    Raises:
        UsageError: if the directory says something else than was asked for, or nothing readable.
    """
    file = out / PLACE
    if not file.is_file():
        return Place(url or out / JOURNAL)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        recorded, run = content["journal"], int(content["run"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: expected a journal and the number of a run: {error}") from error
    if url is None:
        return Place(recorded or out / JOURNAL, run)
    if recorded is not None and without_password(url) != recorded:
        raise UsageError(
            f"{out}: its run is recorded in {recorded}; leave out --journal, or give another --out"
        )
    return Place(url, run)


@contextmanager
def sole_use(out: Path) -> Iterator[None]:
    """Keep other processes from writing to a run directory meanwhile.

    The lock is on the directory itself: it leaves no file, moves along, and the kernel takes it
    away from a process that is killed.

    Raises:
        UsageError: if another process holds it.
    """
    handle = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"{out}: another process is at work on this run; wait for it to end, or choose"
                " another --out"
            ) from None
        except OSError:
            pass  # a file system without locks, such as some that are mounted over a network
        yield
    finally:
        os.close(handle)


def remember_place(out: Path, place: Place, run: int) -> None:
    """Write down where the run of a directory is recorded; passwords are not.

    A directory with a journal of its own says nothing, so that it can be moved and copied.
    """
    if isinstance(place.journal, str):
        content = {"journal": without_password(place.journal), "run": run}
        write_whole(out / PLACE, json.dumps(content, indent=2) + "\n")
