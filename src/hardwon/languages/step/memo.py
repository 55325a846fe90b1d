"""A memory of results for arguments that are the same objects, not merely equal ones.

Types are nested values. To hash one takes longer than most of what is asked about it, and the
programs of a task pass the same few objects around. Equal arguments that are other objects cost
time and nothing else.
"""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_MOST = 1 << 14
"""How many results are kept before all are given up."""


class IdentityMemo(Generic[P, R]):
    """A function of immutable values that remembers its results by the identity of its arguments.

    The arguments of what is remembered are kept alive, so that no other object can have their
    identity. What raises is not remembered.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._known: dict[tuple[int, ...], tuple[tuple[Any, ...], R]] = {}
        self.__doc__ = function.__doc__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, or return what it returned for the same objects; no keywords."""
        key = tuple(map(id, args))
        found = self._known.get(key)
        if found is not None:
            return found[1]
        result = self._function(*args, **kwargs)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[key] = args, result
        return result
