"""What a run has spent on models, by role, and the caps that it must not pass.

A request is entered before it is sent, with the most that it may cost, and settled with what it did
cost. So the caps hold however many requests are in flight.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from hardwon.models.caps import Caps
from hardwon.models.protocol import CapReachedError
from hardwon.records import Usage


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """One request in flight: what it may cost at most."""

    role: str
    worst: Usage


class Ledger:
    """The account of one run, over all its models and roles. Belongs to one event loop."""

    def __init__(self, caps: Caps | None = None, *, clock: Callable[[], float] = time.monotonic):
        """Open an account; the time of `Caps.max_minutes` begins now.

        Args:
            caps: the limits; none by default.
            clock: seconds that never go back.
        """
        self.caps = caps or Caps()
        self.estimated = 0
        """Requests whose cost is an estimate: no usage was reported, or none that can be."""
        self.cap_reached = False
        """Whether a request has been turned away."""
        self._clock = clock
        self._began = clock()
        self._roles: dict[str, Usage] = {}
        self._spent = Usage()
        self._in_flight: set[Reservation] = set()
        # Kept up to date instead of summed up, since every request asks for them.
        self._pending_tokens = 0
        self._pending_usd = 0.0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def by_role(self) -> Mapping[str, Usage]:
        """What each role has spent; of requests that got an answer or may have been billed."""
        return MappingProxyType(self._roles)

    @property
    def spent(self) -> Usage:
        """What all roles have spent together."""
        return self._spent

    def seconds_left(self) -> float:
        """Return the time until `Caps.max_minutes`; infinite without that cap."""
        if self.caps.max_minutes is None:
            return float("inf")
        return max(0.0, self._began + 60 * self.caps.max_minutes - self._clock())

    async def reserve(self, role: str, worst: Usage) -> Reservation:
        """Enter a request that is about to be sent.

        While only requests in flight stand in the way, waits for them, since most cost less than
        they may.

        Args:
            role: which agent asks.
            worst: the most that the request may cost.

        Raises:
            CapReachedError: if it might pass a cap whatever those in flight turn out to cost.
        """
        while True:
            self._check(worst)
            if not self._passed(self._pending_tokens + worst.tokens, self._pending_usd + worst.usd):
                reservation = Reservation(role, worst)
                self._in_flight.add(reservation)
                self._pending_tokens += worst.tokens
                self._pending_usd += worst.usd
                return reservation
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(change)
            await change

    def settle(self, reservation: Reservation, usage: Usage | None, *, estimated: bool) -> None:
        """Replace the worst case of a request by what it cost.

        Args:
            reservation: the request.
            usage: its cost; None if nothing was billed.
            estimated: whether that is an estimate.
        """
        self._in_flight.remove(reservation)
        self._pending_tokens -= reservation.worst.tokens
        # Not just subtracted: what rounding leaves behind would add up.
        self._pending_usd -= reservation.worst.usd if self._in_flight else self._pending_usd
        if usage is not None:
            self.add(reservation.role, usage, estimated=estimated)
        for change in self._waiting:
            if not change.done():
                change.set_result(None)
        self._waiting.clear()

    def add(self, role: str, usage: Usage, *, estimated: bool = False) -> None:
        """Enter a cost that was not reserved, such as that of a local model's own interface."""
        self._roles[role] = self._roles.get(role, Usage()) + usage
        self._spent += usage
        self.estimated += estimated

    def _check(self, worst: Usage) -> None:
        problem = self._passed(worst.tokens, worst.usd)
        if self.seconds_left() <= 0:
            problem = f"the cap of {self.caps.max_minutes:g} minutes is reached: 0 remain"
        if problem:
            self.cap_reached = True
            raise CapReachedError(problem)

    def _passed(self, tokens: int, usd: float) -> str | None:
        """Return what to say of the first cap that some more tokens and dollars would pass."""
        caps, spent = self.caps, self._spent
        if caps.max_usd is not None and spent.usd + usd > caps.max_usd:
            return (
                f"the cap of ${caps.max_usd:.4f} is reached: ${spent.usd:.4f} spent, "
                f"${max(0.0, caps.max_usd - spent.usd):.4f} remain, and the next request may cost "
                f"${usd:.4f}"
            )
        if caps.max_tokens is not None and spent.tokens + tokens > caps.max_tokens:
            return (
                f"the cap of {caps.max_tokens} tokens is reached: {spent.tokens} spent, "
                f"{max(0, caps.max_tokens - spent.tokens)} remain, and the next request may take "
                f"{tokens}"
            )
        return None
