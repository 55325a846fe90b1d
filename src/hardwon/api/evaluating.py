"""What comparing and experimenting share: reading runs, and writing tables and figures."""

from collections.abc import Sequence
from pathlib import Path

from hardwon.api.errors import UsageError
from hardwon.api.library import write_whole
from hardwon.api.places import JOURNAL, PLACE, Place, journal_of
from hardwon.evaluation import Figure, Run, Table, files, read_run
from hardwon.journal import Journal

_MARKS = (JOURNAL, PLACE)
"""The files by which a run directory is known."""


def load_runs(source: Path | str) -> tuple[Run, ...]:
    """Return the run of a run directory, or all runs of a journal, given by its file or URL.

    A directory that has no run of its own stands for all run directories in it.

    Raises:
        UsageError: if there is no run.
        JournalError: if a journal cannot be read.
    """
    if "://" in str(source):
        return _runs_in(Place(str(source)), str(source))
    path = Path(source)
    if path.is_file():
        return _runs_in(Place(path), str(source))
    place = journal_of(path)
    if isinstance(place.journal, str) or place.journal.is_file():
        return _runs_in(place, str(source))
    inner = sorted({file.parent for name in _MARKS for file in path.rglob(name)})
    if not inner:
        raise UsageError(f"{source}: expected a run directory or a journal, found none")
    return tuple(run for folder in inner for run in load_runs(folder))


def _runs_in(place: Place, name: str) -> tuple[Run, ...]:
    with Journal.open(place.journal, create=False, read_only=True) as journal:
        numbers = [record.id for record in journal.runs()]
        if place.run is not None:
            numbers = [number for number in numbers if number == place.run]
        runs = tuple(
            read_run(journal, number, name if len(numbers) == 1 else f"{name}#{number}")
            for number in numbers
        )
    if not runs:
        raise UsageError(f"{name}: the journal holds no run")
    return runs


def load_run(folder: Path) -> Run:
    """Return the latest run of a run directory.

    Raises:
        UsageError: if there is none.
        JournalError: if its journal cannot be read.
    """
    return load_runs(folder)[-1]


def write_results(
    out: Path, tables: Sequence[Table], figures: Sequence[Figure], title: str
) -> None:
    """Write every table and figure into a folder, with a page that shows them all.

    Raises:
        UsageError: if the folder cannot be used.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files(tables, figures, title):
            write_whole(out / name, text)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror})") from error
