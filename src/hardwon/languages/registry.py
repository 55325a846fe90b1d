"""Finds language packs by name, lazily, through the same entry points for our own and others'."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from hardwon.languages.protocol import Language

GROUP = "hardwon.languages"
_REQUIRED = tuple(name for name in vars(Language) if not name.startswith("_"))
"""What every pack must offer."""


class UnknownLanguageError(LookupError):
    """No installed pack has that name, or the one that has it cannot be used."""


@cache
def _packs() -> dict[str, EntryPoint]:
    packs: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        other = packs.setdefault(entry.name, entry)
        if other.value != entry.value:
            raise UnknownLanguageError(
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
        UnknownLanguageError: if no pack has the name; the message lists those that exist. Also if
            the pack cannot be imported, or lacks what every pack must offer.
    """
    entry = _packs().get(name)
    if entry is None:
        raise UnknownLanguageError(
            f"no language pack is named {name!r};"
            f" installed: {', '.join(language_names()) or 'none'}"
        )
    place = f"the language pack {name!r} ({entry.value})"
    try:
        pack = entry.load()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise UnknownLanguageError(f"{place} cannot be loaded: {reason}") from error
    if isinstance(pack, type):
        raise UnknownLanguageError(f"{place} is a class; expected an object of it")
    if lacking := [required for required in _REQUIRED if not hasattr(pack, required)]:
        raise UnknownLanguageError(f"{place} lacks {', '.join(lacking)}")
    return cast("Language", pack)
