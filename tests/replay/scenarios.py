"""Every path of the amendment saga, each as one run that can be recorded and repeated.

A scenario brings its situation about and returns the run that shows the path, once it has closed.
Each has a database, scripted systems and a worker to itself. Books and access go side by side: what
a scenario does next waits until both have come to rest, so that commands come in the same order at
every run.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from temporalio.client import WorkflowFailureError

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionStatus
from canonical_models.entitlement import SupportEntitlement
from canonical_models.exceptions import Action, DocumentCorrection, Resolution
from canonical_models.failures import RejectionCode
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import (
    ITEMS,
    credit_note,
    invoice,
    item,
    line,
    paid,
    payment,
    posted_by_hand,
    snapshot,
    subscription,
    void,
)
from tests.harness.systems import lost, refused
from tests.harness.waiting import until
from workflows.amendment import AmendmentSaga
from workflows.names import DECIDE, NEWER_CHANGE, ChangeInput

Scenario = Callable[[Sagas], Awaitable[Handle]]

FIRST = invoice(line("il_1", 5000, "starter"), key="in_1")
SECOND = invoice(line("ii_1", -2500, "starter"), line("ii_2", 10000), key="in_2")
STARTER = snapshot(subscription(item("starter", 5, 1000)), FIRST)
PRO = snapshot(subscription(item("pro", 5)), FIRST, SECOND)
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


async def at_rest(
    sagas: Sagas,
    handle: Handle,
    access: tuple[str, int] | None = ("confirmed", 1),
    *,
    books: bool = True,
) -> None:
    """No activity of the saga is under way; its access effect is in this state after so many
    attempts, None where it has none; and its `books` were tried."""

    async def resting() -> bool:
        effects = await sagas.effects("chg_1")
        if access is not None:
            effect = effects.get("support.entitlement")
            if effect is None or (effect.state, effect.attempts) != access:
                return False
        if books and not any("erp.document" in step for step in effects):
            # Not even scheduled yet.
            return False
        return not (await handle.describe()).raw_description.pending_activities

    await until(resting, f"the saga rests, with access {access}")


async def agreed_on_starter(sagas: Sagas) -> None:
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    await sagas.finish("chg_0")


async def waiting(
    sagas: Sagas, call: str = "support.publish", *, times: int = 1
) -> tuple[Handle, str]:
    """An upgrade that waits for a person because `call` was refused, and its exception's id."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    sagas.systems.script.faults[call] = [REFUSED[call]] * times
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    state = "rejected" if call == "support.publish" else "confirmed"
    await at_rest(sagas, handle, (state, 1), books=call != "erp.check")
    return handle, exception.exception_id


async def activation(sagas: Sagas) -> Handle:
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    return await closed(await sagas.start("chg_1"))


async def upgrade(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    return await closed(await sagas.start("chg_1"))


async def posted_in_a_lane(sagas: Sagas) -> Handle:
    """The ERP wants one to post for a legal entity at a time."""
    return await upgrade(sagas)


async def downgrade(sagas: Sagas) -> Handle:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("pro", 5)), invoice(line("il_1", 20000))
    )
    await sagas.finish("chg_0")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000)),
        invoice(line("il_1", 20000)),
        invoice(line("ii_1", -7500), key="in_2"),
    )
    return await closed(await sagas.start("chg_1"))


