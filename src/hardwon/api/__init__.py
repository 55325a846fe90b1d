"""Select tasks, check answers, improve a library: the command line as Python functions."""

from hardwon.api.checking import check, check_async, reference_program
from hardwon.api.errors import UsageError
from hardwon.api.improving import Configuration, ImproveResult, improve, improve_async
from hardwon.api.selecting import find_task, select_tasks
from hardwon.api.summary import Summary

__all__ = [
    "Configuration",
    "ImproveResult",
    "Summary",
    "UsageError",
    "check",
    "check_async",
    "find_task",
    "improve",
    "improve_async",
    "reference_program",
    "select_tasks",
]
