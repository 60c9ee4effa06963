"""Every path of the amendment saga, each as one run that can be recorded and repeated.

A scenario brings its situation about and returns the run that shows the path, once it has closed.
Each has a database, scripted systems and a worker to itself.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from temporalio.client import WorkflowFailureError

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionStatus
from canonical_models.entitlement import SupportEntitlement
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import RejectionCode
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import ITEMS, item, line, snapshot, subscription
from tests.harness.systems import lost, refused
from tests.harness.waiting import until
from workflows.amendment import AmendmentSaga
from workflows.names import DECIDE, NEWER_CHANGE, AmendmentInput

Scenario = Callable[[Sagas], Awaitable[Handle]]

STARTER = snapshot(subscription(item("starter", 5, 1000)), line("il_1", 5000, "starter"))
PRO = snapshot(
    subscription(item("pro", 5)),
    line("il_1", 5000, "starter"),
    line("ii_1", -2500, "starter"),
    line("ii_2", 10000),
)
REFUSED = {
    "erp.check": refused(RejectionCode.PERIOD_CLOSED),
    "erp.post": refused(RejectionCode.DOCUMENT_REFUSED),
    "support.publish": refused(RejectionCode.SUPPORT_REFUSED, "support"),
    "billing.record_sync": refused(RejectionCode.BILLING_REFUSED, "billing"),
}


async def closed(handle: Handle) -> Handle:
    """However it ends."""
    try:
        await handle.result()
    except WorkflowFailureError:
        # A cancelled saga ends so; the status is in its history.
        return handle
    return handle


async def agreed_on_starter(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    await sagas.finish("chg_0")


async def waiting(sagas: Sagas, call: str = "support.publish") -> tuple[Handle, str]:
    """An upgrade that waits for a person because `call` was refused, and its exception's id."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    sagas.systems.script.faults[call] = [REFUSED[call]]
    handle = await sagas.start("chg_1")
    return handle, (await sagas.exception("chg_1")).exception_id


async def activation(sagas: Sagas) -> Handle:
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    return await closed(await sagas.start("chg_1"))


async def upgrade(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    return await closed(await sagas.start("chg_1"))


async def downgrade(sagas: Sagas) -> Handle:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("pro", 5)), line("il_1", 20000)
    )
    await sagas.finish("chg_0")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000)), line("il_1", 20000), line("ii_1", -7500)
    )
    return await closed(await sagas.start("chg_1"))


async def no_change(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    return await closed(await sagas.start("chg_1"))


async def settled_already(sagas: Sagas) -> Handle:
    """A start was doubled: the change has been dealt with by another run."""
    await agreed_on_starter(sagas)
    again = AmendmentInput(
        tenant="acme", change_id="chg_0", subscription_id="sub_1", hint=ChangeKind.OTHER
    )
    queue = sagas.task_queue
    return await closed(
        await sagas.client.start_workflow(
            AmendmentSaga.run, again, id=f"again-{queue}", task_queue=queue
        )
    )


async def entitlements_alone(sagas: Sagas) -> Handle:
    """A quantity that billing does not prorate."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 8, 1000)), line("il_1", 5000, "starter")
    )
    return await closed(await sagas.start("chg_1"))


async def support_alone(sagas: Sagas) -> Handle:
    """The support platform shows something else than was agreed."""
    await agreed_on_starter(sagas)
    sagas.systems.support.shown["cus_1"] = SupportEntitlement(
        organization="cus_1", tier="premium", contract_end=None
    )
    return await closed(await sagas.start("chg_1"))


async def document_alone(sagas: Sagas) -> Handle:
    """Billing added a line; nothing else has changed."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        STARTER.subscription, *STARTER.lines, line("ii_7", 900, "starter")
    )
    return await closed(await sagas.start("chg_1"))


async def cancellation_now(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    gone = subscription(item("starter", 5, 1000), status=SubscriptionStatus.CANCELLED)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        gone, line("il_1", 5000, "starter"), line("ii_1", -2500, "starter")
    )
    return await closed(await sagas.start("chg_1"))


async def cancellation_at_period_end(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    ends = datetime(2026, 12, 1, tzinfo=UTC)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000), ends_at=ends), *STARTER.lines
    )
    return await closed(await sagas.start("chg_1"))


async def item_unmapped_corrected(sagas: Sagas) -> Handle:
    unknown = subscription(item("new", 1, key="si_9"))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(unknown, line("ii_9", 700, "new"))
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    mended = ITEMS["pro"].model_copy(update={"item": "new"})
    await sagas.resolve(handle, exception.exception_id, Action.CORRECT, mended)
    return await closed(handle)


async def planned_again_after_a_correction(sagas: Sagas) -> Handle:
    """The ERP refuses the document; the mapping is mended, and the step makes another plan."""
    handle, exception = await waiting(sagas, "erp.post")
    other = ITEMS["pro"].model_copy(update={"erp_item": "PRO-2"})
    await sagas.resolve(handle, exception, Action.CORRECT, other)
    return await closed(handle)


async def retried_by_signal(sagas: Sagas) -> Handle:
    handle, exception = await waiting(sagas, "erp.check")
    decision = Resolution(exception_id=exception, action=Action.RETRY, by="web ui")
    await handle.signal(DECIDE, decision)
    return await closed(handle)


async def newer_change_while_waiting(sagas: Sagas) -> Handle:
    handle, exception = await waiting(sagas)
    await handle.signal(NEWER_CHANGE)
    await sagas.resolve(handle, exception, Action.RETRY)
    return await closed(handle)


async def write_back_retried(sagas: Sagas) -> Handle:
    handle, exception = await waiting(sagas, "billing.record_sync")
    await sagas.resolve(handle, exception, Action.RETRY)
    return await closed(handle)


async def escalated(sagas: Sagas) -> Handle:
    """Nobody decides within the service level; the decision comes later."""
    handle, exception = await waiting(sagas)

    async def told() -> bool:
        return (await sagas.exception("chg_1")).escalated_at is not None

    await until(told, "the exception is past its service level")
    await sagas.resolve(handle, exception, Action.RETRY)
    return await closed(handle)


async def answer_lost(sagas: Sagas) -> Handle:
    """The posting happened and its answer was lost: the engine's own retry finds the document."""
    sagas.systems.script.faults["erp.post"] = [lost(happened=True)]
    return await activation(sagas)


SCENARIOS: tuple[Scenario, ...] = (
    activation,
    upgrade,
    downgrade,
    no_change,
    settled_already,
    entitlements_alone,
    support_alone,
    document_alone,
    cancellation_now,
    cancellation_at_period_end,
    item_unmapped_corrected,
    planned_again_after_a_correction,
    retried_by_signal,
    newer_change_while_waiting,
    write_back_retried,
    escalated,
    answer_lost,
)
