"""What a journal keeps of each value, and the hash that names it.

Every hash is computed from content alone, so that it can be derived again from what is stored.
"""

import json
from typing import Any

from hardwon.journal.errors import JournalError
from hardwon.records import (
    Completion,
    Experience,
    Message,
    Task,
    Verdict,
    digest_of,
    program_digest,
)


def to_json(value: Any) -> str:
    """Write a JSON-able value with sorted keys.

    The text is pure ASCII, since databases refuse some characters that models do write. Infinite
    numbers, the initial state of many folds, survive; JSON as Pydantic writes it would lose them.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def task_content(task: Task) -> dict[str, Any]:
    """Return a task without its answer; its hash is `Task.digest`."""
    return task.model_dump(mode="json", exclude={"impl"})


def read_task(text: str) -> Task:
    """Read a task from its stored content.

    Raises:
        JournalError: if the text is not that of a task.
    """
    try:
        return Task.model_validate(json.loads(text))
    except ValueError as error:
        raise JournalError(f"the stored content of a task cannot be read: {error}") from error


def verdict_content(verdict: Verdict) -> dict[str, Any]:
    """Return what makes two verdicts the same: everything but the time that they took."""
    return verdict.model_dump(mode="json", exclude={"seconds"})


def verdict_digest(verdict: Verdict) -> str:
    """Hash a verdict, regardless of the time that it took."""
    return digest_of(verdict_content(verdict))


def read_verdict(text: str, seconds: float) -> Verdict:
    """Read a verdict from its stored content.

    Raises:
        JournalError: if the text is not that of a verdict.
    """
    try:
        return Verdict.model_validate({**json.loads(text), "seconds": seconds})
    except (ValueError, TypeError) as error:
        raise JournalError(f"the stored content of a verdict cannot be read: {error}") from error


def is_correct(text: str) -> bool:
    """Tell whether the stored content of a verdict says so; no if it cannot be read."""
    try:
        return json.loads(text)["correct"] is True
    except (ValueError, TypeError, KeyError):
        return False


def experience_content(experience: Experience) -> dict[str, Any]:
    """Return an experience with digests in place of the task and the program."""
    content = experience.model_dump(mode="json", exclude={"task", "impl"})
    return content | {
        "task": experience.task.digest,
        "program": program_digest(experience.impl),
    }


def experience_digest(experience: Experience) -> str:
    """Hash an experience."""
    return digest_of(experience_content(experience))


def message_digest(message: Message) -> str:
    """Hash a message. Whether it is stable belongs to the prompt and costs nothing to change."""
    return digest_of([message.speaker, message.text])


def completion_digest(role: str, completion: Any) -> str:
    """Hash a completion, as JSON-able content, and who asked for it."""
    return digest_of([role, completion])


def read_completion(text: str) -> Completion:
    """Read a completion from its stored content.

    Raises:
        JournalError: if the text is not that of a completion.
    """
    try:
        return Completion.model_validate(json.loads(text))
    except ValueError as error:
        raise JournalError(f"the stored content of a completion cannot be read: {error}") from error
