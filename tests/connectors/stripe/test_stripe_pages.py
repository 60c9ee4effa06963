"""All documents of an account by cursor, oldest first, whatever the spans they lie in."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import stripe

from canonical_models.documents import BillingDocument
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import at, proven

pytestmark = pytest.mark.slow

Json = dict[str, Any]
YEAR = 31_536_000
NOW = 1_790_000_000


def invoice(key: str, created: int, status: str = "void") -> Json:
    return {
        "id": key,
        "created": created,
        "currency": "eur",
        "status": status,
        "status_transitions": {"finalized_at": created, "voided_at": created},
        "collection_method": "send_invoice",
        "attempted": False,
        "total": 0,
        "amount_remaining": 0,
        "customer": "cus_1",
        "lines": {"data": [], "has_more": False},
        "payments": {"data": [], "has_more": False},
    }


def note(key: str, created: int) -> Json:
    return {
        "id": key,
        "created": created,
        "currency": "eur",
        "status": "void",
        "invoice": invoice("in_of_notes", 1),
        "lines": {"data": [], "has_more": False},
        "total": 0,
        "pre_payment_amount": 0,
    }


class Account:
    """A Stripe that holds these documents and lists them as Stripe does: the newest first."""

    def __init__(self, invoices: list[Json], notes: list[Json]) -> None:
        self._held = {"invoices": invoices, "credit_notes": notes}
        self.asked = 0

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        given = request.url.params
        since, before = int(given["created[gte]"]), int(given.get("created[lt]", 10**12))
        limit, after = int(given["limit"]), given.get("starting_after")
        held = self._held[request.url.path.split("/")[2]]
        found = [each for each in held if since <= each["created"] < before]
        found.sort(key=lambda each: (each["created"], each["id"]), reverse=True)
        if after is not None:
            found = found[[each["id"] for each in found].index(after) + 1 :]
        page = {"data": found[:limit], "has_more": len(found) > limit}
        return httpx.Response(200, json=page)


async def read(
    config: ConnectionConfig, account: Account, *, limit: int, since: int = 0
) -> list[list[str]]:
    pages: list[list[str]] = []
    transport = httpx.MockTransport(account.respond)
    async with StripeBilling.connect(config, transport=transport) as billing:
        after: str | None = None
        while True:
            page = await billing.document_page(since=at(since), after=after, limit=limit)
            pages.append([each.document_id for each in page.documents])
            after = page.next
            if after is None:
                return pages
            assert len(pages) < 2000


def flat(pages: list[list[str]]) -> Iterator[str]:
    return (key for page in pages for key in page)


SPREADS = {
    "a few": [NOW + number * 86_400 for number in range(7)],
    "hundreds": [NOW + number * 3_600 for number in range(450)],
    "bursts": [NOW + number // 150 * YEAR // 3 for number in range(450)],
    "one second": [NOW] * 250,
    "long ago and now": [1_000_000 + number for number in range(120)]
    + [NOW + number for number in range(120)],
}


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("limit", [1000, 100, 33])
async def test_every_document_comes_once_and_in_order(
    stripe_config: ConnectionConfig, spread: str, limit: int
) -> None:
    times = SPREADS[spread]
    invoices = [invoice(f"in_{number:04}", when) for number, when in enumerate(times)]
    notes = [note(f"cn_{number:04}", when + 1) for number, when in enumerate(times) if number % 3]
    account = Account(invoices, notes)
    pages = await read(stripe_config, account, limit=limit)
    made = {each["id"]: (each["created"], each["id"]) for each in (*invoices, *notes)}
    assert list(flat(pages)) == sorted(made, key=lambda key: made[key])
    # Whether there is more shows at times only where there is none.
    assert all(0 < len(page) <= limit for page in pages[:-1])
    # A page costs a pair of lists or two; a gap of years what it takes to halve it into seconds.
    steady = spread in ("a few", "hundreds")
    assert account.asked <= (4 if steady else 40) * len(pages) + (40 if steady else 200)


async def test_drafts_are_passed_over_and_the_past_is_left_out(
    stripe_config: ConnectionConfig,
) -> None:
    invoices = [
        invoice(f"in_{number:04}", NOW + number, "draft" if number % 50 else "void")
        for number in range(300)
    ]
    account = Account(invoices, [note("cn_old", NOW - 1)])
    pages = await read(stripe_config, account, limit=60, since=NOW)
    assert list(flat(pages)) == [f"in_{number:04}" for number in range(0, 300, 50)]


async def test_an_account_without_documents(stripe_config: ConnectionConfig) -> None:
    account = Account([], [])
    assert await read(stripe_config, account, limit=10) == [[]]
    assert account.asked == 2


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.in_1", "1.in 1.", "-1.in_1.2"])
async def test_what_is_no_cursor_is_refused(billing: StripeBilling, cursor: str) -> None:
    with pytest.raises(ValueError, match="is no cursor"):
        await billing.document_page(since=datetime.now(UTC), after=cursor)


async def test_pages_of_a_real_dialogue(billing: StripeBilling, sdk: stripe.StripeClient) -> None:
    """Documents as they are read by id; of an account that others bill on meanwhile."""
    customer = sdk.v1.customers.create({"name": "Ada GmbH"}).id
    made: set[str] = set()
    since = datetime.now(UTC).replace(microsecond=0)
    for amount in range(100, 108):
        item: Any = {"customer": customer, "amount": amount, "currency": "eur"}
        sdk.v1.invoice_items.create(item)
        wanted: Any = {
            "customer": customer,
            "currency": "eur",
            "pending_invoice_items_behavior": "include",
        }
        draft = sdk.v1.invoices.create(wanted)
        sdk.v1.invoices.finalize_invoice(draft.id)
        credited = sdk.v1.credit_notes.create({"invoice": draft.id, "amount": 10})
        made |= {draft.id, credited.id}
    found: list[BillingDocument] = []
    page = await billing.document_page(since=since, limit=5)
    found += page.documents
    while page.next is not None:
        page = await billing.document_page(since=since, after=page.next, limit=5)
        found += page.documents
    proven(*found)
    assert made == {each.document_id for each in found if each.customer_id == customer}
    assert len(found) == len({each.document_id for each in found})
    by_id = await billing.documents([each.document_id for each in found])
    assert tuple(found) == by_id
