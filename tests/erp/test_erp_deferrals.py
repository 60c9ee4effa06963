"""Revenue of a service period is earned month by month once its schedule is run."""

import datetime
from decimal import Decimal

import httpx
import pytest

from sandbox.erp import seed_books
from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.catalogue import COMPANIES
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc, date
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest
from tests.erp.rest import Rest
from tests.harness.erp import Books

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

DAY = datetime.timedelta(days=1)
TODAY = datetime.datetime.now(tz=datetime.UTC).date()
#: From the middle of a month, over the turn of the year.
START = datetime.date(TODAY.year, 3, 15)
PRICES = (Decimal("100.00"), Decimal("99.00"), Decimal("119.88"))
END = START.replace(year=START.year + 1) - DAY


def days_by_month(start: datetime.date, end: datetime.date) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for number in range((end - start).days + 1):
        month = f"{start + number * DAY:%Y-%m}"
        found[month] = found.get(month, Decimal(0)) + 1
    return found


def rounded(price: Decimal, start: datetime.date, end: datetime.date) -> Decimal:
    """What the months add up to when each is rounded for itself."""
    days = days_by_month(start, end)
    daily = price / sum(days.values(), Decimal(0))
    return sum(((daily * number).quantize(Decimal("0.01")) for number in days.values()), Decimal(0))


def less(now: dict[str, Decimal], before: dict[str, Decimal]) -> dict[str, Decimal]:
    months = sorted(now.keys() | before.keys())
    changed = {
        month: now.get(month, Decimal(0)) - before.get(month, Decimal(0)) for month in months
    }
    return {month: amount for month, amount in changed.items() if amount}


async def deferred(
    client: Rest, price: str, start: datetime.date, end: datetime.date, *, quantity: int = 1
) -> int:
    """Post an invoice of today for a service period; the document's id."""
    german = ("C-1001", "DE-VAT-19")
    party, tax = german if client.company.currency == "EUR" else ("C-1003", "US-SALES-825")
    line = client.line(
        *("PRO", quantity, price, tax),
        defer_from=date(start),
        defer_to=date(end),
    )
    document: int = (await client.posted_of(party, line))["id"]
    return document


async def schedule(client: Rest, document: int) -> int:
    """The id of the one schedule of a document, as the connector finds it."""
    (row,) = await client.search(
        "account.invoice.deferred", [["invoice_line.invoice", "=", document]], ["state"]
    )
    assert row["state"] == "draft"
    found: int = row["id"]
    return found


@pytest.mark.parametrize("company", ["LE-DE", "LE-US"])
async def test_a_year_is_earned_by_its_days(rest: MakeRest, books: Books, company: str) -> None:
    client = rest(company)
    days = days_by_month(START, END)
    price = sum(days.values(), Decimal(0))
    document = await deferred(client, str(price), START, END)
    before = await books.revenue_by_month(company), await books.deferred_by_month(company)
    assert [d.state for d in await books.deferrals(document)] == ["draft"]
    number = await schedule(client, document)

    run = await client.act("account.invoice.deferred", number, "run")
    again = await client.act("account.invoice.deferred", number, "run")

    assert run.status_code == 200, (run.status_code, run.text)
    assert again.status_code == httpx.codes.BAD_REQUEST
    (found,) = await books.deferrals(document)
    assert (found.amount, found.start, found.end) == (price, START, END)
    assert found.booked == days
    assert len(days) == 13  # twelve months from the middle of one
    # All of it leaves the month of the invoice, and comes back day by day.
    today = f"{TODAY:%Y-%m}"
    moved = {**days, today: days.get(today, Decimal(0)) - price}
    revenue = await books.revenue_by_month(company)
    unearned = await books.deferred_by_month(company)
    assert less(revenue, before[0]) == dict(sorted(moved.items()))
    assert less(unearned, before[1]) == {month: -amount for month, amount in sorted(moved.items())}


