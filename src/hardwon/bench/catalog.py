"""Finds the tasks of the benchmark."""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import yaml

from hardwon.ir import parse_task
from hardwon.records import Record, Task


class Entry(Record):
    """One task of the benchmark, as the paper classifies it."""

    name: str
    """GROUP/NAME."""
    shape: bool
    """Whether the reference program needs shape primitives, and not only arithmetic ones."""
    reuse: int
    """How many Copies the reference program needs; 0 if every stream is consumed at most once."""

    @property
    def group(self) -> str:
        """The part of the name before the slash."""
        return self.name.partition("/")[0]


def folder() -> Traversable:
    """Return the folder with the benchmark's data."""
    return files("hardwon.bench")


@cache
def catalog() -> tuple[Entry, ...]:
    """Return all tasks in the order of the benchmark."""
    rows = yaml.safe_load((folder() / "catalog.yaml").read_text(encoding="utf-8"))
    return tuple(
        Entry(name=row["name"], shape=row["class"] == "shape", reuse=row["reuse"]) for row in rows
    )


def groups() -> tuple[str, ...]:
    """Return the names of the groups, in order."""
    return tuple(dict.fromkeys(entry.group for entry in catalog()))


@cache
def load(name: str) -> Task:
    """Return one task of the benchmark.

    Raises:
        KeyError: if there is none of that name.
    """
    if name not in {entry.name for entry in catalog()}:
        raise KeyError(name)
    text = (folder() / "tasks" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_task(text, source=f"{name}.yaml")
