"""Puts into words how what is given differs from what is recorded."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardwon.journal.content import to_json
from hardwon.records import Task


def setting_differences(
    recorded: Mapping[str, Any], given: Mapping[str, Any], prefix: str = ""
) -> Iterator[str]:
    """Yield a line for each setting that differs; nested ones are named like `model.name`."""
    for key in sorted(recorded.keys() | given.keys()):
        name = f"{prefix}{key}"
        if key not in given:
            yield f"setting {name}: recorded {to_json(recorded[key])}, now missing"
        elif key not in recorded:
            yield f"setting {name}: not recorded, now {to_json(given[key])}"
        elif isinstance(recorded[key], Mapping) and isinstance(given[key], Mapping):
            yield from setting_differences(recorded[key], given[key], f"{name}.")
        elif to_json(recorded[key]) != to_json(given[key]):
            yield f"setting {name}: recorded {to_json(recorded[key])}, now {to_json(given[key])}"


def task_differences(
    recorded: Mapping[str, str], given: Sequence[Task], waves: Mapping[str, int]
) -> Iterator[str]:
    """Yield a line for each task that differs, or one if only their order does.

    Args:
        recorded: digest to name, in order.
        given: the tasks now.
        waves: when each recorded task joined; only within a wave does the order count.
    """
    now = {task.digest: task.test_name for task in given}
    gone = [name for digest, name in recorded.items() if digest not in now]
    new = [name for digest, name in now.items() if digest not in recorded]
    for name in gone:
        yield f"task {name}: {'its content has changed' if name in new else 'now missing'}"
    for name in new:
        if name not in gone:
            yield f"task {name}: not recorded, now given"
    if not gone and not new and list(recorded) != sorted(now, key=lambda task: waves[task]):
        yield "the tasks come in another order"


def value_differences(recorded: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each of the given values that is recorded differently."""
    for name, value in given.items():
        if recorded[name] != value:
            yield f"{name}: recorded {recorded[name]!r}, now {value!r}"
