"""What is done side by side fails as it would alone."""

import asyncio

import pytest

from activities.error_mapping import mapped_failures
from activities.gather import each_of
from canonical_models.failures import FailureClass, TransientFailure


async def test_the_results_are_in_the_order_of_the_keys_and_so_many_at_a_time() -> None:
    working, most = 0, 0

    async def work(key: int) -> int:
        nonlocal working, most
        working += 1
        most = max(most, working)
        for _ in range(6 - key):
            await asyncio.to_thread(int)
        working -= 1
        return key * 2

    assert await each_of(range(6), work, at_once=2) == (0, 2, 4, 6, 8, 10)
    assert most == 2


async def test_a_fault_keeps_its_class_and_the_others_are_stopped() -> None:
    stopped = []

    async def work(key: str) -> None:
        if key == "away":
            raise TransientFailure("does not answer", system="erp")
        try:
            await asyncio.Event().wait()
        finally:
            stopped.append(key)

    with pytest.raises(Exception, match="does not answer") as told, mapped_failures():
        await each_of(["waits", "away"], work, at_once=2)
    assert getattr(told.value, "type", None) == FailureClass.TRANSIENT.value
    assert stopped == ["waits"]
