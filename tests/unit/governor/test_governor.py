"""What a call passes: a place, and the breaker; on a clock that jumps."""

import asyncio

import pytest

from connectors.breaker import FAULTS, FIRST_PROBE, LONGEST_PROBE, State
from connectors.governor import AT_ONCE, LONGEST_PAUSE, Governor, NotNow, called, calling
from tests.harness.virtual_time import passes, run


def governor() -> Governor:
    return Governor("erp-de", now=asyncio.get_running_loop().time)


async def fault(of: Governor) -> None:
    async with of.call("erp") as call:
        call.unreachable("ConnectError")


async def ask(
    of: Governor, *, seconds: float = 0.0, status: int = 200, writes: bool = False
) -> None:
    async with of.call("erp", writes=writes) as call:
        await passes(seconds)
        call.answered(status)


async def away(of: Governor) -> None:
    for _ in range(FAULTS):
        await fault(of)


def test_faults_in_a_row_open_the_breaker_and_nothing_is_sent() -> None:
    async def story() -> None:
        erp = governor()
        await away(erp)
        assert erp.breaker.state is State.OPEN
        assert erp.places == 0
        with pytest.raises(NotNow, match="is away") as refused:
            await ask(erp)
        assert refused.value.retry_after is not None
        assert refused.value.retry_after >= FIRST_PROBE

    run(story())


def test_a_write_is_made_at_hand_while_a_place_is_free() -> None:
    async def story() -> None:
        erp = governor()
        erp.require_free("erp")
        calls = [asyncio.create_task(ask(erp, seconds=5)) for _ in range(erp.limiter.limit)]
        await passes(1)
        with pytest.raises(NotNow, match="as many calls as it takes"):
            erp.require_free("erp")
        await asyncio.gather(*calls)
        erp.require_free("erp")

    run(story())


def test_no_write_is_made_at_hand_where_writes_take_long_or_the_vendor_is_away() -> None:
    async def story() -> None:
        slow, gone = governor(), governor()
        await ask(slow, seconds=3)
        slow.require_free("erp")
        await ask(slow, seconds=3, writes=True)
        with pytest.raises(NotNow):
            slow.require_free("erp")
        await away(gone)
        with pytest.raises(NotNow, match="is away"):
            gone.require_free("erp")

    run(story())


@pytest.mark.parametrize("status", [200, 404, 422, 429])
def test_an_answer_between_faults_says_that_it_is_there(status: int) -> None:
    async def story() -> None:
        erp = governor()
        for _ in range(3 * FAULTS):
            await fault(erp)
            await ask(erp, status=status)
            await passes(60)
        assert erp.breaker.state is State.CLOSED

    run(story())


def test_answers_with_5xx_are_faults() -> None:
    async def story() -> None:
        erp = governor()
        for _ in range(FAULTS):
            await ask(erp, status=503)
        assert erp.breaker.state is State.OPEN

    run(story())


def test_one_call_asks_whether_it_is_back_and_closes_it() -> None:
    async def story() -> None:
        erp = governor()
        await away(erp)
        await passes(FIRST_PROBE)
        assert erp.places == 1
        probe = asyncio.create_task(ask(erp, seconds=2))
        await passes(0.5)
        with pytest.raises(NotNow), calling(AT_ONCE):
            await ask(erp)
        await probe
        assert erp.breaker.state is State.CLOSED
        assert erp.well_for == 0
        await ask(erp)
        await passes(30)
        assert erp.well_for == pytest.approx(30)

    run(story())


def test_what_a_step_reads_side_by_side_waits_for_the_one_that_asks() -> None:
    """Were the others refused, the step would give up the one that asks, each time anew."""

    async def story() -> None:
        erp = governor()
        await away(erp)
        await passes(FIRST_PROBE)
        async with asyncio.TaskGroup() as step:
            for _ in range(3):
                step.create_task(ask(erp, seconds=0.5))
        assert erp.breaker.state is State.CLOSED

    run(story())


def test_what_waited_for_one_that_asked_in_vain_is_refused() -> None:
    async def story() -> None:
        erp = governor()
        await away(erp)
        await passes(FIRST_PROBE)
        probe = asyncio.create_task(ask(erp, seconds=2, status=503))
        await passes(1)
        with pytest.raises(NotNow):
            await ask(erp)
        await probe
        assert erp.breaker.state is State.OPEN

    run(story())


