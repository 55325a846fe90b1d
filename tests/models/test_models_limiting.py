"""The way to a server: so many at a time, begun samples first, and no place is ever lost."""

import asyncio
import contextlib
import random

from stub_server import Waits

from hardwon.models.limiting import Gate


def test_the_urgent_go_first_and_the_others_in_their_order() -> None:
    async def main() -> list[str]:
        gate = Gate(1, Waits())
        order: list[str] = []

        async def one(name: str) -> None:
            async with gate.passed(urgent=name.startswith("urgent")):
                order.append(name)
                await asyncio.sleep(0)

        names = ["first", "second", "third", "urgent 1", "urgent 2"]
        await asyncio.gather(*map(one, names))
        return order

    assert asyncio.run(main()) == ["first", "urgent 1", "urgent 2", "second", "third"]


def test_whoever_is_cancelled_takes_no_place_along() -> None:
    async def main(seed: int) -> None:
        draw = random.Random(seed)
        gate = Gate(3, Waits())
        inside = 0

        async def one(number: int) -> None:
            nonlocal inside
            async with gate.passed(urgent=number % 3 == 0):
                inside += 1
                assert inside <= 3
                try:
                    for _ in range(draw.randrange(4)):
                        await asyncio.sleep(0)
                finally:
                    inside -= 1

        tasks = [asyncio.create_task(one(number)) for number in range(40)]
        for task in draw.sample(tasks, 20):
            for _ in range(draw.randrange(3)):
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # All places are free again: three can be inside at the same time.
        async with asyncio.timeout(5), contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(gate.passed())

    for seed in range(200):
        asyncio.run(main(seed))
