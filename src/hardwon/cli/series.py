"""How commands about several runs announce each one."""

from rich.console import Console

from hardwon.api import Trial
from hardwon.api.series import Announce
from hardwon.learning import Progress


def announcer(console: Console) -> Announce:
    """Return what prints a line before each run of a series, with its number."""
    number = 0

    def announce(trial: Trial) -> Progress | None:
        nonlocal number
        number += 1
        console.print(f"run {number}: {trial.name}, seed {trial.seed}", highlight=False)
        return None

    return announce
