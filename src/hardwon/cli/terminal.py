"""What is printed for people, whatever the text and the terminal."""

import sys
from io import TextIOWrapper

from rich.console import Console
from rich.markup import escape

from hardwon.report.wording import visible


def terminal(*, stderr: bool = False, width: int | None = None) -> Console:
    """Return a console that leaves `:x:` in names and programs alone: Rich would draw a cross."""
    return Console(stderr=stderr, emoji=False, width=width)


def plain(text: object) -> str:
    """Return the text of a stranger as markup: nothing in it is obeyed, and nothing hides."""
    return escape(visible(str(text)))


def write_any_character() -> None:
    """Have standard output spell out what its encoding lacks, as standard error always does."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
