"""The journal: the durable record of runs, from which an interrupted one goes on."""

from hardwon.journal.content import experience_digest, verdict_digest
from hardwon.journal.database import without_password
from hardwon.journal.entries import (
    JSON,
    IterationRecord,
    RunRecord,
    RunState,
    RunTotals,
    SampleRecord,
    Wave,
)
from hardwon.journal.errors import JournalError, JournalMismatchError, NoRunError
from hardwon.journal.exchanges import Responses
from hardwon.journal.journal import Journal

__all__ = [
    "JSON",
    "IterationRecord",
    "Journal",
    "JournalError",
    "JournalMismatchError",
    "NoRunError",
    "Responses",
    "RunRecord",
    "RunState",
    "RunTotals",
    "SampleRecord",
    "Wave",
    "experience_digest",
    "verdict_digest",
    "without_password",
]
