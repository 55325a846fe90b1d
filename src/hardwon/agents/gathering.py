"""Work on many items at once, results as they come."""

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Coroutine
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def as_they_come(
    items: AsyncIterable[Item],
    work: Callable[[Item], Coroutine[Any, Any, Result]],
    *,
    at_once: int = sys.maxsize,
    at_the_end: tuple[type[Exception], ...] = (),
) -> AsyncGenerator[Result, None]:
    """Apply `work` to every item as soon as the item is there, and yield the results.

    Nothing is left running afterwards, however it ends.

    Args:
        items: are taken as they come, within `at_once`.
        work: makes a result of an item.
        at_once: how many items are taken at most whose results have not been.
        at_the_end: errors of the items or of the work that wait until all that can be done is done
            and yielded. Any other error ends everything.
    """
    finished: asyncio.Queue[asyncio.Task[Any]] = asyncio.Queue()
    running: set[asyncio.Task[Any]] = set()
    free = asyncio.Semaphore(at_once)

    def start(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(coroutine)
        running.add(task)
        task.add_done_callback(finished.put_nowait)
        return task

    async def feed() -> None:
        await free.acquire()
        async for item in items:
            start(work(item))
            await free.acquire()

    feeder = start(feed())
    late: list[Exception] = []
    try:
        while running:
            task = await finished.get()
            running.remove(task)
            if isinstance(error := task.exception(), at_the_end):
                late.append(error)
            elif error is not None:
                raise error
            elif task is not feeder:
                yield task.result()
            free.release()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    if late:
        raise late[0]
