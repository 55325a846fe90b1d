"""Finds language packs by name, lazily, through the same entry points for our own and others'."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from hardwon.languages.protocol import Language

GROUP = "hardwon.languages"


class UnknownLanguageError(LookupError):
    """No installed pack has that name."""


@cache
def _packs() -> dict[str, EntryPoint]:
    packs: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = packs.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise ValueError(
                f"two language packs are named {entry.name!r}: {other.value} and {entry.value}"
            )
    return packs


def language_names() -> tuple[str, ...]:
    """Return the names of all installed language packs, sorted."""
    return tuple(sorted(_packs()))


@cache
def get_language(name: str) -> Language:
    """Return the language pack of that name.

    Raises:
        UnknownLanguageError: if no pack has the name; the message lists those that exist.
    """
    entry = _packs().get(name)
    if entry is None:
        raise UnknownLanguageError(
            f"no language pack is named {name!r};"
            f" installed: {', '.join(language_names()) or 'none'}"
        )
    return cast("Language", entry.load())
