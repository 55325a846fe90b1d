"""From names, groups, files and folders to tasks."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from hardwon import bench
from hardwon.api.errors import UsageError
from hardwon.ir import TaskFileError, load_task
from hardwon.records import Task

_SUFFIXES = (".yaml", ".yml")
_MOST_PROBLEMS = 20
"""Problems of one file that are listed; a person mends no more at a time."""


def find_task(name: str) -> Task:
    """Return the built-in task of that name, or the task in that file (with its `impl`, if any).

    Raises:
        UsageError: if there is neither, or the file is not structural IR.
    """
    if bench.set_of(name) is not None:
        return bench.load(name)
    path = Path(name)
    if name and path.is_file():
        return _load(path)
    if members := _several(name):
        kind = "set" if name in bench.SETS else "group"
        raise UsageError(f"{name}: expected one task, got a {kind}: {', '.join(members)}")
    if name and path.is_dir():
        raise UsageError(f"{name}: expected one task, got a folder")
    raise UsageError(_unknown(name))


def select_tasks(selectors: Sequence[str] = ()) -> tuple[Task, ...]:
    """Return the selected tasks without answers; all of the benchmark if nothing is selected.

    Each selector is a task of a built-in set, a group of them, a whole set (`paper` or `extra`), a
    structural IR file, or a folder, which stands for all such files in and below it.

    Raises:
        UsageError: naming every selector and file that cannot be used.
    """
    return tuple(task.question for task in select_documents(selectors))


def select_documents(selectors: Sequence[str] = ()) -> tuple[Task, ...]:
    """Return what `select_tasks` does, with the answers that files hold.

    Raises:
        UsageError: naming every selector and file that cannot be used.
    """
    if not selectors:
        return tuple(bench.load(entry.name) for entry in bench.catalog())
    problems: list[str] = []
    found: dict[str, Task] = {}
    for selector in selectors:
        for source, task in _expand(selector, problems):
            other = found.setdefault(task.test_name, task)
            if other.digest != task.digest:
                problems.append(
                    f"{source}: another task is named {task.test_name!r} already;"
                    " give it a test_name of its own"
                )
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(found.values())


def _expand(selector: str, problems: list[str]) -> list[tuple[str, Task]]:
    if names := _several(selector):
        return [(name, bench.load(name)) for name in names]
    path = Path(selector)
    if not selector or not path.is_dir():
        try:
            return [(selector, find_task(selector))]
        except UsageError as error:
            problems.append(str(error))
            return []
    files = sorted(file for suffix in _SUFFIXES for file in path.rglob(f"*{suffix}"))
    if not files:
        problems.append(
            f"{selector}: expected structural IR files (*.yaml) in this folder, got none"
        )
    tasks: list[tuple[str, Task]] = []
    for file in files:
        try:
            tasks.append((str(file), _load(file)))
        except UsageError as error:
            problems.append(str(error))
    return tasks


def _several(selector: str) -> list[str]:
    """Return the names of the tasks in a set or in a group of one; none if it is neither."""
    return [
        entry.name
        for task_set in bench.SETS
        for entry in bench.catalog(task_set)
        if selector in {task_set, entry.group}
    ]


def _load(path: Path) -> Task:
    try:
        return load_task(path)
    except TaskFileError as error:
        shown = [str(problem) for problem in error.problems[:_MOST_PROBLEMS]]
        if more := len(error.problems) - len(shown):
            shown.append(f"{path}: {more} more problems")
        raise UsageError("\n".join(shown)) from error


def _unknown(name: str) -> str:
    known = [
        *bench.SETS,
        *(name for each in bench.SETS for name in bench.groups(each)),
        *(entry.name for each in bench.SETS for entry in bench.catalog(each)),
    ]
    near = difflib.get_close_matches(name, known, n=3)
    if name.endswith(_SUFFIXES):
        return f"{name}: no such file"
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return (
        f"{name or repr(name)}: expected a built-in task, group or set, a structural IR file or a"
        f" folder of them{hint} (`hardwon tasks` lists the benchmark)"
    )
