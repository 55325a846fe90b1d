"""The ledger counts every request by role, and its caps hold with requests in flight."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from hardwon.models import CapReachedError, Caps, Ledger
from hardwon.records import Usage


def usage(tokens: int, usd: float = 0.0) -> Usage:
    return Usage(requests=1, input_tokens=tokens, usd=usd)


def run(coroutine: Coroutine[Any, Any, object]) -> None:
    asyncio.run(coroutine)


def test_costs_are_counted_by_role_and_together() -> None:
    ledger = Ledger()
    ledger.add("proposer", usage(5, 0.5))
    ledger.add("proposer", usage(7, 0.25), estimated=True)
    ledger.add("guardian", usage(1))
    assert ledger.by_role == {
        "proposer": Usage(requests=2, input_tokens=12, usd=0.75),
        "guardian": usage(1),
    }
    assert ledger.spent == Usage(requests=3, input_tokens=13, usd=0.75)
    assert ledger.estimated == 1


def test_a_request_that_might_pass_a_cap_is_not_begun() -> None:
    async def main() -> None:
        ledger = Ledger(Caps(max_usd=1.0))
        ledger.add("proposer", usage(10, 0.75))
        with pytest.raises(CapReachedError, match=r"\$1.0000 .* \$0.7500 spent, \$0.2500 remain"):
            await ledger.reserve("proposer", usage(10, 0.26))
        assert ledger.cap_reached
        await ledger.reserve("proposer", usage(10, 0.25))

    run(main())


def test_a_request_waits_for_those_in_flight_before_it_is_turned_away() -> None:
    async def main() -> None:
        ledger = Ledger(Caps(max_tokens=100))
        first = await ledger.reserve("proposer", usage(80))
        second = asyncio.create_task(ledger.reserve("proposer", usage(50)))
        third = asyncio.create_task(ledger.reserve("proposer", usage(90)))
        await asyncio.sleep(0)
        assert not second.done()
        assert not third.done()
        ledger.settle(first, usage(20), estimated=False)
        await second
        with pytest.raises(CapReachedError, match=r"20 spent, 80 remain, .* may take 90"):
            await third

    run(main())


def test_a_request_that_cost_nothing_leaves_the_cap_as_it_was() -> None:
    async def main() -> None:
        ledger = Ledger(Caps(max_tokens=100, max_usd=0.3))
        for _ in range(50):
            reservation = await ledger.reserve("proposer", usage(100, 0.1))
            ledger.settle(reservation, None, estimated=False)
        assert ledger.spent == Usage()
        await ledger.reserve("proposer", usage(100, 0.3))

    run(main())


def test_a_waiting_request_that_is_cancelled_holds_up_nobody() -> None:
    async def main() -> None:
        ledger = Ledger(Caps(max_tokens=100))
        first = await ledger.reserve("proposer", usage(100))
        waiting = asyncio.create_task(ledger.reserve("proposer", usage(100)))
        await asyncio.sleep(0)
        waiting.cancel()
        other = asyncio.create_task(ledger.reserve("proposer", usage(100)))
        await asyncio.sleep(0)
        ledger.settle(first, None, estimated=False)
        await other

    run(main())


def test_after_the_minutes_are_over_nothing_is_begun() -> None:
    now = 100.0
    ledger = Ledger(Caps(max_minutes=2), clock=lambda: now)
    assert ledger.seconds_left() == 120
    now = 219.0
    run(ledger.reserve("proposer", usage(1)))
    now = 220.0
    with pytest.raises(CapReachedError, match="2 minutes"):
        run(ledger.reserve("proposer", usage(1)))
    assert Ledger().seconds_left() == float("inf")


@pytest.mark.parametrize(
    "caps", [{"max_usd": -1}, {"max_tokens": -1}, {"max_minutes": float("nan")}]
)
def test_a_cap_that_is_no_amount_is_refused(caps: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be a number from 0 on"):
        Caps(**caps)
