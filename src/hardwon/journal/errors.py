"""What can go wrong with a journal, told so that a person knows what to do next."""

from collections.abc import Iterable, Sequence


class JournalError(Exception):
    """The journal cannot be used; the message says why and what would help."""


class NoRunError(JournalError):
    """The journal holds no such run."""


class JournalMismatchError(JournalError):
    """What is to be recorded contradicts what the journal already holds.

    Attributes:
        differences: one line for each setting, task or value that differs.
    """

    def __init__(self, summary: str, differences: Sequence[str]) -> None:
        self.differences = tuple(differences)
        super().__init__("\n".join([f"{summary}:", *(f"  - {line}" for line in differences)]))

    @classmethod
    def raise_if(cls, differences: Iterable[str], summary: str) -> None:
        """Raise the error if there are any differences."""
        lines = list(differences)
        if lines:
            raise cls(summary, lines)
