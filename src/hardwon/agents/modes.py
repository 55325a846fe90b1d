"""How the agents are put together: the paper's modes and the kinds of guardians."""

from enum import StrEnum


class Mode(StrEnum):
    """Which part of the agentic system is used (paper, sections 3 and 4)."""

    SINGLE_NO_IR = "single-no-ir"
    """The proposer alone; tasks are shown as Python test scripts."""
    SINGLE = "single"
    """The proposer alone; tasks are shown as structural IR."""
    AGENT = "agent"
    """The proposer with a guardian."""

    @property
    def shows_scripts(self) -> bool:
        """Whether tasks are shown as Python test scripts."""
        return self is Mode.SINGLE_NO_IR


class GuardianKind(StrEnum):
    """Who sees to it that programs obey the language's law."""

    LLM = "llm"
    """A model decides and rewrites, as in the paper."""
    PASS = "pass"
    """A pass of the language pack rewrites: it costs no token and cannot break a program."""
    NONE = "none"
    """Nobody."""


class RepairerKind(StrEnum):
    """Who gives refused programs another try."""

    MODEL = "model"
    """The model, with the judge's diagnostics."""
    SEARCH = "search"
    """A search near the refused program; it costs no token."""
