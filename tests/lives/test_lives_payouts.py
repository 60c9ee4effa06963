"""The saga of a payout: booked once and proven, come back, taken back, and what is asked."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.contracts.cash import CashInput
from canonical_models.cash import (
    CashKind,
    CashLook,
    CashMovement,
    DepositDraft,
    Payout,
    PayoutState,
    PayoutStatus,
    PayoutView,
)
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode, TransientFailure
from canonical_models.money import Money
from canonical_models.policy import BooksPolicy, CashPolicy, TenantPolicy
from canonical_models.process import ProcessKind, payout_process
from persistence import cash, processes
from persistence.database import Database
from planning.cash import deposit_of
from tests.harness.lives import Life, living
from tests.harness.systems import Planned, Script, Systems, lost, refused
from tests.harness.waiting import until
from workflows.cash import CashCheck

CASH = CashPolicy(legal_entity="LE-DE", clearing="1.1.5", bank="1.1.1", fees="5.2.4")
KEY = "stripe/po_1"
AT = datetime(2026, 11, 28, tzinfo=UTC)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def charge(key: str, minor: int, fee: int) -> CashMovement:
    return CashMovement(
        movement_id=f"txn_{key}",
        kind=CashKind.CHARGE,
        amount=eur(minor),
        fee=eur(fee),
        fee_tax=eur(0),
        at=AT,
        source_id=f"pi_{key}",
        called="charge",
    )


def itself(minor: int, *, back: bool = False) -> CashMovement:
    """The payout as a movement of billing's balance."""
    return charge("po_back" if back else "po_1", minor if back else -minor, 0).model_copy(
        update={"kind": CashKind.PAYOUT, "source_id": "po_1", "called": "payout"}
    )


COVERED = (charge("1", 11900, 203), charge("2", 5950, 114))
PAID = Payout(
    payout_id="po_1",
    amount=eur(17850 - 317),
    status=PayoutStatus.PAID,
    automatic=True,
    reconciled=True,
    created_at=AT,
    arrives_on=date(2026, 11, 30),
    movements=COVERED,
)


@pytest.fixture
async def life(skipping: WorkflowEnvironment, database: Database) -> AsyncIterator[Life]:
    systems = Systems(Script(), TenantPolicy(books=BooksPolicy(cash=CASH)))
    systems.billing.cash += [*COVERED, charge("3", 2000, 55)]
    systems.erp.on_clearing = eur(17850 + 2000)
    async with living(skipping, database, systems) as lived:
        yield lived


async def told(life: Life, payout: Payout, on_balance: int = 2000 - 55) -> None:
    """Billing says this of it now, and an event comes in."""
    billing = life.systems.billing
    billing.payouts["po_1"], billing.balance = payout, (eur(on_balance),)
    async with life.database.transaction() as conn:
        await processes.news(conn, [payout_process("acme", "stripe", "po_1")])


async def view(life: Life) -> PayoutView | None:
    async with life.database.statement() as conn:
        return await cash.get(conn, "acme", "stripe", "po_1")


async def becomes(life: Life, state: PayoutState) -> PayoutView:
    async def reached() -> bool:
        found = await view(life)
        return found is not None and found.state is state

    await until(reached, f"the payout is {state}", seconds=60)
    await life.handle(ProcessKind.PAYOUT, KEY).result()
    found = await view(life)
    assert found is not None
    return found


async def looked(life: Life) -> CashLook:
    async with life.database.statement() as conn:
        (found,) = await cash.looks(conn, "acme")
    return found


async def test_a_payout_is_booked_once_and_clearing_is_billings_balance(life: Life) -> None:
    life.systems.billing.cash.append(itself(PAID.amount.minor))
    await told(life, PAID.model_copy(update={"status": PayoutStatus.UNDERWAY}))

    async def waits() -> bool:
        found = await view(life)
        return found is not None and "on its way" in (found.note or "")

    await until(waits, "it is told why it waits", seconds=60)
    assert life.systems.erp.deposits == {}

    life.systems.script.faults["erp.deposit"] = [lost(happened=True)]
    await told(life, PAID)
    found = await becomes(life, PayoutState.BOOKED)
    (deposit,) = life.systems.erp.deposits.values()
    assert (deposit.received, deposit.fee, deposit.cleared) == (eur(17533), eur(317), eur(17850))
    assert found.booked is not None
    assert (found.booked.number, found.booked.covered) == ("M-po_1", 2)

    (standing,) = (await looked(life)).standings
    assert (standing.billing, standing.fees) == (eur(1945), eur(55))
    assert (standing.should, standing.clearing, standing.difference) == (
        eur(2000),
        eur(2000),
        eur(0),
    )

    # The same once more is nothing new.
    await told(life, PAID)
    await becomes(life, PayoutState.BOOKED)
    assert len(life.systems.erp.deposits) == 1

    # Weeks later the bank sends it back: what billing kept is kept all the same.
    life.systems.billing.cash.append(itself(PAID.amount.minor, back=True))
    failed = {"status": PayoutStatus.FAILED, "back_on": date(2026, 12, 7)}
    await told(life, PAID.model_copy(update=failed), on_balance=1945 + 17533)
    await becomes(life, PayoutState.RETURNED)
    back = life.systems.erp.deposits["po_1/returned"]
    assert (back.received, back.fee, back.value_date) == (eur(-17533), eur(0), date(2026, 12, 7))
    (standing,) = (await looked(life)).standings
    assert (standing.clearing, standing.difference) == (eur(2000 + 17533), eur(0))


