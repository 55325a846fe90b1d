"""Errors that a user can mend."""


class UsageError(Exception):
    """What was asked for cannot be done; `str()` says what to do instead."""
