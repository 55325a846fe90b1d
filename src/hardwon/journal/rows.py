"""The rows of samples: what is hashed of them, and how they find their verdicts."""

from collections.abc import Mapping
from json import loads
from typing import Any

from hardwon.journal.errors import JournalError
from hardwon.journal.schema import SampleRow, VerdictRow
from hardwon.records import digest_of

VERDICT_OF_SAMPLE = (
    (VerdictRow.task == SampleRow.task)
    & (VerdictRow.judge == SampleRow.judge)
    & (VerdictRow.program == SampleRow.program)
)
"""Joins each sample with the verdict on its program."""

_SINCE_2: Mapping[str, Any] = {
    "requests": 0,
    "cached_tokens": 0,
    "thinking_tokens": 0,
    "usd": 0.0,
    "note": None,
    "exchanges": "[]",
}
"""Columns that version 1 did not have, with what it would have put into them."""


def additions(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row says beyond version 1.

    Values at their default are left out of what is hashed, so that old hashes hold.
    """
    return {name: row[name] for name, default in _SINCE_2.items() if row[name] != default}


def row_digest(row: Mapping[str, Any], verdict: str) -> str:
    """Hash a sample.

    Args:
        row: its columns.
        verdict: digest of its verdict.
    """
    names = [
        *("iteration", "task", "temperature", "sample", "program", "judge"),
        *("input_tokens", "output_tokens", "steps"),
    ]
    return digest_of({name: row[name] for name in names} | {"verdict": verdict} | additions(row))


def exchange_keys(text: str) -> tuple[str, ...]:
    """Read the keys of the exchanges that led to a sample.

    Raises:
        JournalError: if the text does not state them.
    """
    try:
        keys = tuple(loads(text))
    except (ValueError, TypeError) as error:
        raise JournalError(f"the stored exchanges of a sample cannot be read: {error}") from error
    if not all(isinstance(key, str) for key in keys):
        raise JournalError("the stored exchanges of a sample cannot be read: expected names")
    return keys
