"""Select tasks, check answers, improve a library: the command line as Python functions."""

from hardwon.api.checking import check, check_async, check_reference, reference_program
from hardwon.api.comparing import compare, compared
from hardwon.api.configuration import (
    EFFORTS,
    OFFLINE,
    PRESETS,
    SEARCH,
    Configuration,
    Decoding,
    Means,
    preset,
)
from hardwon.api.crew import estimated
from hardwon.api.errors import UsageError
from hardwon.api.experiences import (
    experience_line,
    export_experiences,
    import_experiences,
    read_experience,
)
from hardwon.api.experimenting import experiment, experimented
from hardwon.api.explaining import explain
from hardwon.api.finetuning import finetuning_set
from hardwon.api.improving import ImproveResult, improve, improve_async
from hardwon.api.journals import overview, verify
from hardwon.api.linting import lint, lint_async
from hardwon.api.reporting import read_run, write_report
from hardwon.api.selecting import find_task, select_documents, select_tasks
from hardwon.api.series import Findings, Trial
from hardwon.api.summary import Summary, TaskSummary, summarise
from hardwon.judge import fresh_seed

__all__ = [
    "EFFORTS",
    "OFFLINE",
    "PRESETS",
    "SEARCH",
    "Configuration",
    "Decoding",
    "Findings",
    "ImproveResult",
    "Means",
    "Summary",
    "TaskSummary",
    "Trial",
    "UsageError",
    "check",
    "check_async",
    "check_reference",
    "compare",
    "compared",
    "estimated",
    "experience_line",
    "experiment",
    "experimented",
    "explain",
    "export_experiences",
    "find_task",
    "finetuning_set",
    "fresh_seed",
    "import_experiences",
    "improve",
    "improve_async",
    "lint",
    "lint_async",
    "overview",
    "preset",
    "read_experience",
    "read_run",
    "reference_program",
    "select_documents",
    "select_tasks",
    "summarise",
    "verify",
    "write_report",
]
