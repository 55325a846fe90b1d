"""The journal: the durable record of runs, from which an interrupted one goes on."""

from hardwon.journal.content import experience_digest, verdict_digest
from hardwon.journal.entries import JSON, IterationRecord, RunRecord, RunState, SampleRecord
from hardwon.journal.errors import JournalError, JournalMismatchError, NoRunError
from hardwon.journal.journal import Journal

__all__ = [
    "JSON",
    "IterationRecord",
    "Journal",
    "JournalError",
    "JournalMismatchError",
    "NoRunError",
    "RunRecord",
    "RunState",
    "SampleRecord",
    "experience_digest",
    "verdict_digest",
]
