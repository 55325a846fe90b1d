"""What is wrong with a task file: where, what was expected, what came."""

from collections.abc import Iterable
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Keys from the top of a file down to a value, e.g. ("fns", 2, "input_dtype")."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One error in a task file."""

    file: str
    """The file as the caller named it."""
    line: int | None
    """1-based line; None where the error is not in a line, as with an unreadable file."""
    path: KeyPath
    """Keys from the top of the file; empty for an error of the whole file."""
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, render_path(self.path), self.message) if part)


class TaskFileError(ValueError):
    """A task file that cannot be used, with everything that is wrong with it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


def render_path(path: KeyPath) -> str:
    """Return a key path as people write it, e.g. `fns[2].input_dtype`."""
    text = ""
    for key in path:
        if isinstance(key, int):
            text += f"[{key}]"
        elif key.isidentifier() and len(key) <= 60:
            text += f".{key}" if text else key
        else:
            text += f"[{shown(key)}]"
    return text


def shown(text: str, limit: int = 60) -> str:
    """Return text quoted, on one line and cut to `limit` characters, fit for a message."""
    return repr(text if len(text) <= limit else text[: limit - 3] + "...")
