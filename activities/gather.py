"""Work side by side. A failure is told as itself, not as one of a group: what it is decides what
happens next."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")
First = TypeVar("First")
Second = TypeVar("Second")


async def gather(
    first: Coroutine[Any, Any, First], second: Coroutine[Any, Any, Second]
) -> tuple[First, Second]:
    """Both results, or the first failure; the other is stopped then, never left running."""
    try:
        async with asyncio.TaskGroup() as group:
            one, two = group.create_task(first), group.create_task(second)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return one.result(), two.result()


async def each_of(
    keys: Iterable[Key], work: Callable[[Key], Awaitable[Result]], *, at_once: int
) -> tuple[Result, ...]:
    """The results in the order of the keys, so many at a time; or the first failure, with the
    others stopped."""
    gate = asyncio.Semaphore(at_once)

    async def one(key: Key) -> Result:
        async with gate:
            return await work(key)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(key)) for key in keys]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return tuple(task.result() for task in tasks)
