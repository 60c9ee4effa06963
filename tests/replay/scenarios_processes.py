"""Paths that life takes a saga on, the sagas of accounts, and the processes beside the changes."""

import secrets

from activities.contracts.invoices import SweepInput
from canonical_models.amendment import account_subject
from canonical_models.commerce import AccountProfile, BillingSnapshot, SubscriptionStatus
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.policy import AccountPolicy, TenantPolicy
from dispatch.signalling import Signaller
from persistence import dunning, exceptions
from tests.harness import subscriptions
from tests.harness.deciding import decided
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import (
    AS_OF,
    invoice,
    item,
    line,
    payment,
    snapshot,
    subscription,
)
from tests.harness.systems import Target, refused
from tests.harness.waiting import until
from tests.replay.scenarios import FIRST, STARTER, Scenario, agreed_on_starter, at_rest, closed
from workflows.names import INVOICES

ANYONE = AccountProfile(customer_id="cus_2", name="Example")
KNOWN = AccountProfile(customer_id="cus_1", name="Example")
RENAMED = AccountProfile(customer_id="cus_1", name="Another Example")
WHO = account_subject("cus_1")

OPENING = TenantPolicy(accounts=AccountPolicy(create=True, legal_entity="LE-DE"))
LIMITED = TenantPolicy.model_validate(
    {"books": {"approvals": [{"on": "credit", "above": {"EUR": "10"}}]}}
)

#: What may be left open by a scenario.
PROCESSES = ("dunning/acme/in_1", "entitlement/acme/cus_1/app", "renewal/acme/sub_1")

#: Of the scenarios that need another than the default.
POLICIES = {
    "access_after_posting": TenantPolicy(access="after_posting"),
    "account_opened": OPENING,
    "credit_approved": LIMITED,
}


def invoiced(*, paid: bool) -> BillingSnapshot:
    """Starter with its one invoice, paid or overdue."""
    asked = FIRST.model_copy(update={"overdue_since": None if paid else AS_OF})
    return snapshot(
        STARTER.subscription, subscriptions.paid(asked, payment(5000)) if paid else asked
    )


async def told(sagas: Sagas) -> None:
    await Signaller(sagas.database, sagas.client, sagas.task_queue).tell()


async def account_opened(sagas: Sagas) -> Handle:
    new = subscription(item("starter", 5, 1000))
    customer = new.customer.model_copy(update={"customer_id": "cus_2"})
    sagas.systems.billing.accounts["cus_2"] = ANYONE
    sagas.systems.support.unknown.add("cus_2")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        new.model_copy(update={"customer": customer}),
        invoice(line("il_1", 5000, "starter"), customer="cus_2"),
    )
    return await closed(await sagas.start("chg_1"))


async def paid(sagas: Sagas) -> Handle:
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=True)
    return await closed(await sagas.start("chg_1"))


async def payment_refused(sagas: Sagas) -> Handle:
    sagas.systems.script.faults["erp.settle"] = [refused(RejectionCode.PERIOD_CLOSED)]
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=True)
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    await at_rest(sagas, handle)
    await sagas.resolve(handle, exception.exception_id, Action.RETRY)
    return await closed(handle)


async def credit_approved(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        STARTER.subscription, FIRST, invoice(line("ii_1", -2500, "starter"), key="in_2")
    )
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    await sagas.resolve(handle, exception.exception_id, Action.APPROVE)
    return await closed(handle)


async def account_with_a_document(sagas: Sagas) -> Handle:
    """One that stands alone, and what settles it."""
    alone = invoice(line("il_9", 1900, of=None), key="in_9")
    money = payment(1900, "pi_9", "in_9")
    sagas.systems.billing.loose.append(subscriptions.paid(alone, money))
    return await closed(await sagas.start("chg_1", WHO, documents=("in_9",)))


async def account_without_news(sagas: Sagas) -> Handle:
    return await closed(await sagas.start("chg_1", WHO))


async def _renamed(sagas: Sagas) -> tuple[Handle, str]:
    """The customer is another since its first invoice was posted: that is asked about."""
    named = FIRST.model_copy(update={"bill_to": KNOWN.billed})
    sagas.systems.billing.accounts["cus_1"] = KNOWN
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER.subscription, named)
    await sagas.finish("chg_0")
    sagas.systems.billing.accounts["cus_1"] = RENAMED
    handle = await sagas.start("chg_1", WHO)
    return handle, (await sagas.exception("chg_1")).exception_id


async def account_renamed_and_approved(sagas: Sagas) -> Handle:
    handle, exception = await _renamed(sagas)
    await sagas.resolve(handle, exception, Action.APPROVE)
    return await closed(handle)


async def account_renamed_and_aborted(sagas: Sagas) -> Handle:
    handle, exception = await _renamed(sagas)
    await sagas.resolve(handle, exception, Action.ABORT)
    return await closed(handle)


