"""Closed months refuse, and the first open one after a day is found and taken."""

import datetime
from decimal import Decimal

import httpx
import pytest

from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpcError, date
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest
from tests.erp.rest import Rest
from tests.harness.erp import Books

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]

#: Of last year, and nobody else's in these tests.
APRIL, MAY, JUNE = (
    datetime.date(datetime.datetime.now(tz=datetime.UTC).year - 1, month, 1) for month in (4, 5, 6)
)
SOLD = pytest.mark.parametrize(
    ("company", "party", "tax"),
    [("LE-DE", "C-1001", "DE-VAT-19"), ("LE-US", "C-1003", "US-SALES-825")],
)


async def first_open_day(client: Rest, day: datetime.date) -> datetime.date:
    """The day itself if its period is open, else the first day of the next that is."""
    (period,) = await client.search(
        "account.period",
        [
            ["company", "=", client.company.id],
            ["type", "=", "standard"],
            ["state", "=", "open"],
            ["end_date", ">=", date(day)],
        ],
        ["start_date", "fiscalyear"],
        order=(("start_date", "ASC"),),
        limit=1,
    )
    start = period["start_date"]
    return max(day, datetime.date(start["year"], start["month"], start["day"]))


@SOLD
async def test_a_closed_month_refuses_and_the_first_open_day_takes_the_document(
    rest: MakeRest, erp: ErpInstance, books: Books, company: str, party: str, tax: str
) -> None:
    client = rest(company)
    true_day = APRIL.replace(day=17)
    draft = await client.drafted(
        party, client.line("PRO", 1, "40", tax), accounting_date=date(true_day)
    )
    assert await first_open_day(client, true_day) == true_day
    async with bookkeeper(erp) as people:
        await people.close_period(company, APRIL)
        await people.close_period(company, MAY)
        refused = await client.post(draft)
        day = await first_open_day(client, true_day)
        moved = await client.http.put(
            f"account.invoice/{draft}", json={"accounting_date": date(day)}, params={"f": ["id"]}
        )
        posted = await client.post(draft)
        await people.reopen_period(company, APRIL)
        await people.reopen_period(company, MAY)

    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert f"{APRIL:%Y-%m}" in refused.json()["message"]
    assert day == JUNE
    assert moved.is_success
    assert posted.json()["state"] == "posted", posted.text
    assert (await books.document(draft)).accounting_date == JUNE
    assert (await books.revenue_by_month(company))[f"{JUNE:%Y-%m}"] >= Decimal(40)


@SOLD
async def test_a_closed_month_refuses_moves(
    erp: ErpInstance, clerk: Clerk, company: str, party: str, tax: str
) -> None:
    lines = (("bank", "5", None), ("receivable", "-5", party))
    async with bookkeeper(erp) as people:
        await people.close_period(company, APRIL)
        with pytest.raises(TrytonRpcError) as refusal:
            await clerk.entry(company, APRIL, *lines)
        await people.reopen_period(company, APRIL)

    assert refusal.value.kind == "UserError"
    assert (await clerk.entry(company, APRIL, *lines))["receivable"]


@pytest.mark.parametrize("company", ["LE-DE", "LE-US"])
async def test_last_year_this_and_the_next_two_are_open(
    rest: MakeRest, erp: ErpInstance, company: str
) -> None:
    client = rest(company)
    this = datetime.datetime.now(tz=datetime.UTC).year

    years = await client.search(
        "account.fiscalyear", [["company", "=", client.company.id]], ["start_date", "state"]
    )
    months = await client.search(
        "account.period",
        [["company", "=", client.company.id], ["fiscalyear", "in", [y["id"] for y in years]]],
        ["type"],
    )

    assert erp.facts.years == [this - 1, this, this + 1, this + 2]
    # A test may have opened one more.
    assert [y["start_date"]["year"] for y in years][:4] == erp.facts.years
    assert {y["state"] for y in years} == {"open"}
    assert len(months) == 12 * len(years)
