"""Select tasks, check answers, improve a library: the command line as Python functions."""

from hardwon.api.checking import check, check_async, reference_program
from hardwon.api.errors import UsageError
from hardwon.api.explaining import explain
from hardwon.api.improving import Configuration, ImproveResult, improve, improve_async
from hardwon.api.linting import lint, lint_async
from hardwon.api.selecting import find_task, select_documents, select_tasks
from hardwon.api.summary import Summary

__all__ = [
    "Configuration",
    "ImproveResult",
    "Summary",
    "UsageError",
    "check",
    "check_async",
    "explain",
    "find_task",
    "improve",
    "improve_async",
    "lint",
    "lint_async",
    "reference_program",
    "select_documents",
    "select_tasks",
]
