"""Paths that life takes a saga on, and the processes beside the changes."""

from canonical_models.commerce import AccountProfile, BillingSnapshot, SubscriptionStatus
from canonical_models.exceptions import Action, Resolution
from canonical_models.failures import RejectionCode
from canonical_models.money import Money
from canonical_models.policy import AccountPolicy, TenantPolicy
from canonical_models.term import Invoice, InvoiceStatus, Payment, PaymentState
from dispatch.telling import Teller
from persistence import dunning, exceptions
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import AS_OF, item, line, snapshot, subscription
from tests.harness.systems import Target, refused
from tests.harness.waiting import until
from tests.replay.scenarios import STARTER, Scenario, agreed_on_starter, closed
from workflows.names import RESOLVE

ANYONE = AccountProfile(customer_id="cus_2", name="Example")
OPENING = TenantPolicy(accounts=AccountPolicy(create=True, legal_entity="LE-DE"))
LIMITED = TenantPolicy.model_validate({"credit_limits": {"EUR": "10"}})

#: What may be left open by a scenario.
PROCESSES = ("dunning/acme/in_1", "entitlement/acme/cus_1", "renewal/acme/sub_1")

#: Of the scenarios that need another than the default.
POLICIES = {"account_opened": OPENING, "credit_approved": LIMITED}


def invoiced(*, paid: bool) -> BillingSnapshot:
    """Starter with its one line on an invoice, paid or asked for in vain."""
    total = Money(minor=5000, currency="EUR")
    asked = Invoice(
        invoice_id="in_1",
        customer_id="cus_1",
        subscription_id="sub_1",
        status=InvoiceStatus.PAID if paid else InvoiceStatus.OPEN,
        total=total,
        paid=total if paid else Money.zero("EUR"),
        created_at=AS_OF,
        overdue_since=None if paid else AS_OF,
    )
    payment = Payment(
        payment_id="pi_1",
        invoice_id="in_1",
        amount=total,
        state=PaymentState.CONFIRMED,
        at=AS_OF,
    )
    (charged,) = STARTER.lines
    return STARTER.model_copy(
        update={
            "lines": (charged.model_copy(update={"invoice_id": "in_1"}),),
            "invoices": (asked,),
            "payments": (payment,) if paid else (),
        }
    )


async def told(sagas: Sagas) -> None:
    await Teller(sagas.database, sagas.client, sagas.task_queue).tell()


async def account_opened(sagas: Sagas) -> Handle:
    new = subscription(item("starter", 5, 1000))
    customer = new.customer.model_copy(update={"customer_id": "cus_2"})
    sagas.systems.billing.accounts["cus_2"] = ANYONE
    sagas.systems.support.unknown.add("cus_2")
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        new.model_copy(update={"customer": customer}), line("il_1", 5000, "starter")
    )
    return await closed(await sagas.start("chg_1"))


async def paid(sagas: Sagas) -> Handle:
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=True)
    return await closed(await sagas.start("chg_1"))


async def payment_refused(sagas: Sagas) -> Handle:
    sagas.systems.script.faults["erp.enter"] = [refused(RejectionCode.PERIOD_CLOSED)]
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=True)
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    await sagas.resolve(handle, exception.exception_id, Action.RETRY)
    return await closed(handle)


async def credit_approved(sagas: Sagas) -> Handle:
    await agreed_on_starter(sagas)
    sagas.systems.billing.snapshots["sub_1"] = snapshot(
        STARTER.subscription, *STARTER.lines, line("ii_1", -2500, "starter")
    )
    handle = await sagas.start("chg_1")
    exception = await sagas.exception("chg_1")
    await sagas.resolve(handle, exception.exception_id, Action.APPROVE)
    return await closed(handle)


async def _dunned(sagas: Sagas) -> Handle:
    """A case in its grace."""
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=False)
    await sagas.finish("chg_0")
    await told(sagas)

    async def looked_at() -> bool:
        async with sagas.database.statement() as raw:
            case = await dunning.get(raw, "acme", "in_1")
        return case is not None and case.reminders == 1

    await until(looked_at, "the case has been looked at")
    return sagas.client.get_workflow_handle("dunning/acme/in_1")


async def dunning_ended_by_payment(sagas: Sagas) -> Handle:
    handle = await _dunned(sagas)
    sagas.systems.billing.snapshots["sub_1"] = invoiced(paid=True)
    await sagas.finish("chg_1")
    await told(sagas)
    return await closed(handle)


async def dunning_ended_by_write_off(sagas: Sagas) -> Handle:
    """Long overdue when it is first seen: suspended and at its end at once."""
    late = invoiced(paid=False)
    then = AS_OF.replace(month=9)
    long_ago = late.invoices[0].model_copy(update={"overdue_since": then})
    sagas.systems.billing.snapshots["sub_1"] = late.model_copy(update={"invoices": (long_ago,)})
    await sagas.finish("chg_0")
    await told(sagas)
    handle = sagas.client.get_workflow_handle("dunning/acme/in_1")
    exception = await sagas.exception("dunning/acme/in_1")
    decision = Resolution(exception_id=exception.exception_id, action=Action.WRITE_OFF, by="tester")
    await handle.execute_update(RESOLVE, decision)
    return await closed(handle)


async def renewal_forecast_blocked(sagas: Sagas) -> Handle:
    """Tried out, refused, tried again; then the subscription ends."""
    near = subscription(item("starter", 5, 1000), as_of=AS_OF.replace(day=20))
    sagas.systems.billing.snapshots["sub_1"] = snapshot(near, *STARTER.lines)
    await sagas.finish("chg_0")
    sagas.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await told(sagas)
    handle = sagas.client.get_workflow_handle("renewal/acme/sub_1")
    exception = await sagas.exception("renewal/acme/sub_1")
    decision = Resolution(exception_id=exception.exception_id, action=Action.RETRY, by="tester")
    await handle.execute_update(RESOLVE, decision)

    async def answered() -> bool:
        async with sagas.database.transaction() as session:
            return not await exceptions.page(session, "acme")

    await until(answered, "the forecast is ready")
    ended = near.model_copy(update={"status": SubscriptionStatus.CANCELLED, "ended_at": near.as_of})
    sagas.systems.billing.snapshots["sub_1"] = snapshot(ended, *STARTER.lines)
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
    handle = sagas.client.get_workflow_handle("entitlement/acme/cus_1")
    exception = await sagas.exception("entitlement/acme/cus_1")
    decision = Resolution(exception_id=exception.exception_id, action=Action.RETRY, by="tester")
    await handle.execute_update(RESOLVE, decision)
    return await closed(handle)


LIFE: tuple[Scenario, ...] = (
    account_opened,
    paid,
    payment_refused,
    credit_approved,
    dunning_ended_by_payment,
    dunning_ended_by_write_off,
    renewal_forecast_blocked,
    entitlement_told,
)
