"""Money that has moved is entered in the ERP once, and stays entered whatever else is undone."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import BillingSnapshot
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode, TransientFailure
from canonical_models.ledgering import EntryKind
from canonical_models.term import Invoice, InvoiceStatus, Payment, PaymentState
from persistence import outbox, payments
from persistence.payments import PaymentView
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import AS_OF, item, line, snapshot, subscription
from tests.harness.systems import Planned, lost, refused

PRO = subscription(item("pro", 5))
CHARGED = line("il_1", 20000).model_copy(update={"invoice_id": "in_1"})
PAID = Payment(
    payment_id="pi_1",
    invoice_id="in_1",
    amount=CHARGED.net,
    state=PaymentState.CONFIRMED,
    at=AS_OF,
)
REFUND = PAID.model_copy(update={"payment_id": "re_1", "state": PaymentState.REFUNDED})


def paid(*more: Payment) -> BillingSnapshot:
    return snapshot(PRO, CHARGED).model_copy(update={"payments": (PAID, *more)})


def shows(sagas: Sagas, found: BillingSnapshot) -> None:
    sagas.systems.billing.snapshots["sub_1"] = found


def entries(sagas: Sagas) -> list[tuple[str, int, tuple[str, ...]]]:
    return [(e.reference, e.amount.minor, e.documents) for e in sagas.systems.erp.entries]


async def kept(sagas: Sagas) -> list[PaymentView]:
    async with sagas.database.statement() as raw:
        return [*await payments.of_subscription(raw, "acme", "sub_1")]


async def waits(sagas: Sagas) -> tuple[Handle, str]:
    """The first change: it is posted and given, and its payment meets a closed period."""
    shows(sagas, paid())
    sagas.systems.script.faults["erp.enter"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, waiting.step, waiting.owner) == ("period_closed", "payments", "finance")
    assert waiting.at_risk is not None
    assert waiting.at_risk.minor == 20000
    return handle, waiting.exception_id


async def test_a_payment_settles_the_document_that_the_same_change_posts(sagas: Sagas) -> None:
    shows(sagas, paid())
    assert (await sagas.finish("chg_1")).outcome == "completed"

    assert entries(sagas) == [("pi_1", 20000, ("1",))]
    (view,) = await kept(sagas)
    assert (view.entry_id, view.state, view.invoice_id) == ("1", "confirmed", "in_1")
    assert (await sagas.change("chg_1")).kind is ChangeKind.ACTIVATION
    assert (await sagas.finish("chg_2")).outcome == "no_change"


async def test_the_movements_are_told_as_events(sagas: Sagas) -> None:
    shows(sagas, paid(REFUND))
    await sagas.finish("chg_1")
    async with sagas.database.transaction() as session:
        found = await outbox.page(session, "acme")
    told = [(e.type, e.data["amount"]["minor"]) for _, e in found if ".payment." in e.type]
    assert told == [
        ("io.trueup.payment.confirmed.v1", 20000),
        ("io.trueup.payment.refunded.v1", -20000),
    ]


async def test_a_closed_period_waits_when_all_else_is_given(sagas: Sagas) -> None:
    handle, exception_id = await waits(sagas)

    assert [d.net.minor for d in sagas.systems.erp.documents] == [20000]
    assert {(g.feature, g.quantity) for g in await sagas.grants()} == {("seats", 5), ("sso", 1)}
    assert sagas.systems.support.shown["cus_1"].tier == "premium"
    assert entries(sagas) == []
    assert [view.entry_id for view in await kept(sagas)] == [None]

    await sagas.resolve(handle, exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, ("1",))]


async def test_of_several_only_what_is_missing_is_entered_again(sagas: Sagas) -> None:
    shows(sagas, paid(REFUND))
    script = sagas.systems.script

    def second(name: str) -> None:
        if name == "erp.enter" and script.calls.count(name) == 2:
            script.faults[name] = [refused(RejectionCode.PAYMENT_REFUSED)]

    script.on_call = second
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert [(reference, minor) for reference, minor, _ in entries(sagas)] == [("pi_1", 20000)]

    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert [entry.kind for entry in sagas.systems.erp.entries] == [
        EntryKind.RECEIPT,
        EntryKind.REFUND,
    ]
    # The first was confirmed, and is not even asked for again.
    assert script.calls.count("erp.enter") == 3


@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_a_lost_answer_makes_one_entry(sagas: Sagas, happened: bool) -> None:
    shows(sagas, paid())
    sagas.systems.script.faults["erp.enter"] = [lost(happened=happened)]
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, ("1",))]
    assert [view.entry_id for view in await kept(sagas)] == ["1"]


async def test_a_passing_fault_is_retried(sagas: Sagas) -> None:
    shows(sagas, paid())
    away = Planned(lambda: TransientFailure("scripted", system="erp", retry_after=0.01))
    sagas.systems.script.faults["erp.enter"] = [away, away]
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, ("1",))]


async def test_aborting_undoes_documents_and_grants(sagas: Sagas) -> None:
    handle, exception_id = await waits(sagas)
    await sagas.resolve(handle, exception_id, Action.ABORT)

    assert (await handle.result()).outcome == "compensated"
    assert [d.net.minor for d in sagas.systems.erp.documents] == [20000, -20000]
    assert await sagas.grants() == ()
    assert sagas.systems.support.shown["cus_1"].tier is None
    # The next change does all of it, the money included.
    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert sagas.systems.erp.balance == 20000
    assert [(reference, minor) for reference, minor, _ in entries(sagas)] == [("pi_1", 20000)]


async def test_cancelling_while_it_waits_undoes_and_leaves_what_was_entered(sagas: Sagas) -> None:
    shows(sagas, paid(REFUND))
    script = sagas.systems.script

    def second(name: str) -> None:
        if name == "erp.enter" and script.calls.count(name) == 2:
            script.faults[name] = [refused(RejectionCode.PERIOD_CLOSED)]

    script.on_call = second
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")

    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert (await sagas.change("chg_1")).outcome == "compensated"
    assert sagas.systems.erp.balance == 0
    assert await sagas.grants() == ()
    # Money that has moved stays moved.
    assert [(reference, minor) for reference, minor, _ in entries(sagas)] == [("pi_1", 20000)]
    effects = await sagas.effects("chg_1")
    assert effects["erp.payment/pi_1"].state == "confirmed"
    assert effects["erp.payment/re_1"].state == "rejected"

    assert (await sagas.finish("chg_2")).outcome == "completed"
    assert [(reference, minor) for reference, minor, _ in entries(sagas)] == [
        ("pi_1", 20000),
        ("re_1", -20000),
    ]


async def test_money_on_a_posted_invoice_is_a_change_of_its_own(sagas: Sagas) -> None:
    shows(sagas, snapshot(PRO, CHARGED))
    await sagas.finish("chg_0")
    shows(sagas, paid())

    assert (await sagas.finish("chg_1")).outcome == "completed"

    change = await sagas.change("chg_1")
    assert (change.kind, change.summary) == (ChangeKind.PAYMENT, "money moved")
    assert entries(sagas) == [("pi_1", 20000, ("1",))]
    # The mark still names the document that was posted last.
    assert sagas.systems.billing.marks["sub_1"].erp_document == "INV-1"


async def test_money_of_long_ago_is_still_read_when_the_plan_is_made_again(sagas: Sagas) -> None:
    """An event of a payment reads invoices of all times, and so does the plan after a correction,
    when the change is no longer called a payment."""
    old = Invoice(
        invoice_id="in_1",
        customer_id="cus_1",
        status=InvoiceStatus.PAID,
        total=CHARGED.net,
        paid=CHARGED.net,
        created_at=AS_OF - timedelta(days=300),
    )
    shows(sagas, snapshot(PRO, CHARGED))
    await sagas.finish("chg_0")
    more = snapshot(subscription(item("pro", 7)), CHARGED, line("ii_2", 900))
    shows(sagas, more.model_copy(update={"payments": (PAID,), "invoices": (old,)}))
    sagas.systems.script.faults["erp.post"] = [refused(RejectionCode.PERIOD_CLOSED)]

    handle = await sagas.start("chg_1", hint=ChangeKind.PAYMENT)
    waiting = await sagas.exception("chg_1")
    assert (await sagas.change("chg_1")).kind is ChangeKind.QUANTITY
    await sagas.resolve(handle, waiting.exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert [reference for reference, _, _ in entries(sagas)] == ["pi_1"]
