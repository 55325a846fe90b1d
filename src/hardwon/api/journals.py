"""Looks into journals: what runs they hold, and whether all of it is as it was recorded."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import hardwon
from hardwon.api.errors import UsageError
from hardwon.api.library import write_library
from hardwon.api.places import journal_of
from hardwon.api.summary import library_of, summarise
from hardwon.ir import TaskFileError, load_task
from hardwon.journal import Journal, JournalError, RunRecord, RunState, RunTotals
from hardwon.languages import UnknownLanguageError
from hardwon.learning import Ending
from hardwon.records import Record

SUMMARY = "summary.json"
LIBRARY = "library"
_MOST_LINES = 20
"""Differences that are listed of one file."""


class RunOverview(Record):
    """One run of a journal."""

    run: RunRecord
    totals: RunTotals


class Verification(Record):
    """What `verify` has found."""

    faults: tuple[str, ...]
    """A line for each thing that is wrong: where, what was expected and what was found."""
    notes: tuple[str, ...]
    """What could not be compared, and why."""
    runs: int
    iterations: int
    samples: int
    files: int
    """Files of run directories that were compared with the journal."""


@dataclass(frozen=True, slots=True)
class Source:
    """A journal to look into."""

    journal: str | Path
    """A file or a URL."""
    run: int | None
    """The only run of interest; None for all runs of the journal."""
    folder: Path | None
    """The run directory, if that is how the journal was named."""


def source_of(name: str | Path) -> Source:
    """Return the journal that a run directory, a file or a URL names.

    Raises:
        UsageError: if a directory holds no run.
    """
    if isinstance(name, str) and "://" in name:
        return Source(name, None, None)
    path = Path(name)
    if not path.is_dir():
        return Source(path, None, None)
    place = journal_of(path)
    if isinstance(place.journal, Path) and not place.journal.is_file():
        raise UsageError(f"{path}: expected a run directory, found no {place.journal.name} in it")
    return Source(place.journal, place.run, path)


def overview(name: str | Path) -> tuple[RunOverview, ...]:
    """Return the runs of a journal, oldest first.

    Args:
        name: a run directory, a journal file or the URL of a database.

    Raises:
        UsageError: if a directory holds no run.
        JournalError: if the journal cannot be read.
    """
    source = source_of(name)
    with Journal.open(source.journal, read_only=True) as journal:
        return tuple(
            RunOverview(run=run, totals=journal.totals(run.id))
            for run in journal.runs()
            if source.run in {None, run.id}
        )


def verify(name: str | Path) -> Verification:
    """Check a journal against itself, and a run directory against its journal.

    Hashes and counts are derived again from what is stored, links are followed, and of a run that
    has ended the summary and the library are made again and compared with the files. Nothing is
    written, and no program is run.

    Args:
        name: a run directory, a journal file or the URL of a database.

    Raises:
        UsageError: if a directory holds no run.
        JournalError: if the journal cannot be opened.
    """
    source = source_of(name)
    faults: list[str] = []
    notes: list[str] = []
    found: list[RunOverview] = []
    files = 0
    with Journal.open(source.journal, read_only=True) as journal:
        try:
            faults += journal.verify()
            for run in journal.runs():
                found.append(RunOverview(run=run, totals=journal.totals(run.id)))
                faults += _ending_faults(journal, run)
        except JournalError as error:
            faults.append(str(error))
        if source.folder is not None and found:
            run = next((item.run for item in found if item.run.id == source.run), found[-1].run)
            files = _compare_folder(journal, source.folder, run, faults, notes)
    return Verification(
        faults=tuple(faults),
        notes=tuple(notes),
        runs=len(found),
        iterations=sum(item.totals.iterations for item in found),
        samples=sum(item.totals.samples for item in found),
        files=files,
    )


def _ending_faults(journal: Journal, run: RunRecord) -> Iterator[str]:
    """Compare why a run ended with what it left unsolved."""
    solved = {
        experience.task.digest
        for experience in (*journal.imported(run.id), *journal.experiences(run.id))
    }
    unsolved = [task.test_name for task in journal.tasks(run.id) if task.digest not in solved]
    if run.ending == Ending.ALL_SOLVED and unsolved:
        yield (
            f"run {run.id}: it ended because {run.ending}, expected an experience of each, "
            f"found none of {', '.join(unsolved)}"
        )
    elif run.ending not in {None, Ending.ALL_SOLVED} and not unsolved:
        yield f"run {run.id}: expected the ending {Ending.ALL_SOLVED.value!r}, found {run.ending!r}"


def _compare_folder(
    journal: Journal, folder: Path, run: RunRecord, faults: list[str], notes: list[str]
) -> int:
    """Add what is wrong with the files of a run directory; return how many were looked at."""
    if run.state is not RunState.FINISHED:
        notes.append(
            f"run {run.id} has not ended, so {SUMMARY} and {LIBRARY} are not compared with it"
        )
        return 0
    try:
        faults += _summary_faults(journal, folder / SUMMARY, run)
        files, lines = _library_faults(journal, folder / LIBRARY, run, notes)
    except (JournalError, UnknownLanguageError, LookupError, ValueError) as error:
        faults.append(f"run {run.id}: its files cannot be made again from the journal: {error}")
        return 0
    faults += lines
    return 1 + files


def _summary_faults(journal: Journal, path: Path, run: RunRecord) -> Iterator[str]:
    if not path.is_file():
        yield (
            f"{path.name}: expected the summary of run {run.id}, found no such file; "
            "`hardwon improve --resume` writes it again"
        )
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        yield f"{path.name}: expected the summary of run {run.id}, found something else: {error}"
        return
    expected = json.loads(summarise(journal, run.id).model_dump_json())
    for line in _differences(expected, found, ""):
        yield f"{path.name}: {line}"


def _differences(expected: Any, found: Any, place: str) -> Iterator[str]:
    """Yield a line for each place in which two JSON values differ."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key in sorted(expected.keys() | found.keys()):
            inner = f"{place}.{key}" if place else str(key)
            if key not in found:
                yield f"{inner}: expected {json.dumps(expected[key])}, found nothing"
            elif key not in expected:
                yield f"{inner}: expected nothing, found {json.dumps(found[key])}"
            else:
                yield from _differences(expected[key], found[key], inner)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, pair in enumerate(zip(expected, found, strict=True)):
            yield from _differences(*pair, f"{place}[{index}]")
    elif json.dumps(expected) != json.dumps(found):
        yield f"{place or 'all of it'}: expected {json.dumps(expected)}, found {json.dumps(found)}"


