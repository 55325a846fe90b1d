"""Immutable values that every other room exchanges. This room imports nothing of Hardwon."""

from hardwon.records.answer import NO_PROGRAM, Answer, Usage, program_digest
from hardwon.records.base import Record, digest_of
from hardwon.records.exchange import (
    Completion,
    Exchange,
    Finish,
    Message,
    Parameters,
    Prompt,
    Speaker,
    exchange_key,
)
from hardwon.records.experience import Experience
from hardwon.records.task import FunctionSpec, OutputSpec, Task, TensorSpec
from hardwon.records.verdict import Diagnostic, Difference, Stage, StreamType, Verdict

__all__ = [
    "NO_PROGRAM",
    "Answer",
    "Completion",
    "Diagnostic",
    "Difference",
    "Exchange",
    "Experience",
    "Finish",
    "FunctionSpec",
    "Message",
    "OutputSpec",
    "Parameters",
    "Prompt",
    "Record",
    "Speaker",
    "Stage",
    "StreamType",
    "Task",
    "TensorSpec",
    "Usage",
    "Verdict",
    "digest_of",
    "exchange_key",
    "program_digest",
]
