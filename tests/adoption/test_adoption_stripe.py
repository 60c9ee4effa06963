"""A customer that Stripe has had before us, read through the real adapter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from activities.adoption_customer import Adopting
from canonical_models.adoption import AdoptedCustomer
from canonical_models.mapping import AccountMapping
from connectors.stripe.adapter import StripeBilling
from persistence import adoptable, documents, mappings
from persistence.database import Database
from tests.adoption.golive import eur, in_erp
from tests.connectors.stripe.conftest import (
    billing,
    move,
    prices,
    sdk,
    stripe_config,
    stripe_url,
    subscribe,
)
from tests.harness.subscriptions import ITEMS
from tests.harness.systems import Systems

__all__ = ["billing", "move", "prices", "sdk", "stripe_config", "stripe_url", "subscribe"]

MAY, JUNE = 1777593600, 1780272000
SENT: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 14}


async def adopted(
    database: Database, systems: Systems, billing: StripeBilling, customer: str
) -> AdoptedCustomer:
    cutover = datetime.fromtimestamp(MAY + 3600 * 48, UTC)
    tenant = replace(systems.tenant, billing=billing, books_from=cutover)
    (whose,) = (await billing.customer_page(only=customer)).customers
    return await Adopting(database).adopt_customer(tenant, whose, rehearse=False)


async def mapped(database: Database, customer: str, product: str) -> None:
    account = AccountMapping(
        billing_customer=customer,
        erp_party="C-1001",
        support_organization=customer,
        legal_entity="LE-DE",
    )
    async with database.transaction() as conn:
        await adoptable.map_account(conn, "acme", account, by="tester")
    async with database.transaction() as conn:
        item = ITEMS["pro"].model_copy(update={"item": product})
        await mappings.put(conn, "acme", item, by="tester")


async def test_two_open_months_are_linked_and_what_came_since_is_asked_for(
    database: Database,
    billing: StripeBilling,
    prices: dict[str, stripe.Price],
    subscribe: Callable[..., stripe.Subscription],
    move: Callable[[stripe.Subscription, int], None],
) -> None:
    sold = subscribe(**SENT)
    customer = str(sold.customer)
    # The invoices of April and May stand in the ERP; June's is ours.
    move(sold, MAY + 7200)
    move(sold, JUNE + 7200)
    await mapped(database, customer, str(prices["basic"].product))
    (whose,) = (await billing.customer_page(only=customer)).customers
    assert len(whose.open_documents) == 3
    issued = await billing.documents(whose.open_documents)
    before = sorted(issued, key=lambda each: each.issued_at)[:2]
    systems = Systems()
    for place, document in enumerate(before):
        systems.erp.documents.append(in_erp(document, str(700 + place)))

    found = await adopted(database, systems, billing, customer)

    assert found.findings == ()
    assert (found.figures.given, found.figures.documents, found.figures.linked) == (1, 2, 2)
    assert found.figures.asked == 1
    async with database.statement() as conn:
        known = await documents.named(conn, "acme", whose.open_documents)
    assert sorted(record.state.value for record in known.values()) == [
        "before_cutover",
        "before_cutover",
        "seen",
    ]
    assert [d.document_id for d in systems.erp.documents] == ["700", "701"]


async def test_a_balance_of_before_stands_beside_what_the_erp_has(
    database: Database,
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    prices: dict[str, stripe.Price],
    subscribe: Callable[..., stripe.Subscription],
) -> None:
    sold = subscribe()
    customer = str(sold.customer)
    sdk.v1.customers.balance_transactions.create(customer, {"amount": -2500, "currency": "eur"})
    await mapped(database, customer, str(prices["basic"].product))
    found = await adopted(database, Systems(), billing, customer)
    (side,) = found.figures.balances
    assert (side.billing, side.erp) == (eur(2500), eur(0))
    assert [each.cause for each in found.findings] == ["balance_differs"]


@pytest.mark.usefixtures("database")
async def test_a_customer_that_was_never_sold_anything_is_on_no_page(
    billing: StripeBilling, sdk: stripe.StripeClient
) -> None:
    nobody = sdk.v1.customers.create({"name": "Nobody"}).id
    assert (await billing.customer_page(only=nobody)).customers == ()
