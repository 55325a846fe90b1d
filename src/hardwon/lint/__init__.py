"""Lints tasks: trivial answers, broken references, unreachable functions, an oracle that misses."""

from hardwon.lint.linting import lint_task
from hardwon.lint.markdown import lint_markdown
from hardwon.lint.probe import Prober
from hardwon.lint.records import Finding, LintReport, MutationScore, Survivor

__all__ = [
    "Finding",
    "LintReport",
    "MutationScore",
    "Prober",
    "Survivor",
    "lint_markdown",
    "lint_task",
]
