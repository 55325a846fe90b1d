"""Strategies by name, with errors that list what there is."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

Strategy = TypeVar("Strategy")


class UnknownNameError(LookupError):
    """No strategy has that name; `str()` lists those that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


def named(kind: str, strategies: Mapping[str, Strategy], name: str) -> Strategy:
    """Return a strategy.

    Args:
        kind: what to call it in the error, e.g. "policy".
        strategies: those that there are.
        name: the wanted one.

    Raises:
        UnknownNameError: if there is none of that name.
    """
    if name not in strategies:
        near = get_close_matches(name, strategies, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UnknownNameError(
            f"{kind}: expected one of {', '.join(strategies)}, got {name!r}{hint}"
        )
    return strategies[name]
