"""Limits on what a run may spend."""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that a run may spend; None where there is no limit."""

    max_usd: float | None = None
    """US dollars, by the price table."""
    max_tokens: int | None = None
    """Input and output tokens of all requests together."""
    max_minutes: float | None = None
    """Wall time from the ledger's creation. Requests in flight at the end may still finish."""

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: if a cap is negative or not a finite number.
        """
        for name in ("max_usd", "max_tokens", "max_minutes"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be a number from 0 on, not {value}")
