"""Libraries that only some models need, and what to say where one is missing."""

import importlib
from typing import Any

from hardwon.models.protocol import ModelError


def require(module: str, extra: str) -> Any:
    """Import a library of an optional part of Hardwon.

    Args:
        module: the library's dotted name.
        extra: the part of Hardwon that brings it.

    Raises:
        ModelError: if it cannot be imported; says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelError(f"{install_hint(module, extra)} ({error})") from error


def install_hint(module: str, extra: str) -> str:
    """Say how to install a missing library."""
    library = module.partition(".")[0]
    return f"this model needs the library {library!r}: pip install 'hardwon[{extra}]'"