async def account_document_taken_back(sagas: Sagas) -> Handle:
    """Its money is refused for good, and a person takes the document back with it."""
    alone = invoice(line("il_9", 1900, of=None), key="in_9")
    money = payment(1900, "pi_9", "in_9")
    sagas.systems.billing.loose.append(subscriptions.paid(alone, money))
    sagas.systems.script.faults["erp.settle"] = [refused(RejectionCode.PAYMENT_REFUSED)]
    handle = await sagas.start("chg_1", WHO, documents=("in_9",))
    exception = await sagas.exception("chg_1")
    await sagas.resolve(handle, exception.exception_id, Action.ABORT)
    return await closed(handle)


async def invoices_swept(sagas: Sagas) -> Handle:
    """What the ERP says of one invoice is told."""
    await agreed_on_starter(sagas)
    handle: Handle = await sagas.client.start_workflow(
        INVOICES,
        SweepInput(tenant="acme", invoice_ids=("in_1",)),
        id=f"sweep-{secrets.token_hex(4)}",
        task_queue=sagas.task_queue,
    )
    return await closed(handle)


async def _dunned(sagas: Sagas) -> Handle:
    """A case in its grace."""
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=False)
    await sagas.finish("chg_0")
    await told(sagas)

    async def looked_at() -> bool:
        async with sagas.database.statement() as conn:
            case = await dunning.get(conn, "acme", "in_1")
        return case is not None and case.reminders == 1

    await until(looked_at, "the case has been looked at")
    return sagas.client.get_workflow_handle("dunning/acme/in_1")


async def dunning_ended_by_payment(sagas: Sagas) -> Handle:
    handle = await _dunned(sagas)
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=True)
    await sagas.finish("chg_1", documents=("in_1",))
    await told(sagas)
    return await closed(handle)


async def dunning_ended_by_write_off(sagas: Sagas) -> Handle:
    """Long overdue when it is first seen: suspended and at its end at once."""
    late = invoiced(paid=False)
    then = AS_OF.replace(month=9)
    long_ago = late.documents[0].model_copy(update={"overdue_since": then})
    sagas.systems.billing.snapshots["sub_1"] = snapshot(STARTER.subscription, long_ago)
    await sagas.finish("chg_0")
    await told(sagas)
    handle = sagas.client.get_workflow_handle("dunning/acme/in_1")
    exception = await sagas.exception("dunning/acme/in_1")
    decision = Resolution(exception_id=exception.exception_id, action=Action.WRITE_OFF, by="tester")
    await decided(sagas.database, "acme", handle, decision)
    return await closed(handle)


async def renewal_forecast_blocked(sagas: Sagas) -> Handle:
    """Tried out, refused, tried again; then the subscription ends."""
    near = subscription(item("starter", 5, 1000), as_of=AS_OF.replace(day=20))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(near, FIRST)
    await sagas.finish("chg_0")
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await told(sagas)
    handle = sagas.client.get_workflow_handle("renewal/acme/sub_1")
    exception = await sagas.exception("renewal/acme/sub_1")
    decision = Resolution(exception_id=exception.exception_id, action=Action.RETRY, by="tester")
    await decided(sagas.database, "acme", handle, decision)

    async def answered() -> bool:
        async with sagas.database.transaction() as conn:
            return not await exceptions.page(conn, "acme")

    await until(answered, "the forecast is ready")
    ended = near.model_copy(update={"status": SubscriptionStatus.CANCELLED, "ended_at": near.as_of})
    sagas.systems.billing.snapshots["sub_1"] = snapshot(ended, FIRST)
    await sagas.finish("chg_1")
    await told(sagas)
    return await closed(handle)


async def entitlement_told(sagas: Sagas) -> Handle:
    """One target takes it, after a refusal."""
    script = sagas.systems.script
    sagas.systems.targets["app"] = Target(script, "app")
    script.faults["app.publish"] = [refused(RejectionCode.TARGET_REFUSED, "app")]
    sagas.systems.billing.snapshots["sub_1"] = STARTER
    await sagas.finish("chg_0")
    await told(sagas)
    handle = sagas.client.get_workflow_handle("entitlement/acme/cus_1/app")
    exception = await sagas.exception("entitlement/acme/cus_1/app")
    decision = Resolution(exception_id=exception.exception_id, action=Action.RETRY, by="tester")
    await decided(sagas.database, "acme", handle, decision)
    return await closed(handle)


LIFE: tuple[Scenario, ...] = (
    account_opened,
    paid,
    payment_refused,
    credit_approved,
    account_with_a_document,
    account_without_news,
    account_renamed_and_approved,
    account_renamed_and_aborted,
    account_document_taken_back,
    invoices_swept,
    dunning_ended_by_payment,
    dunning_ended_by_write_off,
    renewal_forecast_blocked,
    entitlement_told,
)
