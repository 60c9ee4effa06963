"""The paths on which the saga takes back what it did: aborts, cancellations, undos that fail."""

import asyncio

from canonical_models.effects import EffectState
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import paid, payment, snapshot
from tests.harness.systems import lost, refused
from tests.harness.waiting import until
from tests.replay.scenarios import FIRST, PRO, STARTER, Scenario, agreed_on_starter, closed, waiting


class Moment:
    """When all of these calls are under way, from now on: each takes so many seconds, so that what
    is done at this moment comes between the same commands at every run."""

    def __init__(self, sagas: Sagas, *calls: str, seconds: float) -> None:
        self._script = sagas.systems.script
        self._calls, self._seconds, self._begun = set(calls), seconds, set[str]()
        self._come = asyncio.Event()
        self._script.on_call = self._called

    async def come(self) -> None:
        async with asyncio.timeout(20):
            await self._come.wait()

    def _called(self, name: str) -> None:
        self._script.seconds = self._seconds if name in self._calls else 0
        self._begun.add(name)
        if self._calls <= self._begun:
            self._come.set()


async def aborted_before_any_posting(sagas: Sagas) -> Handle:
    """Access had been given, and is taken back."""
    handle, exception = await waiting(sagas, "erp.check")
    await sagas.resolve(handle, exception, Action.ABORT)
    return await closed(handle)


async def aborted_and_compensated(sagas: Sagas) -> Handle:
    handle, exception = await waiting(sagas)
    await sagas.resolve(handle, exception, Action.ABORT)
    return await closed(handle)


async def aborted_at_the_write_back(sagas: Sagas) -> Handle:
    """Everything has happened by then, and all of it is undone."""
    handle, exception = await waiting(sagas, "billing.record_sync")
    await sagas.resolve(handle, exception, Action.ABORT)
    return await closed(handle)


async def cancelled_while_waiting(sagas: Sagas) -> Handle:
    handle, _ = await waiting(sagas)
    await handle.cancel()
    return await closed(handle)


async def cancelled_during_preparation(sagas: Sagas) -> Handle:
    """Reading cannot be cancelled half way. It takes longer than a task of the saga, which so hears
    of it before it goes on."""
    return await _cancelled_during(sagas, "billing.snapshot", seconds=3)


async def cancelled_during_a_long_posting(sagas: Sagas) -> Handle:
    """A heartbeat carries the cancellation to the activity, which waits for the ERP's answer."""
    return await _cancelled_during(sagas, "erp.post", seconds=4)


async def cancelled_during_a_short_posting(sagas: Sagas) -> Handle:
    """The ERP answers before any heartbeat could carry the cancellation to the activity."""
    return await _cancelled_during(sagas, "erp.post", seconds=0.8)


async def cancelled_during_support(sagas: Sagas) -> Handle:
    """Both of two steps side by side are still going on: the first takes longer than a task of the
    saga, with whose end the other begins."""
    return await _cancelled_during(sagas, "support.publish", "erp.post", seconds=3)


async def cancelled_during_the_write_back(sagas: Sagas) -> Handle:
    return await _cancelled_during(sagas, "billing.record_sync", seconds=0.3)


async def cancelled_with_money_in_doubt(sagas: Sagas) -> Handle:
    """What was begun of money is ended, once access is taken back; the ERP answers only then."""
    handle, undoing = await _money_in_doubt(sagas)
    await until(lambda: _is_given(sagas), "access is given")
    await handle.cancel()
    await sagas.given()
    undoing.set()
    return await closed(handle)


async def aborted_with_money_in_doubt(sagas: Sagas) -> Handle:
    """It is ended first: the document that it settles is taken back."""
    faults = sagas.systems.script.faults
    faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]
    # The saga waits for a person by the time that its document is posted and money comes to it.
    handle, undoing = await _money_in_doubt(sagas, posting=2)
    question = await sagas.exception("chg_1")
    await sagas.resolve(handle, question.exception_id, Action.ABORT)
    # Access is taken back first: by then nothing of money is tried any more.
    await until(lambda: _is_taking_back(sagas), "something is taken back")
    undoing.set()
    return await closed(handle)


async def _money_in_doubt(sagas: Sagas, posting: float = 0) -> tuple[Handle, asyncio.Event]:
    """The ERP takes so many seconds to post, and does not answer about money until the event is
    set."""
    script, undoing = sagas.systems.script, asyncio.Event()

    def unanswered(name: str) -> None:
        script.seconds = posting if name == "erp.post" else 0
        if name == "erp.settle":
            script.faults[name] = [] if undoing.is_set() else [lost(happened=True)]

    script.on_call = unanswered
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        STARTER.subscription, paid(FIRST, payment(5000))
    )
    handle = await sagas.start("chg_1")

    async def in_doubt() -> bool:
        # In the ERP's own queue by then, where it is tried for as long as it takes.
        found = (await sagas.effects("chg_1")).get("erp.settlement/pi_1")
        return found is not None and found.attempts > 1

    await until(in_doubt, "the entry is in doubt")
    return handle, undoing


async def _is_taking_back(sagas: Sagas) -> bool:
    found = (await sagas.effects("chg_1")).values()
    return any(effect.state is EffectState.COMPENSATED for effect in found)


async def _is_given(sagas: Sagas) -> bool:
    return bool(await sagas.grants())


async def cancelled_during_the_undo(sagas: Sagas) -> Handle:
    """The undo goes on to its end."""
    handle, exception = await waiting(sagas)
    moment = Moment(sagas, "erp.reverse", seconds=0.3)
    await sagas.resolve(handle, exception, Action.ABORT)
    await moment.come()
    await handle.cancel()
    return await closed(handle)


async def undo_failed_and_was_mended(sagas: Sagas) -> Handle:
    return await _undo_that_failed(sagas, Action.RETRY)


async def undo_failed_and_was_done_by_hand(sagas: Sagas) -> Handle:
    return await _undo_that_failed(sagas, Action.ABORT)


async def _undo_that_failed(sagas: Sagas, decision: Action) -> Handle:
    handle, exception = await waiting(sagas)
    script = sagas.systems.script
    script.faults["erp.reverse"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await sagas.resolve(handle, exception, Action.ABORT)
    undoing = await sagas.exception("chg_1", step="undo of in_2")
    await sagas.resolve(handle, undoing.exception_id, decision)
    return await closed(handle)


async def _cancelled_during(sagas: Sagas, *calls: str, seconds: float) -> Handle:
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    moment = Moment(sagas, *calls, seconds=seconds)
    handle = await sagas.start("chg_1")
    await moment.come()
    if calls == ("erp.post",):
        await _access_is_given(sagas)
    await handle.cancel()
    return await closed(handle)


async def _access_is_given(sagas: Sagas) -> None:
    async def given() -> bool:
        effect = (await sagas.effects("chg_1")).get("support.entitlement")
        return effect is not None and effect.state == "confirmed"

    await until(given, "access is given while the document is being posted")


UNDONE: tuple[Scenario, ...] = (
    aborted_before_any_posting,
    aborted_and_compensated,
    aborted_at_the_write_back,
    cancelled_while_waiting,
    cancelled_during_preparation,
    cancelled_during_a_long_posting,
    cancelled_during_a_short_posting,
    cancelled_during_support,
    cancelled_during_the_write_back,
    cancelled_with_money_in_doubt,
    aborted_with_money_in_doubt,
    cancelled_during_the_undo,
    undo_failed_and_was_mended,
    undo_failed_and_was_done_by_hand,
)
