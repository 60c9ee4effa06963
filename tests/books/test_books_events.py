"""However billing tells of what was sold, it is booked: by events that show nothing, and by those
of an account under a platform's."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from canonical_models.acts import ADMIN
from connectors.stripe.webhooks import events_heard
from persistence import keys
from persistence.database import Database
from sandbox.demo.observed import until
from sandbox.demo.systems import Billing, Row, Trueup
from sandbox.erp.instance import ErpInstance
from tests.books.conftest import BRANCH
from tests.harness.both_sides import agree
from tests.harness.buyers import Shop
from tests.harness.e2e_stack import Front
from tests.harness.erp import books_of

pytestmark = [pytest.mark.erp, pytest.mark.slow, pytest.mark.timeout(300)]


@asynccontextmanager
async def thin_alone(shop: Shop) -> AsyncIterator[None]:
    """Billing tells of everything by thin events; afterwards by snapshots again."""
    billing, endpoint = shop.front.world.billing, shop.front.world.facts.stripe.webhook_endpoint
    url = shop.front.world.facts.stripe.webhook_url
    kinds = [f"v1.{kind}" for kind in events_heard(payouts=False)]
    destination = {"url": url, "enabled_events": kinds, "secret_of": endpoint}
    await billing.make(f"webhook_endpoints/{endpoint}", disabled="true")
    made = await billing.ask("POST", "/_sim/event_destinations", json=destination)
    path = f"/_sim/event_destinations/{made['id']}"
    try:
        yield
    finally:
        await billing.ask("POST", path, json={"status": "disabled"})
        await billing.make(f"webhook_endpoints/{endpoint}", disabled="false")


async def test_by_thin_events_alone_all_is_booked_as_well(erp: ErpInstance, shop: Shop) -> None:
    async with thin_alone(shop):
        buyer = await shop.buyer()
        sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
        await buyer.settled()
        await buyer.told({"seats": 5})
        await buyer.pass_(10)
        await buyer.change(sold, "always_invoice", quantity=8)
        await buyer.told({"seats": 8})
        await buyer.renew(sold)
        await buyer.settled()
        invoice = (await buyer.invoices())[-1]["id"]
        (line,) = await buyer.world.billing.all(f"invoices/{invoice}/lines")
        credited = {"type": "invoice_line_item", "invoice_line_item": line["id"], "amount": 1000}
        await buyer.world.billing.make(
            "credit_notes",
            invoice=invoice,
            refund_amount=1190,
            **{f"lines[0][{name}]": value for name, value in credited.items()},
        )
        await buyer.settled()
        found = await agree(erp, buyer)
        assert len(found.issued) == 4
        # What we note in billing comes back thin as well, and begins nothing.
        changes = await buyer.world.trueup.changes(sold["id"])
        assert len(changes) < 20, [(one["kind"], one["outcome"]) for one in changes]


async def branch_of(front: Front) -> Front:
    """The same stack as the tenant of the connected account sees it."""
    key = keys.new_key()
    database = Database(front.facts.postgres_dsn, pool_size=1)
    try:
        async with database.transaction() as conn:
            await keys.adopt(conn, key, tenant="branch", name="test", scopes=(ADMIN,))
    finally:
        await database.close()
    billing = Billing(front.world.facts.stripe)
    billing.http.headers["Stripe-Account"] = BRANCH
    trueup = Trueup(front.world.facts.api.model_copy(update={"key": key}))
    return replace(front, world=replace(front.world, billing=billing, trueup=trueup))


async def test_what_a_connected_account_sells_is_its_own_tenants(
    erp: ErpInstance, front: Front
) -> None:
    branch = await branch_of(front)
    try:
        shop = await Shop.open(branch)
        buyer = await shop.buyer()
        sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)
        await buyer.told({"seats": 5})
        await buyer.pass_(10)
        await buyer.change(sold, "always_invoice", quantity=8)
        await buyer.told({"seats": 8})
        await buyer.settled()
        found = await agree(erp, buyer)
        assert len(found.issued) == 2
        # The platform's tenant has heard of none of it.
        assert await front.world.trueup.changes(sold["id"]) == []
    finally:
        await branch.world.billing.http.aclose()
        await branch.world.trueup.http.aclose()


async def test_of_an_account_that_no_tenant_has_nothing_is_booked(
    erp: ErpInstance, front: Front
) -> None:
    account = f"acct_{secrets.token_hex(6)}"
    await front.world.billing.ask("POST", "/_sim/accounts", json={"id": account})
    billing = Billing(front.world.facts.stripe)
    billing.http.headers["Stripe-Account"] = account
    stranger = replace(front, world=replace(front.world, billing=billing))
    try:
        # Nothing of it is mapped: what is sold there is known to nobody.
        shop = Shop(
            stranger, {"Starter": str((await billing.make("products", name="Starter"))["id"])}
        )
        buyer = await shop.buyer()
        sold = await buyer.subscribe(await shop.price("Starter", 1000), 5)

        async def refused() -> list[Row] | None:
            found = await front.world.trueup.ask(
                "GET", "/v1/inbox", params={"status": "dead_lettered", "limit": 200}
            )
            told = [one for one in found["items"] if account in (one["reason"] or "")]
            kinds = {one["event_type"] for one in told}
            return told if "invoice.paid" in kinds else None

        told = await until("the sale of an account that nobody has is refused", refused)
        assert all("connected" in one["reason"] for one in told)
        assert await front.world.trueup.changes(sold["id"]) == []
        async with books_of(erp) as books:
            assert await books.documents(party=buyer.party) == []
    finally:
        await billing.http.aclose()