def test_a_probe_that_fails_puts_the_next_one_off_up_to_a_bound() -> None:
    async def story() -> None:
        erp = governor()
        await away(erp)
        pauses = []
        for _ in range(8):
            await passes(erp.breaker.probe_at - erp.now())
            await fault(erp)
            pauses.append(erp.breaker.probe_at - erp.now())
        assert pauses[0] == 2 * FIRST_PROBE
        assert pauses[-1] == LONGEST_PROBE

    run(story())


def test_a_probe_that_is_cancelled_leaves_it_to_the_next() -> None:
    async def story() -> None:
        erp = governor()
        await away(erp)
        await passes(FIRST_PROBE)
        probe = asyncio.create_task(ask(erp, seconds=2))
        await passes(1)
        probe.cancel()
        await asyncio.wait([probe])
        await ask(erp)
        assert erp.breaker.state is State.CLOSED

    run(story())


def test_four_hours_cost_few_tries_and_end_by_themselves() -> None:

    async def story() -> None:
        erp = governor()
        back_at = 4 * 3600.0
        tries = 0
        pauses: list[float] = []

        async def task() -> None:
            nonlocal tries
            while True:
                try:
                    async with erp.call("erp") as call:
                        tries += 1
                        if erp.now() >= back_at:
                            call.answered(200)
                            return
                        call.unreachable("ConnectError")
                    await passes(30)
                except NotNow as pause:
                    pauses.append(pause.retry_after or 0)
                    await passes(pauses[-1])

        await asyncio.gather(*(task() for _ in range(200)))
        assert tries < 200 + back_at / LONGEST_PROBE + 50
        assert max(pauses) <= 1.2 * LONGEST_PAUSE
        assert erp.now() < back_at + 2 * LONGEST_PAUSE

    run(story())


def test_when_it_is_back_it_is_learnt_anew_how_much_it_takes() -> None:
    async def story() -> None:
        erp = governor()
        for _ in range(FAULTS):
            async with erp.call("erp") as call:
                call.silent("timeout")
        assert erp.limiter.limit == 1
        await passes(FIRST_PROBE)
        await ask(erp)
        assert erp.limiter.limit == 2

    run(story())


def test_calls_wait_for_a_place_in_their_order() -> None:
    async def story() -> None:
        erp = governor()
        done: list[int] = []

        async def one(number: int) -> None:
            await ask(erp, seconds=1)
            done.append(number)

        await asyncio.gather(*(one(number) for number in range(6)))
        assert done == sorted(done)

    run(story())


def test_a_call_waits_only_as_long_as_its_caller_can() -> None:
    async def story() -> None:
        erp = governor()
        slow = [asyncio.create_task(ask(erp, seconds=15)) for _ in range(2)]
        await passes(0)
        began = erp.now()
        with calling(wait=1), pytest.raises(NotNow, match="as many calls as it takes"):
            await ask(erp)
        assert erp.now() - began == pytest.approx(1)
        with calling(wait=10), pytest.raises(NotNow):
            await ask(erp, writes=True)
        assert erp.now() - began == pytest.approx(11)
        with calling(wait=10):
            await ask(erp)
        assert erp.now() - began == pytest.approx(15)
        await asyncio.gather(*slow)
        assert erp.in_flight == 0

    run(story())


def test_who_is_in_a_hurry_does_not_join_a_long_row() -> None:
    async def story() -> None:
        erp = governor()
        row = [asyncio.create_task(ask(erp, seconds=1)) for _ in range(14)]
        await passes(0)
        began = erp.now()
        with calling(wait=1), pytest.raises(NotNow):
            await ask(erp)
        assert erp.now() == began
        await asyncio.gather(*row)

    run(story())


def test_a_vendor_that_refuses_even_one_at_a_time_is_asked_now_and_then() -> None:
    async def story() -> None:
        erp = governor()
        await ask(erp, status=429)
        await ask(erp, status=429)
        with pytest.raises(NotNow):
            await ask(erp)
        await passes(30)
        await ask(erp)

    run(story())


def test_a_caller_is_told_whom_it_has_called() -> None:
    async def story() -> None:
        erp, support = governor(), governor()
        with calling(wait=10):
            await asyncio.create_task(ask(erp))
            assert called() == {erp}
            await ask(support)
            assert called() == {erp, support}
        assert called() == frozenset()

    run(story())


def test_who_gives_up_waiting_takes_no_place_along() -> None:
    async def story() -> None:
        erp = governor()
        slow = [asyncio.create_task(ask(erp, seconds=5)) for _ in range(2)]
        await passes(0)
        waiting = asyncio.create_task(ask(erp))
        await passes(1)
        waiting.cancel()
        await asyncio.gather(*slow)
        await ask(erp)
        assert erp.in_flight == 0

    run(story())
