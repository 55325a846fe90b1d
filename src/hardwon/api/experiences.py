"""Experiences that move from one run to another, as lines of JSON.

A line is one verified answer: the fields of `Experience`, the task included, and the version of
this format. Infinite numbers are strings ("Infinity", "-Infinity"), since JSON has none.
"""

import asyncio
import json
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hardwon.api.checking import judge_digest
from hardwon.api.errors import UsageError
from hardwon.api.journals import source_of
from hardwon.api.places import journal_of
from hardwon.journal import Journal
from hardwon.judge import Judge
from hardwon.languages import UnknownLanguageError, get_language
from hardwon.languages.protocol import TaskError
from hardwon.records import Experience, Record, Task, Verdict, program_digest

FORMAT = "hardwon_experience"
VERSION = 1


class Refusal(Record):
    """An experience that was not let in."""

    line: int
    """Of the file, from 1."""
    task: str | None
    """Its name; None where the line is damaged."""
    reason: str


class ImportReport(Record):
    """What became of the experiences in a file."""

    imported: tuple[str, ...]
    """Names of the tasks whose answers were let in."""
    known: tuple[str, ...]
    """Names of the tasks to which the run remembers an answer already."""
    refused: tuple[Refusal, ...]
    run: int | None
    """The run that goes on with them; None if the next run in the directory begins with them."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    experience: Experience


def export_experiences(name: str | Path, *, run: int | None = None) -> tuple[Experience, ...]:
    """Return all that a run remembers: what it was given, then what it has solved, in order.

    Args:
        name: a run directory, a journal file or the URL of a database.
        run: its number; by default that of the directory, or the latest of the journal.

    Raises:
        UsageError: if there is no run.
        JournalError: if the journal cannot be read.
    """
    source = source_of(name)
    with Journal.open(source.journal, read_only=True) as journal:
        numbers = [record.id for record in journal.runs()]
        wanted = run or source.run or max(numbers, default=None)
        if wanted not in numbers:
            raise UsageError(f"{_shown(name)} holds no run{f' {wanted}' if wanted else ''}")
        return (*journal.imported(wanted), *journal.experiences(wanted))


def experience_line(experience: Experience) -> str:
    """Write an experience as one line."""
    content = {FORMAT: VERSION, **experience.model_dump(mode="json")}
    return json.dumps(_finite(content), allow_nan=False) + "\n"


def read_experience(line: str) -> Experience:
    """Read what `experience_line` writes.

    Raises:
        UsageError: if it is damaged, saying what is wrong.
    """
    try:
        content = json.loads(line)
    except ValueError as error:
        raise UsageError(f"expected a JSON object, got something else ({error})") from error
    if not isinstance(content, dict):
        raise UsageError(f"expected a JSON object, got {type(content).__name__}")
    version = content.pop(FORMAT, None)
    if version != VERSION:
        raise UsageError(f"{FORMAT}: expected {VERSION}, got {json.dumps(version)}")
    try:
        experience = Experience.model_validate(content)
    except ValidationError as error:
        raise UsageError(
            "; ".join(
                f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
                for problem in error.errors()
            )
        ) from error
    correct, samples = experience.correct, experience.samples
    if not 0 < correct <= samples:
        raise UsageError(f"expected 0 < correct <= samples, got {correct} and {samples}")
    if not math.isclose(experience.success_rate, correct / samples):
        raise UsageError(
            f"success_rate: expected {correct / samples}, which is {correct} of {samples}, "
            f"got {experience.success_rate}"
        )
    return experience.model_copy(update={"task": experience.task.question})


async def import_experiences_async(
    file: Path,
    into: Path,
    *,
    workers: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Let a run directory have the experiences in a file; see `import_experiences`."""
    lines, refused = _read(file)
    if not lines and not refused:
        raise UsageError(f"{file}: expected experiences, one a line, found none")
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{into}: cannot be used as a run directory ({error.strerror})") from error
    place = journal_of(into)
    with Journal.open(place.journal) as journal:
        run = place.run or max((record.id for record in journal.runs()), default=None)
        own = [] if run is None else journal.experiences(run)
        remembered = {item.task.digest for item in (*journal.imported(run), *own)}
        fresh, known, repeated = _told_apart(lines, remembered)
        refused += repeated
        judged = await _judged(fresh, workers, seed, progress)
        imports: list[tuple[Experience, Verdict]] = []
        for line, outcome in judged:
            if isinstance(outcome, Verdict):
                imports.append((_as_judged(line.experience, outcome), outcome))
            else:
                name = line.experience.task.test_name
                refused.append(Refusal(line=line.number, task=name, reason=outcome))
        new = journal.record_imports(run, imports, judge=judge_digest(seed))
    return ImportReport(
        imported=tuple(experience.task.test_name for experience in new),
        known=known,
        refused=tuple(sorted(refused, key=lambda refusal: refusal.line)),
        run=run,
    )


