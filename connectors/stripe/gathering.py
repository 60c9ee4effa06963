"""Reads that run side by side, and end as one: with all answers, or with one failure."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from canonical_models.failures import ContractDrift, CredentialsRefused, Failure, Rejection
from connectors.stripe.errors import UnknownObject

#: Of several failures of reads that ran together the one that a person must mend comes first.
_GRAVEST_FIRST: tuple[type[Failure], ...] = (CredentialsRefused, Rejection, ContractDrift, Failure)

#: Stripe takes a hundred reads a second of an account, and other workers read as well.
AT_ONCE = 12

T = TypeVar("T")
A = TypeVar("A")


@asynccontextmanager
async def gathering() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that raises the gravest failure of its tasks, not a group of them."""
    try:
        async with asyncio.TaskGroup() as reads:
            yield reads
    except BaseExceptionGroup as group:
        raise _gravest(group) from None


async def each_of(
    read: Callable[[A], Coroutine[Any, Any, T]], of: Iterable[A], *, at_once: int = AT_ONCE
) -> list[T]:
    """The answers in the order of what they are `of`, so many of them read at a time."""
    gate = asyncio.Semaphore(at_once)

    async def in_turn(one: A) -> T:
        async with gate:
            return await read(one)

    async with gathering() as group:
        tasks = [group.create_task(in_turn(one)) for one in of]
    return [task.result() for task in tasks]


async def if_there(read: Coroutine[Any, Any, T]) -> T | None:
    """The answer; None for what Stripe does not have, or no longer."""
    try:
        return await read
    except UnknownObject:
        return None


def _gravest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure to report; the group itself where a bug or a stop is among them."""
    failures, others = group.split(Failure)
    if others is not None or failures is None:
        return group
    flat = [error for error in failures.exceptions if isinstance(error, Failure)]
    for kind in _GRAVEST_FIRST:
        for error in flat:
            if isinstance(error, kind):
                return error
    return group
