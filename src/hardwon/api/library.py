"""Writes what a run has won: task files with answers, and their tests."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hardwon.api.summary import Summary
from hardwon.ir import dump_task
from hardwon.languages import get_language
from hardwon.records import Experience

_PYTEST = """[pytest]
# Operators of different groups may share a name.
addopts = --import-mode=importlib
"""


def write_library(folder: Path, memory: Sequence[Experience]) -> None:
    """Write `GROUP/NAME.yaml` and `GROUP/test_NAME.py` for every solved task."""
    folder.mkdir(exist_ok=True)
    write_whole(folder / "pytest.ini", _PYTEST)
    for experience in memory:
        task = experience.task
        group = folder / task.group
        group.mkdir(parents=True, exist_ok=True)
        solved = task.model_copy(update={"impl": experience.impl})
        write_whole(group / f"{task.short_name}.yaml", dump_task(solved))
        source = get_language(task.language).test_file(task, experience.impl)
        write_whole(group / f"test_{task.short_name}.py", source)


def write_summary(path: Path, summary: Summary) -> None:
    """Write the summary as JSON."""
    write_whole(path, summary.model_dump_json(indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step, so that an interruption leaves the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
