"""What settles documents is entered in the ERP once, and stays entered whatever else is undone."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from canonical_models.amendment import ChangeKind, account_subject
from canonical_models.documents import BillingDocument, Settlement, SettlementKind
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode, TransientFailure
from canonical_models.money import Money
from persistence import outbox
from tests.harness.sagas import Handle, Sagas
from tests.harness.subscriptions import (
    AS_OF,
    credit_note,
    invoice,
    item,
    line,
    paid,
    payment,
    snapshot,
    subscription,
)
from tests.harness.systems import Planned, lost, refused
from tests.harness.waiting import until

PRO = subscription(item("pro", 5))
CHARGED = invoice(line("il_1", 20000))
PAID = paid(CHARGED, payment(20000))
#: Paid back without a credit note: billing leaves the invoice paid, so it is a debt of its own.
REFUND = Settlement(
    settlement_id="re_1",
    kind=SettlementKind.REFUND,
    about="in_1",
    amount=Money(minor=-20000, currency="EUR"),
    at=AS_OF,
)
REFUNDED = PAID.model_copy(update={"settlements": (*PAID.settlements, REFUND)})


def shows(sagas: Sagas, *found: BillingDocument) -> None:
    sagas.systems.billing.snapshots["sub_1"] = snapshot(PRO, *found)


def entries(sagas: Sagas) -> list[tuple[str, int, str | None]]:
    return [(e.external_id, e.amount.minor, e.document) for e in sagas.systems.erp.entries]


async def waits(sagas: Sagas) -> tuple[Handle, str]:
    """The first change: it is posted and given, and its payment meets a closed period."""
    shows(sagas, PAID)
    sagas.systems.script.faults["erp.settle"] = [refused(RejectionCode.PERIOD_CLOSED)]
    handle = await sagas.start("chg_1")
    waiting = await sagas.exception("chg_1")
    assert (waiting.code, waiting.track, waiting.owner) == ("period_closed", "books", "finance")
    assert waiting.at_risk is not None
    assert waiting.at_risk.minor == 20000
    return handle, waiting.exception_id


async def test_a_payment_settles_the_document_that_the_same_change_posts(sagas: Sagas) -> None:
    shows(sagas, PAID)
    assert (await sagas.finish("chg_1")).outcome == "completed"

    assert entries(sagas) == [("pi_1", 20000, "1")]
    assert (await sagas.change("chg_1")).kind is ChangeKind.ACTIVATION
    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "no_change"


async def test_the_movements_are_told_as_events(sagas: Sagas) -> None:
    shows(sagas, REFUNDED)
    await sagas.finish("chg_1")
    async with sagas.database.transaction() as conn:
        found = await outbox.page(conn, "acme")
    told = [(e.type, e.data["amount"]["minor"]) for _, e in found if ".payment." in e.type]
    assert told == [
        ("io.trueup.payment.confirmed.v1", 20000),
        ("io.trueup.payment.refunded.v1", -20000),
    ]


async def test_a_refund_without_a_credit_note_is_a_debt_of_its_own(sagas: Sagas) -> None:
    shows(sagas, REFUNDED)
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, "1"), ("re_1", -20000, None)]
    (document,) = await sagas.systems.erp.find("in_1", "LE-DE")
    assert document.open.minor == 0


async def test_a_closed_period_waits_when_all_else_is_given(sagas: Sagas) -> None:
    handle, exception_id = await waits(sagas)

    assert [d.net.minor for d in sagas.systems.erp.documents] == [20000]
    await sagas.given(("seats", 5), ("sso", 1))
    await sagas.shown("premium")
    assert entries(sagas) == []

    await sagas.resolve(handle, exception_id, Action.RETRY)

    assert (await handle.result()).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, "1")]


@pytest.mark.parametrize("happened", [True, False], ids=["happened", "never happened"])
async def test_a_lost_answer_makes_one_entry(sagas: Sagas, happened: bool) -> None:
    shows(sagas, PAID)
    sagas.systems.script.faults["erp.settle"] = [lost(happened=happened)]
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, "1")]


async def test_a_passing_fault_is_retried(sagas: Sagas) -> None:
    shows(sagas, PAID)
    away = Planned(lambda: TransientFailure("scripted", system="erp", retry_after=0.01))
    sagas.systems.script.faults["erp.settle"] = [away, away]
    assert (await sagas.finish("chg_1")).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, "1")]


async def test_cancelling_while_it_waits_leaves_what_was_entered(sagas: Sagas) -> None:
    shows(sagas, REFUNDED)
    script = sagas.systems.script

    def second(name: str) -> None:
        if name == "erp.settle" and script.calls.count(name) == 2:
            script.faults[name] = [refused(RejectionCode.PERIOD_CLOSED)]

    script.on_call = second
    handle = await sagas.start("chg_1")
    await sagas.exception("chg_1")

    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert (await sagas.change("chg_1")).outcome == "compensated"
    assert await sagas.grants() == ()
    # Money that has moved stays moved, and so does the document that billing has issued.
    assert entries(sagas) == [("pi_1", 20000, "1")]
    assert sagas.systems.erp.balance == 20000
    effects = await sagas.effects("chg_1")
    assert effects["erp.settlement/pi_1"].state == "confirmed"
    assert effects["erp.settlement/re_1"].state == "rejected"

    assert (await sagas.finish("chg_2", documents=("in_1",))).outcome == "completed"
    assert entries(sagas) == [("pi_1", 20000, "1"), ("re_1", -20000, None)]


@pytest.mark.parametrize("happened", [True, False])
async def test_cancelling_while_an_entry_is_in_doubt_leaves_nothing_in_doubt(
    sagas: Sagas, *, happened: bool
) -> None:
    """The answer is lost each time until somebody cancels: money has moved, so what was begun of it
    is ended, and nobody has to look at the subscription again for that."""
    shows(sagas, REFUNDED)
    script = sagas.systems.script
    cancelled = asyncio.Event()

    def unanswered(name: str) -> None:
        if name == "erp.settle" and not cancelled.is_set():
            script.faults[name] = [lost(happened=happened)]

    script.on_call = unanswered
    handle = await sagas.start("chg_1")

    async def in_doubt() -> bool:
        found = (await sagas.effects("chg_1")).get("erp.settlement/pi_1")
        return found is not None and found.state == "uncertain" and bool(await sagas.grants())

    await until(in_doubt, "access is given, and the entry is in doubt")
    await handle.cancel()
    await sagas.given()
    cancelled.set()
    script.faults.clear()
    with pytest.raises(WorkflowFailureError):
        await handle.result()

    assert (await sagas.change("chg_1")).outcome == "compensated"
    assert await sagas.grants() == ()
    assert entries(sagas) == [("pi_1", 20000, "1")]
    effects = await sagas.effects("chg_1")
    assert effects["erp.settlement/pi_1"].state == "confirmed"
    # What had not begun is not begun.
    assert "erp.settlement/re_1" not in effects


@pytest.mark.parametrize("happened", [True, False])
async def test_aborting_while_an_entry_is_in_doubt_leaves_nothing_in_doubt(
    sagas: Sagas, *, happened: bool
) -> None:
    """The document is taken back; the money that was begun on it is ended before, and stays."""
    shows(sagas, REFUNDED)
    script = sagas.systems.script
    script.faults["support.publish"] = [refused(RejectionCode.SUPPORT_REFUSED, "support")]

    def unanswered(name: str) -> None:
        if name == "erp.settle":
            script.faults[name] = [lost(happened=happened)]

    script.on_call = unanswered
    handle = await sagas.start("chg_1")

    async def in_doubt() -> bool:
        found = (await sagas.effects("chg_1")).get("erp.settlement/pi_1")
        return found is not None and found.state == "uncertain"

    await until(in_doubt, "the entry is in doubt")
    waiting = await sagas.exception("chg_1")
    assert waiting.track == "access"
    await sagas.resolve(handle, waiting.exception_id, Action.ABORT)
    # Before that the books would go on where the ERP answers.
    await sagas.given()
    script.on_call = None
    script.faults.clear()
    await handle.result()

    assert (await sagas.change("chg_1")).outcome == "compensated"
    assert await sagas.grants() == ()
    assert {(e.external_id, e.amount.minor) for e in sagas.systems.erp.entries} == {("pi_1", 20000)}
    effects = await sagas.effects("chg_1")
    assert effects["erp.settlement/pi_1"].state == "confirmed"
    assert effects["erp.document/in_1"].state == "compensated"


async def test_money_on_a_posted_invoice_is_a_change_of_its_own(sagas: Sagas) -> None:
    shows(sagas, CHARGED)
    await sagas.finish("chg_0")
    shows(sagas, PAID)

    assert (await sagas.finish("chg_1", documents=("in_1",))).outcome == "completed"

    change = await sagas.change("chg_1")
    assert (change.kind, change.summary) == (ChangeKind.PAYMENT, "payment of 200.00 EUR")
    assert entries(sagas) == [("pi_1", 20000, "1")]
    # The metadata still names the document that was posted last.
    assert sagas.systems.billing.synced["sub_1"].erp_document == "INV-1"


@pytest.mark.parametrize("asked", [{"whole": True}, {"documents": ("cn_1",)}])
async def test_a_credit_note_is_set_off_with_its_open_invoice(
    sagas: Sagas, asked: dict[str, Any]
) -> None:
    """Also where the event of the invoice is still on its way."""
    applied = Settlement(
        settlement_id="cn_1/applied",
        kind=SettlementKind.CREDIT_NOTE,
        document_id="in_1",
        against="cn_1",
        amount=Money(minor=5000, currency="EUR"),
        at=AS_OF,
    )
    mirror = applied.model_copy(
        update={
            "settlement_id": "cn_1/applied/note",
            "document_id": "cn_1",
            "against": "in_1",
            "amount": Money(minor=-5000, currency="EUR"),
        }
    )
    note = credit_note(
        line("cl_1", -5000).model_copy(update={"corrects": "il_1"}),
        corrects="in_1",
        settlements=(mirror,),
    )
    shows(sagas, CHARGED)
    await sagas.finish("chg_0")
    shows(sagas, paid(CHARGED, applied), note)
    assert (await sagas.finish("chg_1", **asked)).outcome == "completed"

    (entry,) = sagas.systems.erp.entries
    assert (entry.document, entry.against, entry.amount.minor) == ("1", "2", 5000)
    opened = [(await sagas.systems.erp.read(key, "LE-DE")).open.minor for key in ("1", "2")]
    assert opened == [15000, 0]


async def test_an_open_amount_that_billing_does_not_have_is_a_question(sagas: Sagas) -> None:
    """Somebody has settled the document in the ERP by hand: billing still waits for the money."""
    shows(sagas, CHARGED)
    await sagas.finish("chg_0")
    sagas.systems.erp.pay_by_hand("1", 20000)
    shows(sagas, paid(CHARGED, payment(5000)))

    await sagas.start("chg_1", documents=("in_1",))
    waiting = await sagas.exception("chg_1")

    assert waiting.code == "outcome_mismatch"
    assert "planned 150.00 EUR, found -50.00 EUR" in waiting.message


async def test_goodwill_without_a_document_belongs_to_the_account(sagas: Sagas) -> None:
    given = Settlement(
        settlement_id="cbtxn_1",
        kind=SettlementKind.GOODWILL,
        amount=Money(minor=2500, currency="EUR"),
        at=AS_OF,
    )
    sagas.systems.billing.movements.append(given)

    assert (await sagas.finish("chg_1", account_subject("cus_1"))).outcome == "completed"

    assert entries(sagas) == [("cbtxn_1", 2500, None)]
    assert (await sagas.finish("chg_2", account_subject("cus_1"))).outcome == "no_change"


async def test_an_invoice_that_stands_alone_is_posted_and_settled_by_the_account(
    sagas: Sagas,
) -> None:
    alone = paid(
        invoice(line("il_9", 1900, of=None), key="in_9"), payment(1900, key="pi_9", of="in_9")
    )
    sagas.systems.billing.loose.append(alone)

    settled = await sagas.finish("chg_1", account_subject("cus_1"), documents=("in_9",))

    assert settled.outcome == "completed"
    assert [d.external_id for d in sagas.systems.erp.documents] == ["in_9"]
    assert entries(sagas) == [("pi_9", 1900, "1")]


async def test_what_a_subscription_sees_of_the_account_is_left_to_the_account(
    sagas: Sagas,
) -> None:
    """A document of two subscriptions: whoever sees it, one change of the account posts it."""
    shared = invoice(line("il_1", 20000), line("il_2", 700, of="sub_2"), key="in_7")
    shows(sagas, shared)

    assert (await sagas.finish("chg_1")).outcome == "completed"

    assert sagas.systems.erp.documents == []
    async with sagas.database.statement() as conn:
        found = await conn.execute(
            "select subject, documents from changes where connection = 'trueup'"
        )
        assert await found.fetchall() == [(account_subject("cus_1"), ["in_7"])]
