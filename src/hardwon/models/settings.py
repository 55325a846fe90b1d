"""How models are reached, and what all of them share in one run."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from hardwon.models.ledger import Ledger
from hardwon.models.limiting import Gate, Wait
from hardwon.models.protocol import ResponseStore

CONCURRENCY = 32
"""Requests to one server at a time, if nobody says how many."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of a run's models. All models that are connected with one value share its ledger,
    its stores, and their limit of requests to the same server.
    """

    base_url: str | None = None
    """Where the server is; by default what the environment says, then the provider's own."""
    api_key: str | None = field(default=None, repr=False)
    """By default what the environment says; never shown or kept anywhere."""
    ledger: Ledger = field(default_factory=Ledger)
    record: ResponseStore | None = None
    """Keeps every exchange of this run, failures too: a journal."""
    cache: ResponseStore | None = None
    """Keeps what models answered, over all runs."""
    recorded: str | None = None
    """For `replay`: the name of the model whose answers were recorded."""
    concurrency: int | None = None
    """Requests to one server at a time; `CONCURRENCY` by default. A local model gets no more than
    it has slots: further ones would only wait there, out of order, while their time runs."""
    timeout: float = 600.0
    """Seconds until a request without a complete answer is given up."""
    attempts: int = 6
    """How often a request is sent at most."""
    thinking_tokens: int | None = None
    """Room for thinking on top of an answer's limit; by default as much as seems to be needed."""
    prices: Path | None = None
    """A price table that goes before Hardwon's own."""
    context: int = 16384
    """Local models: tokens of one conversation, prompt and answer together."""
    slots: int = 1
    """Local models: conversations at a time."""
    threads: int | None = None
    """Local models: threads of llama.cpp; one per core by default."""
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    """How to wait; for tests."""
    gates: dict[str, Gate] = field(default_factory=dict, repr=False)
    """The ways to the servers, by provider and place."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ValueError: if with one of them nothing could ever be asked or answered.
        """
        for name, least in (("concurrency", 1), ("attempts", 1), ("slots", 1), ("context", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        if not self.timeout > 0:
            raise ValueError(f"timeout must be a number above 0, not {self.timeout}")

    def gate(self, place: str, most: int | None = None) -> Gate:
        """Return the way to a server, the same one for the same place.

        Args:
            place: names the server.
            most: the requests that it works on at a time, if that is known.
        """
        if place not in self.gates:
            wanted = self.concurrency or (CONCURRENCY if most is None else most)
            self.gates[place] = Gate(wanted if most is None else min(wanted, most), self.wait)
        return self.gates[place]

    @property
    def wait(self) -> Wait:
        """Waits some seconds, but not beyond the end of the run."""

        async def wait(seconds: float) -> None:
            await self.sleep(min(seconds, self.ledger.seconds_left()))

        return wait
