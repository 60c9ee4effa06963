"""An invoice that is not paid: reminders, suspension, and every way in which it can end."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import DocumentStatus, SettlementKind
from canonical_models.entitlement import GrantState
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode, TransientFailure
from canonical_models.process import Process, ProcessKind
from canonical_models.term import DunningStage
from persistence import dunning, processes
from tests.harness.lives import Life
from tests.harness.scripted_billing import closed
from tests.harness.subscriptions import END, START, item, line, snapshot, subscription
from tests.harness.systems import Planned, lost, refused
from tests.harness.waiting import until

WHOLE = {"proration": False, "item_id": "si_1", "period_start": START, "period_end": END}
PROCESS = Process(
    kind=ProcessKind.DUNNING,
    tenant="acme",
    key="in_1",
    subscription_id="sub_1",
    customer_id="cus_1",
)
PRO = line("il_1", 20000).model_copy(update=WHOLE)


async def unpaid(life: Life) -> None:
    """A subscription to `pro` whose first charge was refused."""
    life.billing = snapshot(subscription(item("pro", 5)))
    life.bill("in_1", PRO, overdue=True)
    change = await life.look()
    assert (change.kind, change.outcome) == (ChangeKind.ACTIVATION, "completed")
    await life.stage("in_1", "grace")


async def passes(life: Life, days: float) -> None:
    await life.passes(days, ProcessKind.DUNNING, "in_1")


async def test_reminders_then_suspension_then_restoration(life: Life) -> None:
    await unpaid(life)

    async def told(kind: str, count: int) -> None:
        async def enough() -> bool:
            return len(await life.events(kind)) == count

        await until(enough, f"{count} events {kind}")

    await told("payment.failed.v1", 1)
    await passes(life, 3)
    await told("payment.reminder_due.v1", 1)
    assert {g.state for g in await life.grants()} == {GrantState.ACTIVE}

    await passes(life, 4)
    await life.stage("in_1", "suspended")
    assert {g.state for g in await life.grants()} == {GrantState.SUSPENDED}
    assert life.systems.support.shown["cus_1"].tier == "standard"
    assert life.systems.support.shown["cus_1"].features == ()
    assert (await life.changes())[-1].kind is ChangeKind.SUSPENSION
    assert len(await life.events("subscription.suspended.v1")) == 1

    life.pay("in_1")
    change = await life.look(ChangeKind.PAYMENT)

    assert (change.kind, change.outcome) == (ChangeKind.RESTORATION, "completed")
    assert {g.state for g in await life.grants()} == {GrantState.ACTIVE}
    assert life.systems.support.shown["cus_1"].tier == "premium"
    assert [(e.kind, e.amount.minor) for e in life.systems.erp.entries] == [
        (SettlementKind.PAYMENT, 20000)
    ]
    closed = await life.stage("in_1", "closed")
    assert closed.outcome == "paid"
    assert await life.handle(ProcessKind.DUNNING, "in_1").result() == "closed: paid"


async def test_a_period_that_is_prepaid_is_not_suspended_for_another_invoice(life: Life) -> None:
    life.billing = snapshot(subscription(item("pro", 5), item("ai", 1, 900, key="si_2")))
    life.bill("in_1", PRO)
    life.pay("in_1")
    add_on = line("ii_2", 450, "ai").model_copy(update={"item_id": "si_2"})
    life.bill("in_2", add_on, overdue=True)
    await life.look()
    await life.stage("in_2", "grace")

    await life.passes(7, ProcessKind.DUNNING, "in_2")
    await life.stage("in_2", "suspended")

    states = {g.feature: g.state for g in await life.grants()}
    assert states == {
        "seats": GrantState.ACTIVE,
        "sso": GrantState.ACTIVE,
        "assistant": GrantState.SUSPENDED,
    }
    assert life.systems.support.shown["cus_1"].tier == "premium"


async def suspended_since_november(life: Life) -> None:
    """Monthly; refused from this month on."""
    await unpaid(life)
    await passes(life, 7)
    await life.stage("in_1", "suspended")
    assert await states(life) == {GrantState.SUSPENDED}


async def states(life: Life) -> set[GrantState]:
    return {grant.state for grant in await life.grants()}


def next_month(life: Life) -> None:
    """The calendar renews, and the charge is refused again."""
    later = {"period_start": END, "period_end": END + timedelta(days=31)}
    life.change(items=(item("pro", 5).model_copy(update=later),), as_of=END)
    charged = {"item_id": "si_1", "proration": False, **later}
    life.bill("in_2", line("il_2", 20000).model_copy(update=charged), overdue=True)


def another_item(life: Life) -> None:
    """The debtor deletes the item and adds another one, with more."""
    life.change(items=(item("pro", 50, key="si_9"),))
    life.bill("in_2", line("il_2", 100000, item_id="si_9", starts=life.now))


def anchor_now(life: Life) -> None:
    """The period begins anew; what is left of the one that is not paid is credited."""
    later = {"period_start": life.now, "period_end": life.now + timedelta(days=30)}
    life.change(items=(item("pro", 5).model_copy(update=later),))
    credit = line("il_3", -5000, item_id="si_1", starts=life.now)
    charge = line("il_2", 20000, item_id="si_1", starts=life.now, ends=later["period_end"])
    life.bill("in_2", credit, charge)


@pytest.mark.parametrize("made_new", [next_month, another_item, anchor_now])
async def test_only_the_debt_gives_back(life: Life, made_new: Callable[[Life], None]) -> None:
    await suspended_since_november(life)
    made_new(life)
    await life.look()
    assert await states(life) == {GrantState.SUSPENDED}
    # Nobody waits for it any more: what is left is in its own grace.
    life.replace(closed(life.document("in_1"), DocumentStatus.UNCOLLECTIBLE, life.now))
    await life.look()
    assert (await life.stage("in_1", "closed")).outcome == "uncollectible"
    assert await states(life) == {GrantState.ACTIVE}


async def test_what_is_bought_with_the_debt_is_not_paid(life: Life) -> None:
    """Another item for little money: nearly all of it is credit for what is owed."""
    await suspended_since_november(life)
    life.change(items=(item("pro", 50, key="si_9"),))
    credit = line("il_3", -5000, item_id="si_1", starts=life.now)
    life.bill("in_2", credit, line("il_2", 5100, item_id="si_9", starts=life.now))
    life.pay("in_2")
    await life.look()
    assert await states(life) == {GrantState.SUSPENDED}
    life.pay("in_1")
    assert (await life.look(ChangeKind.PAYMENT)).kind is ChangeKind.RESTORATION
    assert await states(life) == {GrantState.ACTIVE}


async def test_a_period_that_is_paid_is_given_whatever_is_owed_before(life: Life) -> None:
    await suspended_since_november(life)
    next_month(life)
    await life.look()
    assert await states(life) == {GrantState.SUSPENDED}
    life.pay("in_2")
    await life.look(ChangeKind.PAYMENT)
    assert await states(life) == {GrantState.ACTIVE}
    assert (await life.case("in_1")).stage is DunningStage.SUSPENDED


async def test_a_payment_that_nobody_told_of_is_faster_than_a_decision(life: Life) -> None:
    """Finance ends what has been paid a moment ago."""
    await at_the_end(life)
    asked = await life.exception("payment_overdue")
    life.pay("in_1")

    await life.decide(ProcessKind.DUNNING, "in_1", asked, Action.WRITE_OFF)
    assert (await life.stage("in_1", "closed")).outcome == "paid"
    await life.quiet()

    assert life.billing.subscription.status is SubscriptionStatus.ACTIVE
    assert await states(life) == {GrantState.ACTIVE}
    assert life.systems.erp.received == 20000


async def at_the_end(life: Life) -> None:
    """Suspended, and no grace is left: finance is asked."""
    await unpaid(life)
    await passes(life, 7)
    await life.stage("in_1", "suspended")
    await passes(life, 23)
    await life.stage("in_1", "final")


async def cancellations(life: Life) -> list[str | None]:
    """What they came to. Which change carries one, and takes in the other, depends on whose news is
    first."""
    changes = [change for change in await life.changes() if change.taken_in_by is None]
    return [change.outcome for change in changes if change.kind is ChangeKind.CANCELLATION]


async def test_finance_writes_the_debt_off(life: Life) -> None:
    await at_the_end(life)
    asked = await life.exception("payment_overdue")
    assert (asked.owner, asked.at_risk and asked.at_risk.minor) == ("finance", 20000)
    assert asked.workflow_id == "dunning/acme/in_1"

    await life.decide(ProcessKind.DUNNING, "in_1", asked, Action.WRITE_OFF)
    await life.no_exception()
    # Billing tells of what was done there.
    await life.look(ChangeKind.CANCELLATION)
    closed = await life.stage("in_1", "closed")

    assert closed.outcome == "write_off"
    assert await cancellations(life) == ["completed"]
    assert life.billing.subscription.status is SubscriptionStatus.CANCELLED
    assert await life.grants() == ()
    assert life.systems.erp.balance == 20000
    assert [(e.kind, e.amount.minor) for e in life.systems.erp.entries] == [
        (SettlementKind.WRITE_OFF, 20000)
    ]


@pytest.mark.parametrize("lost_at", ["billing.cancel", "billing.close_invoice"])
async def test_a_decision_that_was_begun_is_carried_out_by_the_next_run(
    life: Life, lost_at: str
) -> None:
    await at_the_end(life)
    asked = await life.exception("payment_overdue")
    away = [Planned(lambda: TransientFailure("away", system="billing")) for _ in range(99)]
    life.systems.script.faults[lost_at] = [lost("billing", happened=False), *away]
    await life.decide(ProcessKind.DUNNING, "in_1", asked, Action.WRITE_OFF)

    async def begun() -> bool:
        return len(life.systems.script.faults[lost_at]) < len(away)

    await until(begun, "the decision is being carried out")
    process = life.handle(ProcessKind.DUNNING, "in_1")
    await process.terminate()
    life.systems.script.faults.clear()
    async with life.database.transaction() as conn:
        await processes.news(conn, [PROCESS])
    await life.no_exception()
    await life.look(ChangeKind.CANCELLATION)

    assert (await life.stage("in_1", "closed")).outcome == "write_off"
    assert life.billing.subscription.status is SubscriptionStatus.CANCELLED
    async with life.database.statement() as conn:
        found = await conn.execute("select distinct state from effects where system = 'billing'")
        assert await found.fetchall() == [("confirmed",)]


async def pays(life: Life) -> str:
    life.pay("in_1")
    return "planned"


async def takes_it_back(life: Life) -> str:
    await life.systems.billing.close_invoice("in_1", DocumentStatus.VOID, key="by hand")
    return "confirmed"


@pytest.mark.parametrize("meanwhile", [pays, takes_it_back])
async def test_what_was_begun_and_given_up_is_not_left_in_doubt(
    life: Life, meanwhile: Callable[[Life], Awaitable[str]]
) -> None:
    """Closing the invoice has no answer, and is refused when it is tried again: by then it is paid,
    or somebody has closed it."""
    await at_the_end(life)
    asked = await life.exception("payment_overdue")
    # It is refused before the first request can no longer land.
    life.systems.lands["billing"] = 2
    life.systems.script.faults["billing.close_invoice"] = [
        lost("billing", happened=False),
        refused(RejectionCode.BILLING_REFUSED, "billing"),
    ]
    await life.decide(ProcessKind.DUNNING, "in_1", asked, Action.CREDIT)
    refusal = await life.exception("billing_refused")
    state = await meanwhile(life)
    await life.decide(ProcessKind.DUNNING, "in_1", refusal, Action.ABORT)
    await life.stage("in_1", "closed")

    async with life.database.statement() as conn:
        found = await conn.execute("select state from effects where step = 'billing.void'")
        assert await found.fetchall() == [(state,)]


async def test_finance_credits_the_invoice(life: Life) -> None:
    await at_the_end(life)
    asked = await life.exception("payment_overdue")

    await life.decide(ProcessKind.DUNNING, "in_1", asked, Action.CREDIT)
    await life.no_exception()
    await life.look(ChangeKind.CANCELLATION)
    closed = await life.stage("in_1", "closed")

    assert closed.outcome == "credit"
    assert await cancellations(life) == ["completed"]
    assert [d.net.minor for d in life.systems.erp.documents] == [20000, -20000]
    assert life.systems.erp.entries == []
    assert await life.grants() == ()


async def test_finance_gives_more_time(life: Life) -> None:
    await at_the_end(life)
    asked = await life.exception("payment_overdue")

    await life.decide(ProcessKind.DUNNING, "in_1", asked, Action.EXTEND)
    case = await life.stage("in_1", "grace")
    assert (case.extended_days, case.reminders) == (30, 1)
    assert {g.state for g in await life.grants()} == {GrantState.ACTIVE}
    assert (await life.changes())[-1].kind is ChangeKind.RESTORATION

    await passes(life, 7)
    await life.stage("in_1", "suspended")
    await passes(life, 23)
    await life.stage("in_1", "final")
    assert (await life.exception("payment_overdue")).exception_id != asked.exception_id


async def test_news_that_answers_nothing_leaves_the_question_as_it_is(life: Life) -> None:
    await at_the_end(life)
    asked = await life.exception("payment_overdue")
    process = life.handle(ProcessKind.DUNNING, "in_1")
    before = (await process.describe()).history_length

    life.move("in_1", "pi_part", 5000)
    await life.look(ChangeKind.PAYMENT)

    async def heard() -> bool:
        return (await process.describe()).history_length > before + 4

    await until(heard, "dunning has looked at the news")
    again = await life.exception("payment_overdue")
    assert (again.exception_id, again.opened_at) == (asked.exception_id, asked.opened_at)
    await life.decide(ProcessKind.DUNNING, "in_1", again, Action.WRITE_OFF)
    await life.no_exception()


async def test_a_late_payment_answers_the_question_by_itself(life: Life) -> None:
    await at_the_end(life)
    await life.exception("payment_overdue")

    life.pay("in_1")
    change = await life.look(ChangeKind.PAYMENT)

    assert change.kind is ChangeKind.RESTORATION
    await life.no_exception()
    assert (await life.stage("in_1", "closed")).outcome == "paid"
    assert {g.state for g in await life.grants()} == {GrantState.ACTIVE}


@pytest.mark.parametrize("kind", [SettlementKind.REFUND, SettlementKind.DISPUTE])
async def test_money_that_goes_back_is_entered_too(life: Life, kind: SettlementKind) -> None:
    """Billing leaves its invoice paid: it is a debt of its own, which nobody is reminded of."""
    life.billing = snapshot(subscription(item("pro", 5)))
    life.bill("in_1", PRO)
    life.pay("in_1")
    await life.look()
    life.move("in_1", "back_1", -20000, kind, settles=False)
    change = await life.look(ChangeKind.PAYMENT)
    again = await life.look(ChangeKind.PAYMENT)

    assert (change.kind, change.outcome) == (ChangeKind.PAYMENT, "completed")
    assert again.outcome == "no_change"
    assert [(e.kind, e.amount.minor, e.document) for e in life.systems.erp.entries] == [
        (SettlementKind.PAYMENT, 20000, "1"),
        (kind, -20000, None),
    ]
    assert life.systems.erp.received == 0
    assert life.systems.billing.synced["sub_1"].erp_document == "INV-1"
    async with life.database.statement() as conn:
        assert await dunning.get(conn, "acme", "in_1") is None


async def test_a_case_opens_again_for_the_same_invoice(life: Life) -> None:
    """A direct debit that came back: what was paid is owed again."""
    await unpaid(life)
    life.pay("in_1")
    await life.look(ChangeKind.PAYMENT)
    await life.stage("in_1", "closed")

    life.move("in_1", "du_1", -20000, SettlementKind.DISPUTE)
    life.replace(life.document("in_1").model_copy(update={"overdue_since": life.now}))
    assert (await life.look(ChangeKind.PAYMENT)).outcome == "completed"

    case = await life.stage("in_1", "grace")
    assert case.stage is DunningStage.GRACE
    (document,) = await life.systems.erp.find("in_1", "LE-DE")
    assert document.open.minor == 20000
    # Paid once more, by other money.
    life.pay("in_1")
    await life.look(ChangeKind.PAYMENT)
    assert (await life.stage("in_1", "closed")).outcome == "paid"
    assert life.systems.erp.received == 20000
