"""Finds the tasks of the task sets."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml

from hardwon.ir import parse_task
from hardwon.records import Record, Task

BENCHMARK = "paper"
"""The set that is meant where none is named: the paper's 26 tasks."""

SETS = (BENCHMARK, "extra")


class Entry(Record):
    """One task of a set, classified as the paper does."""

    name: str
    """GROUP/NAME; no two sets share one."""
    shape: bool
    """Whether the reference program needs shape primitives, and not only arithmetic ones."""
    reuse: int
    """How many Copies the reference program needs; 0 if every stream is consumed at most once."""

    @property
    def group(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition("/")[0]


def folder(task_set: str) -> Traversable:
    """Return the folder with the data of a set."""
    return files("hardwon.bench") / task_set


@cache
def catalog(task_set: str = BENCHMARK) -> tuple[Entry, ...]:
    """Return all tasks of a set, in the order of reports.

    Raises:
        KeyError: if there is no such set.
    """
    if task_set not in SETS:
        raise KeyError(task_set)
    rows = yaml.safe_load((folder(task_set) / "catalog.yaml").read_text(encoding="utf-8"))
    return tuple(
        Entry(name=row["name"], shape=row["class"] == "shape", reuse=row["reuse"]) for row in rows
    )


def groups(task_set: str = BENCHMARK) -> tuple[str, ...]:
    """Return the names of the groups of a set, in order."""
    return tuple(dict.fromkeys(entry.group for entry in catalog(task_set)))


@cache
def set_of(name: str) -> str | None:
    """Return the set that holds a task of this name, None if there is none."""
    for task_set in SETS:
        if name in {entry.name for entry in catalog(task_set)}:
            return task_set
    return None


@cache
def load(name: str) -> Task:
    """Return one task of any set.

    Raises:
        KeyError: if there is none of that name.
    """
    task_set = set_of(name)
    if task_set is None:
        raise KeyError(name)
    text = (folder(task_set) / "tasks" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_task(text, source=f"{name}.yaml")
