"""What is wrong with a file of a user, in one line."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

_IN_WORDS = {
    "dict_type": "expected keys with values",
    "extra_forbidden": "there is no such key",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "list_type": "expected a list",
    "missing": "is missing",
    "model_type": "expected keys with values",
    "string_type": "expected text",
    "too_short": "expected at least one",
    "tuple_type": "expected a list",
}
"""What Pydantic's errors mean to somebody who writes YAML."""


def describe(error: Exception) -> str:
    """Return the problems that an exception stands for, the place before each."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    return "; ".join(_problem(problem) for problem in error.errors())


def _problem(problem: Mapping[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"])) or "the file"
    said = _IN_WORDS.get(problem["type"], problem["msg"].removeprefix("Value error, "))
    return f"{place}: {said}"
