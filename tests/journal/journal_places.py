"""Where the tests of the journal keep it."""

from collections.abc import Callable

NewPlace = Callable[[], str]
"""Returns where an empty journal can be made: a path or a URL, another one each time."""
