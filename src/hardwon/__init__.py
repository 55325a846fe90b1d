"""Hardwon writes verified ML operator libraries for new hardware languages.

import hardwon
tasks = hardwon.select_tasks(["attn", "rope/neox"])
result = hardwon.improve(tasks, Path("runs/first"))
verdict = hardwon.check(hardwon.find_task("bmm/row"), "return E0")
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hardwon.api import Configuration, check, find_task, improve, select_tasks

__version__ = version("hardwon")

__all__ = ["Configuration", "__version__", "check", "find_task", "improve", "select_tasks"]


def __getattr__(name: str) -> Any:
    """Import the API when it is first used: worker processes need none of it."""
    if name in __all__:
        return getattr(import_module("hardwon.api"), name)
    raise AttributeError(f"module 'hardwon' has no attribute {name!r}")