def _library_faults(
    journal: Journal, folder: Path, run: RunRecord, notes: list[str]
) -> tuple[int, list[str]]:
    """Return how many files a library should have, and what is wrong with it."""
    same_version = run.hardwon_version == hardwon.__version__
    if not same_version:
        notes.append(
            f"run {run.id} was begun by Hardwon {run.hardwon_version}: of its library, programs "
            "are compared, and not how they are written down"
        )
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="hardwon-verify-") as temporary:
        again = Path(temporary) / LIBRARY
        write_library(again, library_of(journal, run.id))
        expected = _operators(again)
        for name in sorted(expected.keys() | _operators(folder).keys()):
            label = f"{LIBRARY}/{name}"
            if name not in expected:
                faults.append(f"{label}: expected no such file, since the run has no such answer")
            elif not (folder / name).is_file():
                faults.append(f"{label}: expected an answer of run {run.id}, found no such file")
            elif same_version:
                faults += _text_faults(label, expected[name], folder / name)
            elif name.endswith(".yaml") and not _same_answer(expected[name], folder / name):
                faults.append(f"{label}: expected the answer of run {run.id}, found another one")
    return len(expected), faults


def _operators(folder: Path) -> dict[str, Path]:
    """Return the files of a library that hold operators and their tests, by their path in it."""
    return {
        path.relative_to(folder).as_posix(): path
        for pattern in ("*/*.yaml", "*/test_*.py")
        for path in folder.glob(pattern)
    }


def _text_faults(label: str, expected: Path, found: Path) -> Iterator[str]:
    """Name the lines in which a file is not as it should be."""
    wanted, there = (path.read_bytes().split(b"\n") for path in (expected, found))
    lines = [
        f"{label}, line {number}: expected {_quoted(one)}, found {_quoted(other)}"
        for number, (one, other) in enumerate(zip_longest(wanted, there), start=1)
        if one != other
    ]
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"{label}: {len(lines) - _MOST_LINES} more lines differ"


def _quoted(line: bytes | None) -> str:
    return "nothing" if line is None else repr(line.decode(errors="replace"))


def _same_answer(expected: Path, found: Path) -> bool:
    try:
        one, other = load_task(expected), load_task(found)
    except TaskFileError:
        return False
    return (one.digest, one.impl) == (other.digest, other.impl)
