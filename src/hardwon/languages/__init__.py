"""Language packs: the protocol that they fulfil and the registry that finds them.

A pack lives in a folder of its own (or in another distribution) and is found by the entry point
group `hardwon.languages`. Nothing outside a pack imports it.
"""

from hardwon.languages.inspection import (
    Annotates,
    Annotation,
    Lints,
    Remark,
    Severity,
    TaskLinter,
)
from hardwon.languages.protocol import (
    Finding,
    Language,
    Reading,
    Setting,
    Simulator,
    StatementSampler,
)
from hardwon.languages.registry import UnknownLanguageError, get_language, language_names

__all__ = [
    "Annotates",
    "Annotation",
    "Finding",
    "Language",
    "Lints",
    "Reading",
    "Remark",
    "Setting",
    "Severity",
    "Simulator",
    "StatementSampler",
    "TaskLinter",
    "UnknownLanguageError",
    "get_language",
    "language_names",
]