async def test_what_rounding_leaves_over_is_there_twice_until_it_is_corrected(
    rest: MakeRest, clerk: Clerk, books: Books
) -> None:
    """Tryton books the cents that are left over the wrong way for customers; a move mends it."""
    client = rest("LE-DE")
    price, over = next(
        (price, over) for price in PRICES if (over := rounded(price, START, END) - price)
    )
    credit = await deferred(client, str(price), START, END, quantity=-1)
    await client.act("account.invoice.deferred", await schedule(client, credit), "run")
    (taken_back,) = await books.deferrals(credit)
    assert sum(taken_back.booked.values()) == -price  # a credit comes out right
    before = sum((await books.deferred_by_month("LE-DE")).values())
    document = await deferred(client, str(price), START, END)

    run = await client.act("account.invoice.deferred", await schedule(client, document), "run")

    assert run.status_code == httpx.codes.OK, run.text
    (found,) = await books.deferrals(document)
    assert sum(found.booked.values()) == price + 2 * over
    await clerk.entry(
        *("LE-DE", END),
        *(("deferred_revenue", str(-2 * over), None), ("revenue", str(2 * over), None)),
    )
    assert sum((await books.deferred_by_month("LE-DE")).values()) == before


async def test_what_ended_before_the_documents_month_is_earned_only_if_it_divides(
    rest: MakeRest, books: Books
) -> None:
    """Tryton puts what is left over into the last month, and takes the document's for it."""
    client = rest("LE-DE")
    start = datetime.date(TODAY.year - 1, 3, 15)
    results = []
    for price in ("92.00", "100.00"):
        document = await deferred(client, price, start, start + 91 * DAY)
        number = await schedule(client, document)
        run = await client.act("account.invoice.deferred", number, "run")
        (found,) = await books.deferrals(document)
        results.append((run.status_code, found.state, sum(found.booked.values())))

    assert results == [
        (httpx.codes.OK, "closed", Decimal("92.00")),
        (httpx.codes.FORBIDDEN, "draft", 0),
    ]


async def test_a_credit_takes_the_rest_back_month_by_month(rest: MakeRest, books: Books) -> None:
    client = rest("LE-DE")
    middle = datetime.date(START.year, 9, 1)
    days = days_by_month(middle, END)
    rest_of_it = sum(days.values(), Decimal(0))
    document = await deferred(client, str(rest_of_it), middle, END, quantity=-1)

    run = await client.act("account.invoice.deferred", await schedule(client, document), "run")

    assert run.status_code == 200, (run.status_code, run.text)
    (found,) = await books.deferrals(document)
    assert found.booked == {month: -amount for month, amount in days.items()}


async def test_a_year_that_does_not_exist_yet_is_earned_when_it_does(
    rest: MakeRest, erp: ErpInstance, clerk: Clerk, books: Books
) -> None:
    client = rest("LE-US")
    last = erp.facts.years[-1]
    start, end = datetime.date(last, 12, 1), datetime.date(last + 1, 1, 31)
    days = days_by_month(start, end)
    document = await deferred(client, "62.00", start, end)
    run = await client.act("account.invoice.deferred", await schedule(client, document), "run")
    assert run.json()["state"] == "running"
    assert (await books.deferrals(document))[0].booked == {f"{last}-12": Decimal(31)}

    await _open_year(erp, "LE-US", last + 1)
    for _ in range(2):
        await clerk.rpc.wizard(
            "account.invoice.deferred.create_moves",
            ("create_moves", {}),
            context={"company": client.company.id},
        )

    (found,) = await books.deferrals(document)
    assert (found.state, found.booked) == ("closed", days)


async def test_the_first_month_must_be_open(rest: MakeRest, erp: ErpInstance, books: Books) -> None:
    client = rest("LE-DE")
    before = START.replace(year=START.year - 1, month=1)
    document = await deferred(client, "90.00", before, before + 89 * DAY)
    number = await schedule(client, document)
    async with bookkeeper(erp) as people:
        await people.close_period("LE-DE", before)
        refused = await client.act("account.invoice.deferred", number, "run")
        kept = await books.deferrals(document)
        await people.reopen_period("LE-DE", before)
        accepted = await client.act("account.invoice.deferred", number, "run")

    assert [(one.state, one.booked) for one in kept] == [("draft", {})]
    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert accepted.json()["state"] == "closed"


async def _open_year(erp: ErpInstance, company: str, year: int) -> None:
    (entity,) = [known for known in COMPANIES if known.code == company]
    who = erp.credentials
    async with TrytonRpc(erp.url, erp.database, who.admin_login, who.admin_password) as rpc:
        await seed_books.fiscal_year(rpc, entity, erp.companies[company].id, year)