async def no_change(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    return await closed(await sagas.start("chg_1"))


async def settled_already(sagas: Sagas) -> Handle:
    """A start was doubled: the change has been dealt with by another run."""
    await agreed_on_starter(sagas)
    again = ChangeInput(tenant="acme", change_id="chg_0", subject="sub_1", trigger=ChangeKind.OTHER)
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
        subscription(item("starter", 8, 1000)), FIRST
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
    """Billing issued an invoice; nothing else has changed."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        STARTER.subscription, FIRST, invoice(line("ii_7", 900, "starter"), key="in_7")
    )
    return await closed(await sagas.start("chg_1"))


async def documents_and_what_settles_them(sagas: Sagas) -> Handle:
    """An invoice, its payment and a credit note; and what is not billed yet."""
    note = credit_note(
        line("cl_1", -500, "starter").model_copy(update={"corrects": "il_1"}), corrects="in_1"
    )
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        STARTER.subscription,
        paid(FIRST, payment(5000)),
        note,
        pending=(line("ii_9", 700, "starter"),),
    )
    return await closed(await sagas.start("chg_1", documents=("in_1",)))


async def document_void(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER.subscription, void(FIRST))
    return await closed(await sagas.start("chg_1"))


async def document_linked(sagas: Sagas) -> Handle:
    """The ERP refuses the document; a person has posted it by hand, and says so."""
    handle, exception = await waiting(sagas, "erp.post")
    sagas.systems.erp.documents.append(posted_by_hand(SECOND, "MAN-7"))
    linked = DocumentCorrection(document_id="in_2", link="MAN-7", by="tester")
    await sagas.resolve(handle, exception, Action.CORRECT, document=linked)
    return await closed(handle)


async def cancellation_now(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    gone = subscription(item("starter", 5, 1000), status=SubscriptionStatus.CANCELLED)
    credit = invoice(line("ii_1", -2500, "starter"), key="in_2")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(gone, FIRST, credit)
    return await closed(await sagas.start("chg_1"))


async def cancellation_at_period_end(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    ends = datetime(2026, 12, 1, tzinfo=UTC)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        subscription(item("starter", 5, 1000), ends_at=ends), FIRST
    )
    return await closed(await sagas.start("chg_1"))


async def item_unmapped_corrected(sagas: Sagas) -> Handle:
    """Books and access both ask for the mapping; one answer serves both."""
    unknown = subscription(item("new", 1, key="si_9"))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        unknown, invoice(line("ii_9", 700, "new"), key="in_9")
    )
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1", step="books")
    await sagas.exception("chg_1", step="access")
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
    """It is looked at again, and the same is asked still."""
    handle, exception = await waiting(sagas, times=2)
    await handle.signal(NEWER_CHANGE)
    await at_rest(sagas, handle, ("rejected", 2))
    await sagas.resolve(handle, exception, Action.RETRY)
    return await closed(handle)


async def newer_change_answers_the_question(sagas: Sagas) -> Handle:
    handle, _ = await waiting(sagas)
    await handle.signal(NEWER_CHANGE)
    return await closed(handle)


async def two_questions(sagas: Sagas) -> Handle:
    """Of books and of access; access is answered first."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    script = sagas.systems.script
    script.faults |= {call: [REFUSED[call]] for call in ("erp.check", "support.publish")}
    handle = await sagas.start("chg_1")
    books = await sagas.exception("chg_1", step="books")
    access = await sagas.exception("chg_1", step="access")
    script.faults["erp.check"] = [REFUSED["erp.check"]]
    await sagas.resolve(handle, access.exception_id, Action.RETRY)
    await at_rest(sagas, handle, ("confirmed", 2), books=False)
    await sagas.resolve(handle, books.exception_id, Action.RETRY)
    return await closed(handle)


async def access_after_posting(sagas: Sagas) -> Handle:
    """By policy nothing is given before the ERP has the document."""
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = PRO
    sagas.systems.script.faults["erp.post"] = [REFUSED["erp.post"]]
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    await at_rest(sagas, handle, None)
    await sagas.resolve(handle, exception.exception_id, Action.RETRY)
    return await closed(handle)


async def outcome_mended(sagas: Sagas) -> Handle:
    """The ERP does not say what billing says; it is mended, and news finds it so."""
    sagas.systems.billing.snapshots["sub_1"] = STARTER

    def meddle(call: str) -> None:
        if call == "erp.read":
            sagas.systems.script.on_call = None
            sagas.systems.erp.pay_by_hand("1", 5000)

    sagas.systems.script.on_call = meddle
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1", step="prove and write back")
    sagas.systems.erp.entries.clear()
    await handle.signal(NEWER_CHANGE)
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
    posted_in_a_lane,
    downgrade,
    no_change,
    settled_already,
    entitlements_alone,
    support_alone,
    document_alone,
    documents_and_what_settles_them,
    document_void,
    document_linked,
    cancellation_now,
    cancellation_at_period_end,
    item_unmapped_corrected,
    planned_again_after_a_correction,
    retried_by_signal,
    newer_change_while_waiting,
    newer_change_answers_the_question,
    two_questions,
    access_after_posting,
    outcome_mended,
    write_back_retried,
    escalated,
    answer_lost,
)
