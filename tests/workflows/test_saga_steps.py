"""Steps side by side: one that fails stops the others; a saga that is dropped waits for none."""

import asyncio

import pytest

from workflows.saga import side_by_side


async def test_all_are_run_to_their_end() -> None:
    done: list[int] = []

    async def step(number: int) -> None:
        await asyncio.sleep(0)
        done.append(number)

    await side_by_side(step(1), step(2))
    await side_by_side()
    assert sorted(done) == [1, 2]


async def test_one_that_fails_stops_the_others_before_anything_else_happens() -> None:
    seen: list[str] = []

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            seen.append("stopped")

    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("as told")

    with pytest.raises(ValueError, match="as told"):
        await side_by_side(waits(), fails())
    assert seen == ["stopped"]


async def test_a_saga_that_is_dropped_waits_for_nothing() -> None:
    """As by a worker that stops: its coroutine is closed, and may not wait any more."""
    done = asyncio.Event()

    async def step() -> None:
        await done.wait()

    steps = side_by_side(step())
    steps.send(None)

    steps.close()

    done.set()