def _told_apart(
    lines: Sequence[_Line], remembered: Collection[str]
) -> tuple[list[_Line], tuple[str, ...], list[Refusal]]:
    """Return the first line of each task that is new, names of tasks that are not, and repetitions.

    Args:
        lines: those of a file.
        remembered: the digests of the tasks that the run knows an answer to.
    """
    known: list[str] = []
    fresh: dict[str, _Line] = {}
    repeated: list[Refusal] = []
    for line in lines:
        task = line.experience.task
        if task.digest in remembered:
            known.append(task.test_name)
        elif task.digest in fresh:
            first = fresh[task.digest]
            reason = f"line {first.number} has another answer to the same task"
            if _same(first.experience, line.experience):
                reason = f"line {first.number} is the same"
            repeated.append(Refusal(line=line.number, task=task.test_name, reason=reason))
        else:
            fresh[task.digest] = line
    return list(fresh.values()), tuple(known), repeated


def import_experiences(
    file: Path,
    into: Path,
    *,
    workers: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Let a run directory have the experiences in a file, as demonstrations.

    Every answer is judged here, whatever its line says of it; those that are not correct are
    refused, and so are damaged lines, the others are let in. The run of the directory goes on with
    them; if it has none yet, its first run begins with them.

    Args:
        file: lines as `experience_line` writes them; empty ones are passed over.
        into: a run directory; it is made if there is none.
        workers: how many answers are judged at a time.
        seed: of the judge's data.
        progress: called with how many answers are judged, and how many there are.

    Raises:
        UsageError: if the file cannot be read or holds nothing.
        JournalError: if the journal cannot be written.
        JudgeError: if the judge cannot work here.
    """
    return asyncio.run(
        import_experiences_async(file, into, workers=workers, seed=seed, progress=progress)
    )


def _read(file: Path) -> tuple[list[_Line], list[Refusal]]:
    """Return the experiences in a file, and the lines that are damaged."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error
    lines: list[_Line] = []
    damaged: list[Refusal] = []
    for number, raw in enumerate(content.split(b"\n"), start=1):
        if not raw.strip():
            continue
        try:
            lines.append(_Line(number, read_experience(raw.decode("utf-8-sig"))))
        except UnicodeDecodeError as error:
            damaged.append(Refusal(line=number, task=None, reason=f"expected UTF-8 ({error})"))
        except UsageError as error:
            damaged.append(Refusal(line=number, task=None, reason=str(error)))
    return lines, damaged


async def _judged(
    lines: Sequence[_Line],
    workers: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> list[tuple[_Line, Verdict | str]]:
    """Judge all answers; a text instead of a verdict says why one is refused."""
    if not lines:
        return []
    slots = asyncio.Semaphore(max(1, workers))
    done = 0

    async def one(line: _Line, judge: Judge) -> tuple[_Line, Verdict | str]:
        nonlocal done
        async with slots:
            outcome = await _outcome(judge, line.experience.task, line.experience.impl)
        done += 1
        if progress is not None:
            progress(done, len(lines))
        return line, outcome

    async with Judge(workers=max(1, workers), seed=seed) as judge:
        return list(await asyncio.gather(*(one(line, judge) for line in lines)))


async def _outcome(judge: Judge, task: Task, impl: str) -> Verdict | str:
    try:
        get_language(task.language)
        verdict = await judge.judge(task, impl)
    except (TaskError, UnknownLanguageError) as error:
        return f"its task cannot be used: {error}"
    if verdict.correct:
        return verdict
    problems = "; ".join(error.message for error in verdict.errors[:3])
    return f"its answer is not correct (first failed check: {verdict.stage}): {problems}"


def _as_judged(experience: Experience, verdict: Verdict) -> Experience:
    """Return an experience with what the judge found of its program, whatever it said itself."""
    if verdict.normal_form is None or verdict.code_lines is None:
        return experience
    return experience.model_copy(
        update={"normal_form": verdict.normal_form, "code_lines": verdict.code_lines}
    )


def _same(one: Experience, other: Experience) -> bool:
    return program_digest(one.impl) == program_digest(other.impl)


def _finite(value: Any) -> Any:
    """Put strings in place of numbers that JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value


def _shown(name: str | Path) -> str:
    """Name a journal without the password that its URL may hold."""
    return "the journal" if "://" in str(name) else str(name)