@pytest.mark.parametrize("happened", [True, False])
async def test_an_answer_that_is_lost_with_its_saga_books_it_once(
    life: Life, *, happened: bool
) -> None:
    away = [Planned(lambda: TransientFailure("away", system="erp")) for _ in range(99)]
    life.systems.script.faults["erp.deposit"] = [lost(happened=happened), *away]
    await told(life, PAID)

    async def tried() -> bool:
        return "erp.deposit" in life.systems.script.calls

    await until(tried, "the ERP was told", seconds=60)
    await life.handle(ProcessKind.PAYOUT, KEY).terminate()
    life.systems.script.faults.clear()
    await told(life, PAID)

    await becomes(life, PayoutState.BOOKED)
    assert len(life.systems.erp.deposits) == 1
    async with life.database.statement() as conn:
        found = await conn.execute("select state from effects where operation = 'book payout'")
        assert await found.fetchall() == [("confirmed",)]


async def test_one_that_failed_before_it_was_booked_books_what_was_kept(life: Life) -> None:
    life.systems.billing.cash += [itself(17533), itself(17533, back=True)]
    failed = PAID.model_copy(update={"status": PayoutStatus.FAILED})
    await told(life, failed, on_balance=1945 + 17533)
    await becomes(life, PayoutState.RETURNED)
    (deposit,) = life.systems.erp.deposits.values()
    assert (deposit.received, deposit.fee, deposit.cleared) == (eur(0), eur(317), eur(317))
    (standing,) = (await looked(life)).standings
    assert standing.difference == eur(0)


async def test_a_payout_that_is_not_its_movements_is_asked_about_and_may_be_kept_out(
    life: Life,
) -> None:
    wrong = PAID.model_copy(update={"amount": eur(17532)})
    await told(life, wrong)
    asked = await life.exception(RejectionCode.PAYOUT_UNPROVEN.value)
    assert (asked.owner, asked.subject, asked.belongs_to) == ("finance", "po_1", KEY)
    assert "175.32 EUR" in asked.message
    assert "175.33 EUR" in asked.message

    # Billing says it otherwise by now: trying again is enough.
    life.systems.billing.payouts["po_1"] = PAID
    life.systems.script.faults["erp.deposit"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await life.decide(ProcessKind.PAYOUT, KEY, asked, Action.RETRY)
    closed = await life.exception(RejectionCode.PERIOD_CLOSED.value)
    await life.decide(ProcessKind.PAYOUT, KEY, closed, Action.ABORT)
    found = await becomes(life, PayoutState.HELD)
    assert "aborted by tester" in (found.note or "")
    assert life.systems.erp.deposits == {}
    await life.no_exception()

    await told(life, PAID)
    await becomes(life, PayoutState.HELD)
    assert life.systems.erp.deposits == {}


async def test_what_the_erp_does_not_say_as_billing_does_is_taken_back_by_finance(
    life: Life,
) -> None:
    # Somebody has entered it there by hand, under the same reference.
    life.systems.erp.deposits["po_1"] = _by_hand()
    await told(life, PAID)
    asked = await life.exception(RejectionCode.OUTCOME_MISMATCH.value)
    assert "174.33 EUR" in asked.message
    # It stays wrong, so trying again asks the same.
    await life.decide(ProcessKind.PAYOUT, KEY, asked, Action.RETRY)
    asked = await life.exception(RejectionCode.OUTCOME_MISMATCH.value)
    await life.decide(ProcessKind.PAYOUT, KEY, asked, Action.ABORT)
    await becomes(life, PayoutState.HELD)
    undo = life.systems.erp.deposits["po_1/undo"]
    assert (undo.received, undo.fee, undo.cleared) == (eur(-17433), eur(-317), eur(-17750))


def _by_hand() -> DepositDraft:
    draft = deposit_of(PAID, CASH, first_open_day=False)
    assert draft is not None
    less = {"received": eur(17433), "cleared": eur(17750)}
    return draft.model_copy(update=less)


async def test_what_cannot_be_read_is_told_as_unknown(life: Life) -> None:
    life.systems.script.faults["erp.clearing"] = [refused(RejectionCode.LEGAL_ENTITY_UNKNOWN)]
    await told(life, PAID)
    await becomes(life, PayoutState.BOOKED)
    found = await looked(life)
    assert (found.standings, found.seen_at) == ((), None)
    assert found.problem

    # It is known again once it can be read, as by the schedule.
    queue = (await life.handle(ProcessKind.PAYOUT, KEY).describe()).task_queue
    seen = await life.client.execute_workflow(
        CashCheck.run, CashInput(tenant="acme"), id="cash/acme", task_queue=queue
    )
    assert (seen.currencies, seen.problem) == (1, None)
    found = await looked(life)
    assert (len(found.standings), found.problem) == (1, None)
