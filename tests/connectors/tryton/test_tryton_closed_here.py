"""Months that we have closed, while Tryton's own periods are open: nothing is dated into them."""

from collections.abc import AsyncIterator, Mapping
from datetime import date

import pytest

from canonical_models.closing import BookedDocument, PeriodState
from canonical_models.failures import Rejection, RejectionCode, TransientFailure
from connectors.tryton.adapter import TrytonErp
from sandbox.erp.instance import ErpInstance
from tests.connectors.tryton.conftest import config
from tests.connectors.tryton.drafts import US_SALES, draft, line, tax, today, us_seats
from tests.connectors.tryton.test_tryton_documents import question
from tests.harness.erp import Books

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]

YEAR = today().year - 1
IN_MAY = date(YEAR, 5, 20)
ASKED = {"legal_entity": "LE-US", "party": "C-1003", "currency": "USD", "on": IN_MAY}


@pytest.fixture
def closed() -> dict[str, PeriodState]:
    """The months of LE-US."""
    return {}


@pytest.fixture
async def books(erp: ErpInstance, closed: dict[str, PeriodState]) -> AsyncIterator[TrytonErp]:
    async def months(legal_entity: str) -> Mapping[str, PeriodState]:
        return closed if legal_entity == "LE-US" else {}

    adapter = TrytonErp.connect(config(erp), closed=months)
    yield adapter
    await adapter.close()


async def test_a_closed_month_is_closed_for_whatever_is_dated_into_it(
    books: TrytonErp, closed: dict[str, PeriodState]
) -> None:
    before = await books.post(us_seats(issued_on=IN_MAY))
    drafted = us_seats(issued_on=IN_MAY)
    # What was asked a moment ago does not let it pass.
    await books.check(question(**ASKED))
    closed[f"{YEAR}-05"] = closed[f"{YEAR}-06"] = PeriodState.CLOSED
    with pytest.raises(Rejection) as refused:
        await books.check(question(**ASKED))
    with pytest.raises(Rejection) as not_posted:
        await books.post(drafted)
    with pytest.raises(Rejection) as not_reversed:
        await books.reverse(before.document_id, "LE-US", reference="undo-may", on=IN_MAY)
    for each in (refused, not_posted, not_reversed):
        assert each.value.reason is RejectionCode.PERIOD_CLOSED
        assert each.value.subject == f"LE-US {YEAR}-05"
    assert await books.find(drafted.external_id, "LE-US") == ()

    answer = await books.check(question(**ASKED, closed_period="first_open_day"))
    assert answer.posting_date == date(YEAR, 7, 1)
    made = await books.post(drafted.model_copy(update={"posting_date": answer.posting_date}))
    assert made.posting_date == date(YEAR, 7, 1)
    # Other entities have months of their own.
    german = question(on=IN_MAY)
    assert (await books.check(german)).posting_date == IN_MAY


async def test_what_is_dated_into_a_month_that_is_being_closed_waits(
    books: TrytonErp, closed: dict[str, PeriodState]
) -> None:
    closed[f"{YEAR}-05"] = PeriodState.CLOSING
    for way in ("ask", "first_open_day"):
        with pytest.raises(TransientFailure, match="closing"):
            await books.check(question(**ASKED, closed_period=way))
    assert (await books.check(question(**(ASKED | {"on": date(YEAR, 6, 1)})))).posting_date


async def test_what_is_booked_is_told_as_it_stands(books: TrytonErp, ledger: Books) -> None:
    drafted = us_seats(issued_on=date(YEAR, 4, 11))
    made = await books.post(drafted)
    first, last = date(YEAR, 4, 1), date(YEAR, 4, 30)
    found: dict[str, BookedDocument] = {}
    after = None
    while True:
        page = await books.booked("LE-US", first, last, after=after)
        found |= {each.key: each for each in page.documents}
        after = page.next
        if after is None:
            break
    told = found[made.document_id]
    assert (told.ours, told.number, told.net, told.tax) == (True, made.number, made.net, made.tax)
    assert told.accounts == {made.lines[0].account: made.net}
    assert told.taxes == {row.code: (row.base, row.amount) for row in made.taxes}
    (moved,) = await books.ledger("LE-US", first, last, ["4.2.2", "no such account"])
    revenue = (await ledger.revenue_by_month("LE-US"))[f"{YEAR}-04"]
    assert (moved.credit - moved.debit).decimal == revenue
    march = await books.booked("LE-US", date(YEAR, 3, 1), date(YEAR, 3, 31))
    assert made.document_id not in {each.key for each in march.documents}


async def test_deferred_revenue_is_not_earned_in_a_closed_month(
    books: TrytonErp, closed: dict[str, PeriodState], ledger: Books
) -> None:
    closed[f"{YEAR}-05"] = PeriodState.CLOSED
    served = line(
        "PRO",
        "100.00",
        currency="USD",
        service_from=date(YEAR, 5, 1),
        service_to=date(YEAR, 7, 31),
    )
    before = await ledger.revenue_by_month("LE-US")
    await books.post(
        draft(
            served,
            taxes=(tax(US_SALES, "100.00", "8.25", currency="USD"),),
            legal_entity="LE-US",
            party="C-1003",
            currency="USD",
            issued_on=IN_MAY,
            posting_date=date(YEAR, 6, 1),
        )
    )
    after = await ledger.revenue_by_month("LE-US")
    earned = {
        month: after.get(f"{YEAR}-{month}", 0) - before.get(f"{YEAR}-{month}", 0)
        for month in ("05", "06", "07")
    }
    assert earned["05"] == 0
    assert sum(earned.values()) == 100
    assert min(earned["06"], earned["07"]) > 0
