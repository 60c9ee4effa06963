"""Who is billed at all, page by page: each customer once, with all that it has."""

from typing import Any

import httpx
import pytest
import stripe

from canonical_models.commerce import BilledCustomer
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.objects import answering, missing

SENT = {"collection_method": "send_invoice", "days_until_due": 14}


class Account:
    """A Stripe of which customers have these subscriptions and open invoices, the newest first."""

    def __init__(self, subscriptions: list[str], invoices: list[str], gone: str = "") -> None:
        self._owned = {"subscriptions": subscriptions, "invoices": invoices}
        self._gone = gone
        self.sold_meanwhile: list[str] = []

    def _listed(self, kind: str) -> list[dict[str, str]]:
        sold = self.sold_meanwhile if kind == "subscriptions" else []
        new = [{"id": f"{kind}_new_{number}", "customer": each} for number, each in enumerate(sold)]
        return new + [
            {"id": f"{kind}_{number}", "customer": owner}
            for number, owner in enumerate(self._owned[kind])
        ]

    def respond(self, request: httpx.Request) -> httpx.Response:
        kind, given = request.url.path.split("/")[2], request.url.params
        assert given["status"] == {"subscriptions": "all", "invoices": "open"}[kind]
        found = self._listed(kind)
        if (customer := given.get("customer")) is not None:
            if customer == self._gone:
                return missing("customer", 400)
            found = [each for each in found if each["customer"] == customer]
        if (after := given.get("starting_after")) is not None:
            found = found[[each["id"] for each in found].index(after) + 1 :]
        limit = int(given["limit"])
        return answering({"data": found[:limit], "has_more": len(found) > limit})


async def read(
    config: ConnectionConfig, account: Account, limit: int, only: str | None = None
) -> list[BilledCustomer]:
    transport = httpx.MockTransport(account.respond)
    found: list[BilledCustomer] = []
    async with StripeBilling.connect(config, transport=transport) as billing:
        page = await billing.customer_page(limit=limit, only=only)
        found += page.customers
        while page.next is not None:
            page = await billing.customer_page(after=page.next, limit=limit, only=only)
            assert len(page.customers) <= limit
            found += page.customers
    return found


@pytest.mark.parametrize("limit", [1, 2, 3, 100, 1000])
async def test_each_customer_is_on_one_page_with_all_that_it_has(
    stripe_config: ConnectionConfig, limit: int
) -> None:
    account = Account(
        ["cus_a", "cus_b", "cus_a", "cus_c", "cus_a", "cus_b"],
        ["cus_d", "cus_a", "cus_e", "cus_d", "cus_a"],
    )
    found = {each.customer_id: each for each in await read(stripe_config, account, limit)}
    told = await read(stripe_config, account, limit)
    assert len(told) == len(found) == 5
    subscriptions = {key: [name[-1] for name in each.subscriptions] for key, each in found.items()}
    assert subscriptions == {
        "cus_a": ["0", "2", "4"],
        "cus_b": ["1", "5"],
        "cus_c": ["3"],
        "cus_d": [],
        "cus_e": [],
    }
    documents = {key: [name[-1] for name in each.open_documents] for key, each in found.items()}
    assert documents == {
        "cus_a": ["1", "4"],
        "cus_b": [],
        "cus_c": [],
        "cus_d": ["0", "3"],
        "cus_e": ["2"],
    }


async def test_who_buys_another_during_the_walk_is_told_once(
    stripe_config: ConnectionConfig,
) -> None:
    account = Account(["cus_a", "cus_b"], [])
    transport = httpx.MockTransport(account.respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        first = await billing.customer_page(limit=1)
        account.sold_meanwhile = ["cus_b", "cus_a"]
        second = await billing.customer_page(after=first.next, limit=1)
    assert [each.customer_id for each in first.customers] == ["cus_a"]
    assert [each.customer_id for each in second.customers] == ["cus_b"]
    assert len(second.customers[0].subscriptions) == 2


async def test_of_a_customer_that_is_listed_no_more_each_list_tells_what_it_has(
    stripe_config: ConnectionConfig,
) -> None:
    account = Account(["cus_a", "cus_b"], ["cus_b"], gone="cus_b")
    told = [each for each in await read(stripe_config, account, 100) if each.customer_id == "cus_b"]
    assert [(each.subscriptions, each.open_documents) for each in told] == [
        (("subscriptions_1",), ()),
        ((), ("invoices_0",)),
    ]


async def test_one_customer_alone(stripe_config: ConnectionConfig) -> None:
    account = Account(["cus_a", "cus_b"], ["cus_c"], gone="cus_x")
    (found,) = await read(stripe_config, account, 1, only="cus_b")
    assert found == BilledCustomer(customer_id="cus_b", subscriptions=("subscriptions_1",))
    (found,) = await read(stripe_config, account, 1, only="cus_c")
    assert found.open_documents == ("invoices_0",)
    assert await read(stripe_config, account, 1, only="cus_d") == []
    assert await read(stripe_config, account, 1, only="cus_x") == []


@pytest.mark.parametrize("cursor", ["", "x", "s", "x.sub_1"])
async def test_what_is_no_cursor_is_refused(billing: StripeBilling, cursor: str) -> None:
    with pytest.raises(ValueError, match="is no cursor"):
        await billing.customer_page(after=cursor)


async def test_customers_of_a_real_dialogue(
    billing: StripeBilling, sdk: stripe.StripeClient, prices: dict[str, stripe.Price]
) -> None:
    def sell(customer: str, **changes: Any) -> stripe.Subscription:
        wanted: Any = {"customer": customer, "items": [{"price": prices["basic"].id}]}
        return sdk.v1.subscriptions.create(wanted | changes)

    made = [sdk.v1.customers.create({"name": f"Ada {number}"}).id for number in range(4)]
    paying, owing, ended, _ = made
    first, second = sell(paying), sell(paying)
    sent = sell(owing, **SENT)
    gone = sell(ended)
    sdk.v1.subscriptions.cancel(gone.id)
    found: dict[str, BilledCustomer] = {}
    cursor: str | None = None
    while True:
        page = await billing.customer_page(after=cursor, limit=3)
        found |= {each.customer_id: each for each in page.customers if each.customer_id in made}
        cursor = page.next
        if cursor is None:
            break
    assert found == {
        paying: BilledCustomer(customer_id=paying, subscriptions=(second.id, first.id)),
        owing: BilledCustomer(
            customer_id=owing,
            subscriptions=(sent.id,),
            open_documents=(str(sent.latest_invoice),),
        ),
        ended: BilledCustomer(customer_id=ended, subscriptions=(gone.id,)),
    }
