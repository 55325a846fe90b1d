"""Types of columns that databases do not keep exactly by themselves."""

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator

_ESCAPED = "escaped:"
_REFUSED = re.compile("[\0\ud800-\udfff]")


class ExactText(TypeDecorator[str]):
    """Text that comes back character by character.

    Models write NUL characters and lone surrogates now and then, which databases refuse. Such
    texts, and those that begin with the mark, are stored escaped, behind a mark; others as is.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: D102
        if value is None or not (value.startswith(_ESCAPED) or _REFUSED.search(value)):
            return value
        return _ESCAPED + value.encode("unicode_escape").decode("ascii")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:  # noqa: D102
        if not isinstance(value, str) or not value.startswith(_ESCAPED):
            return value
        try:
            return value.removeprefix(_ESCAPED).encode("ascii").decode("unicode_escape")
        except UnicodeError:
            return value  # Not written by us: let `verify` find it.


class UtcDateTime(TypeDecorator[datetime]):
    """A moment, kept in UTC by databases that know no time zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: D102
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: D102
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
