"""Deferred revenue in a real Tryton: over the months of the service, and taken back by an undo."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import DocumentDraft
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.drafts import (
    DE_19,
    US_SALES,
    People,
    draft,
    line,
    number_of,
    tax,
    today,
)
from tests.harness.erp import Books

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

LAST_YEAR = today().year - 1


def yearly(net: str, amount: str, first: date, last: date, **fields: object) -> DocumentDraft:
    return draft(
        line("PRO", net, service_from=first, service_to=last),
        taxes=(tax(DE_19, net, amount),),
        **fields,
    )


async def gained(
    ledger: Books, before: dict[str, Decimal], entity: str = "LE-DE"
) -> dict[str, Decimal]:
    """What each month earns more than before."""
    now = await ledger.revenue_by_month(entity)
    moved = {month: now.get(month, 0) - before.get(month, 0) for month in now | before}
    return {month: Decimal(amount) for month, amount in sorted(moved.items()) if amount}


async def test_a_year_that_is_upgraded_and_undone_is_earned_by_the_day(
    books: TrytonErp, ledger: Books
) -> None:
    before = await ledger.revenue_by_month("LE-DE")
    balance = await ledger.trial_balance("LE-DE")
    first, last = date(LAST_YEAR, 7, 15), date(LAST_YEAR + 1, 7, 14)
    plan = await books.post(yearly("365.00", "69.35", first, last, issued_on=first))

    earned = await gained(ledger, before)
    assert len(earned) == 13
    assert sum(earned.values()) == Decimal("365.00")
    assert earned[f"{LAST_YEAR}-07"] == Decimal("17.00")
    assert earned[f"{LAST_YEAR}-08"] == Decimal("31.00")
    assert earned[f"{LAST_YEAR + 1}-07"] == Decimal("14.00")

    # In the middle: what is left of the old goes, a dearer one comes, on one document.
    middle = date(LAST_YEAR, 12, 1)
    upgrade = await books.post(
        draft(
            line("PRO", "-226.00", service_from=middle, service_to=last),
            line("PRO", "452.00", service_from=middle, service_to=last),
            taxes=(tax(DE_19, "226.00", "42.94"),),
            issued_on=middle,
        )
    )
    earned = await gained(ledger, before)
    assert earned[f"{LAST_YEAR}-11"] == Decimal("30.00")
    assert earned[f"{LAST_YEAR}-12"] == Decimal("62.00")
    assert sum(earned.values()) == Decimal("591.00")

    # Undone in March: months before keep what they earned, March takes back what is too much.
    on = date(LAST_YEAR + 1, 3, 10)
    await books.reverse(
        upgrade.document_id, "LE-DE", reference=f"{upgrade.external_id}/void", on=on
    )
    earned = await gained(ledger, before)
    assert earned[f"{LAST_YEAR + 1}-02"] == Decimal("56.00")
    assert earned[f"{LAST_YEAR + 1}-03"] == Decimal("31.00") - Decimal("90.00")
    assert earned[f"{LAST_YEAR + 1}-04"] == Decimal("30.00")
    assert sum(earned.values()) == Decimal("365.00")

    # Undone the month it began: as if it had never been.
    await books.reverse(plan.document_id, "LE-DE", reference=f"{plan.external_id}/void", on=on)
    assert sum((await gained(ledger, before)).values()) == 0
    assert await ledger.trial_balance("LE-DE") == balance


@pytest.mark.parametrize("net", ["1200.00", "99.99", "7.07"])
async def test_all_of_it_is_earned_to_the_cent(books: TrytonErp, ledger: Books, net: str) -> None:
    """Whatever rounding leaves over in the months: nothing stays deferred, nothing is earned that
    was not billed; and once, however often it is posted."""
    before = await ledger.revenue_by_month("LE-DE")
    deferred = sum((await ledger.deferred_by_month("LE-DE")).values())
    first, last = date(LAST_YEAR, 7, 15), date(LAST_YEAR + 1, 7, 14)
    tax_ = str((Decimal(net) * Decimal("0.19")).quantize(Decimal("0.01")))
    wanted = yearly(net, tax_, first, last, issued_on=first)

    await books.post(wanted)
    await books.post(wanted)

    assert sum((await gained(ledger, before)).values()) == Decimal(net)
    assert sum((await ledger.deferred_by_month("LE-DE")).values()) == deferred


async def test_a_month_of_its_own_is_earned_in_it_and_shown_all_the_same(
    books: TrytonErp, ledger: Books
) -> None:
    first = date(LAST_YEAR, 12, 1)
    wanted = yearly(
        "31.00", "5.89", first, date(LAST_YEAR, 12, 31), issued_on=date(LAST_YEAR, 12, 2)
    )

    made = await books.post(wanted)

    assert await ledger.deferrals(number_of(made)) == []
    assert (made.lines[0].service_from, made.lines[0].service_to) == (
        first,
        date(LAST_YEAR, 12, 31),
    )


async def test_closed_months_are_caught_up_on_the_day_of_the_books(
    books: TrytonErp, ledger: Books, erp: ErpInstance
) -> None:
    entity = {"legal_entity": "LE-US", "party": "C-1003", "currency": "USD"}
    issued, opened = date(LAST_YEAR, 2, 1), date(LAST_YEAR, 4, 1)
    wanted = draft(
        line("PRO", "90.00", currency="USD", service_from=issued, service_to=date(LAST_YEAR, 5, 1)),
        taxes=(tax(US_SALES, "90.00", "7.43", currency="USD"),),
        issued_on=issued,
        posting_date=opened,
        **entity,
    )
    before = await ledger.revenue_by_month("LE-US")
    async with bookkeeper(erp) as keeper:
        for month in (2, 3):
            await keeper.close_period("LE-US", date(LAST_YEAR, month, 1))
        made = await books.post(wanted)
        again = await books.post(wanted)
        for month in (2, 3):
            await keeper.reopen_period("LE-US", date(LAST_YEAR, month, 1))

    assert made == again
    # 59 days of 90 are over: they are April's, with April's own 30.
    assert await gained(ledger, before, "LE-US") == {
        f"{LAST_YEAR}-04": Decimal("89.00"),
        f"{LAST_YEAR}-05": Decimal("1.00"),
    }
    assert made.lines[0].service_from == issued


async def test_without_an_account_for_it_nothing_is_posted(
    books: TrytonErp, people: People
) -> None:
    wanted = yearly("365.00", "69.35", today(), today() + timedelta(days=364))
    account = await people.configure("deferred_account_revenue", None)
    try:
        with pytest.raises(Rejection) as refused:
            await books.post(wanted)
    finally:
        await people.configure("deferred_account_revenue", account)

    assert refused.value.reason is RejectionCode.DOCUMENT_REFUSED
    assert refused.value.subject == "LE-DE"
    assert await books.find(wanted.external_id, "LE-DE") == ()
