"""How faults of a journal are worded: by names under which a reader finds what they are about."""

from collections.abc import Sequence
from json import loads
from typing import Any

from sqlalchemy import ColumnElement, Connection, select

from hardwon.journal.runs import task_name
from hardwon.journal.schema import SampleRow
from hardwon.records import digest_of


def samples_with(connection: Connection, condition: ColumnElement[bool]) -> str:
    """Say which samples a thing belongs to: the first of them, and how many there are."""
    rows = connection.execute(
        select(SampleRow.__table__)
        .where(condition)
        .order_by(SampleRow.run, SampleRow.iteration, SampleRow.temperature, SampleRow.sample)
    ).mappings()
    found = rows.all()
    if not found:
        return ""
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"; it is that of {sample_label(connection, found[0])}{others}"


def sample_label(connection: Connection, row: Any) -> str:
    """Name a sample by its coordinates."""
    task = task_label(connection, row["task"])
    return (
        f"run {row['run']}, iteration {row['iteration']}, task {task}, "
        f"sample {row['sample']} at temperature {row['temperature']}"
    )


def task_label(connection: Connection, digest: str) -> str:
    """Name a task so that it can be found in the journal and by a reader."""
    name = task_name(connection, digest)
    return short(digest) if name == digest else f"{name} ({short(digest)})"


def listed_counts(counts: Sequence[tuple[int, int]]) -> str:
    """List (correct, samples), each once."""
    lines = [f"{correct} of {samples}" for correct, samples in counts]
    return ", ".join(dict.fromkeys(lines)) or "none"


def difference(expected: str, found: str | None) -> str:
    """Say which digest was expected and which one was found; None for what has none."""
    what = "something unreadable" if found is None else short(found)
    return f"expected {short(expected)}, found {what}"


def json_value(text: str) -> Any:
    """Return the value that a JSON text states; None if it states none."""
    try:
        return loads(text)
    except ValueError:
        return None


def json_digest(text: str) -> str | None:
    """Hash the value that a JSON text states; None if it states none."""
    try:
        return digest_of(loads(text))
    except ValueError:
        return None


def short(value: Any) -> str:
    """Shorten a digest to what tells it apart."""
    return str(value)[:12]
