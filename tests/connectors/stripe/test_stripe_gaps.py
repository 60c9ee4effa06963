"""What Stripe shows no longer, or only when it is asked for: read around, and told as it is."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from canonical_models.documents import SettlementKind
from canonical_models.failures import Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import moved
from tests.connectors.stripe.objects import (
    Json,
    answering,
    empty,
    invoice,
    line,
    listing,
    missing,
    note,
    serving,
    share,
    subscription,
)

PAID: Json = {"status": "paid", "amount_remaining": 0}
WITH_SHARE: Json = PAID | {"payments": listing(share())}
REFUND: Json = {"id": "re_1", "amount": 1, "created": 1, "currency": "eur", "status": "succeeded"}


async def test_a_newest_invoice_that_was_deleted_is_looked_for(
    stripe_config: ConnectionConfig,
) -> None:
    gone = {"id": "in_0", "object": "invoice", "deleted": True}

    def respond(request: httpx.Request) -> httpx.Response:
        match request.url.path.split("/")[2:]:
            case ["subscriptions", _]:
                return answering(subscription(latest_invoice=gone))
            case ["invoices"] if "status" not in request.url.params:
                return answering(listing(invoice(id="in_9", status="draft"), invoice()))
        return answering(empty())

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        found = await billing.snapshot("sub_1")
    assert [each.document_id for each in found.documents] == ["in_1"]


@pytest.mark.parametrize("refusal", [missing("id"), missing("customer", 400)])
async def test_what_a_deleted_customer_shows_no_more_stops_nothing(
    stripe_config: ConnectionConfig, refusal: httpx.Response
) -> None:
    """Stripe may know nothing of a deleted customer but its id, while the subscription ends."""
    used = invoice(**PAID, starting_balance=-1000, ending_balance=0)
    ended = subscription(
        status="canceled", customer={"id": "cus_1", "deleted": True}, latest_invoice=used
    )
    transport = serving(
        subscriptions=ended,
        invoiceitems=refusal,
        customers=refusal,
        credit_notes=refusal,
        prices=refusal,
        tax_rates=refusal,
    )
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        found = await billing.snapshot("sub_1")
    assert found.subscription.status == "cancelled"
    (document,) = found.documents
    assert (document.settlements, document.remaining.minor) == ((), 0)


async def test_what_is_said_of_a_payment_that_is_gone_stops_nothing(
    stripe_config: ConnectionConfig,
) -> None:
    transport = serving(
        invoices=invoice(**WITH_SHARE), refunds=missing("payment_intent"), disputes=missing("id")
    )
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        (found,) = await billing.documents(["in_1"])
    assert moved(found) == [("payment", 1000, True)]


@pytest.mark.parametrize(
    ("status", "count", "late"),
    [("processing", 1, False), ("requires_payment_method", 1, True), ("processing", 2, True)],
)
async def test_a_payment_under_way_that_nobody_has_refused_is_not_late(
    stripe_config: ConnectionConfig, status: str, count: int, late: bool
) -> None:
    waiting = share(status="open", amount_paid=None, status_transitions={})
    found = invoice(attempted=True, attempt_count=count, payments=listing(waiting))
    transport = serving(invoices=found, payment_intents={"id": "pi_1", "status": status})
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        (document,) = await billing.documents(["in_1"])
    assert (document.overdue_since is not None) is late


@pytest.mark.parametrize(("first", "name"), [("inpay_0", "inpay_1"), ("inpay_1", "pi_1")])
async def test_a_payment_of_several_invoices_is_told_once(
    stripe_config: ConnectionConfig, first: str, name: str
) -> None:
    """Its name, its refunds and its disputes are of the invoice that it went to first."""
    own = share(is_default=False, created=5)
    other = share("inpay_0", invoice="in_0", created=1 if first == "inpay_0" else 9)
    transport = serving(
        invoices=invoice(**PAID, payments=listing(own)),
        invoice_payments=listing(own, other),
        refunds=listing(REFUND),
    )
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        (found,) = await billing.documents(["in_1"])
    payment = next(each for each in found.settlements if each.kind is SettlementKind.PAYMENT)
    refunds = [each for each in found.settlements if each.kind is SettlementKind.REFUND]
    assert (payment.settlement_id, len(refunds)) == (name, 1 if name == "pi_1" else 0)


async def test_a_document_that_disagrees_keeps_no_page_from_being_read(
    stripe_config: ConnectionConfig,
) -> None:
    bad = invoice(id="in_bad", total=999)
    transport = serving(invoices=listing(invoice(), bad))
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        page = await billing.document_page(since=datetime.fromtimestamp(0, UTC))
        assert [each.document_id for each in page.documents] == ["in_1"]
        assert page.refused.keys() == {"in_bad"}
        assert "add up to 1000" in page.refused["in_bad"].message
    transport = serving(invoices=bad)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(Rejection, match="in_bad") as caught:
            await billing.documents(["in_bad"])
    assert caught.value.reason is RejectionCode.DOCUMENT_INCONSISTENT


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("adjustment", SettlementKind.GOODWILL),
        ("initial", SettlementKind.GOODWILL),
        ("migration", SettlementKind.GOODWILL),
        ("checkout_session_subscription_payment", SettlementKind.PAYMENT),
        ("unspent_receiver_credit", SettlementKind.PAYMENT),
    ],
)
async def test_what_moved_the_balance_without_a_document(
    stripe_config: ConnectionConfig, kind: str, told: SettlementKind
) -> None:
    movement = {"id": "cbtxn_1", "amount": -500, "type": kind, "created": 1, "currency": "eur"}

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("balance_transactions"):
            return answering(listing(movement))
        return answering({"id": "cus_1", "currency": "eur", "balance": -500})

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        found = await billing.account_snapshot("cus_1")
    (moved_it,) = found.movements
    assert (moved_it.kind, moved_it.amount.minor, moved_it.document_id) == (told, 500, None)
    assert [each.minor for each in found.balance] == [500]


async def test_the_taxes_of_shipping_are_asked_for(stripe_config: ConnectionConfig) -> None:
    cost: Json = {"amount_subtotal": 500, "amount_tax": 95, "amount_total": 595}
    rate = {"id": "txr_19", "inclusive": False, "percentage": 19}
    taxed = cost | {"taxes": [{"amount": 95, "rate": rate}]}
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        kind, expanded = request.url.path.split("/")[2], request.url.params.get("expand[]")
        seen.append(f"{kind} {expanded}")
        shown = taxed if expanded == "shipping_cost.taxes" else cost
        if kind == "invoices":
            return answering(invoice(total=1595, amount_remaining=1595, shipping_cost=shown))
        gross = {"total": 595, "status": "issued", "pre_payment_amount": 595}
        return answering(note(shipping_cost=shown, **gross))

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        documents = await billing.documents(["in_1", "cn_1"])
    shipped = [each.lines[-1] for each in documents]
    assert [tax.code for found in shipped for tax in found.taxes or ()] == ["txr_19", "txr_19"]
    assert [found.net.minor for found in shipped] == [500, -500]
    assert len([each for each in seen if "shipping" in each]) == 2


async def test_a_price_and_a_rate_are_read_once(stripe_config: ConnectionConfig) -> None:
    seen: list[str] = []
    pricing = {"price_details": {"price": "price_1", "product": "prod_1"}}
    tax = {
        "amount": 190,
        "tax_behavior": "exclusive",
        "tax_rate_details": {"tax_rate": "txr_1"},
    }
    pages: dict[str, Any] = {
        "invoices": invoice(
            total=1190, amount_remaining=1190, lines=listing(line(pricing=pricing, taxes=[tax]))
        ),
        "tax_rates": {"id": "txr_1", "inclusive": False, "percentage": 19.0},
        "prices": {
            "id": "price_1",
            "currency": "eur",
            "product": "prod_1",
            "billing_scheme": "per_unit",
            "unit_amount": 1000,
            "metadata": {"unit": "north"},
        },
    }

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path.split("/")[2])
        return answering(pages[seen[-1]])

    transport = httpx.MockTransport(respond)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        for _ in range(3):
            (found,) = await billing.documents(["in_1"])
    (told,) = found.lines
    assert told.metadata == {"unit": "north"}
    assert [str(each.rate) for each in told.taxes or ()] == ["0.19"]
    assert sorted(seen) == ["invoices"] * 3 + ["prices", "tax_rates"]


NONSENSE: Json = {
    "description": ["many"],
    "quantity": 10**30,
    "quantity_decimal": "0.33333333333333333333",
}


@pytest.mark.parametrize(
    "shown",
    [
        NONSENSE,
        NONSENSE | {"quantity": "many", "quantity_decimal": None},
        {"quantity": None, "quantity_decimal": "1e-7", "description": None},
    ],
)
async def test_what_is_only_shown_of_a_document_stops_no_money(
    stripe_config: ConnectionConfig, shown: Json
) -> None:
    pricing = {"price_details": {"price": "price_1", "product": "prod_1"}}
    found = invoice(
        lines=listing(line(pricing=pricing, **shown)),
        hosted_invoice_url={"url": "https://…"},
        custom_fields=[{"name": "PO number", "value": None}],
        customer_address={"line1": 7},
        customer_name=None,
    )
    price = {
        "id": "price_1",
        "currency": "usdcoin",
        "product": "prod_1",
        "billing_scheme": None,
        "unit_amount": "free",
        "unit_amount_decimal": "0." + "3" * 40,
        "recurring": {"usage_type": 5},
        "transform_quantity": {"divide_by": None},
        "metadata": {"unit": "north"},
    }
    transport = serving(invoices=found, prices=price)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        (told,) = await billing.documents(["in_1"])
    assert (told.gross.minor, told.remaining.minor) == (1000, 1000)
    (row,) = told.lines
    assert (row.item, row.metadata) == ("prod_1", {"unit": "north"})


async def test_what_is_only_shown_of_a_price_ends_no_subscription(
    stripe_config: ConnectionConfig,
) -> None:
    price = {
        "id": "price_1",
        "product": "prod_1",
        "currency": "usdcoin",
        "unit_amount": "free",
        "unit_amount_decimal": "1e-9",
        "billing_scheme": "by_the_moon",
        "recurring": 5,
    }
    sold = {"id": "si_1", "price": price, "quantity": 1}
    period = {"current_period_start": 1, "current_period_end": 2}
    transport = serving(subscriptions=subscription(items=listing(sold | period)))
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        found = await billing.snapshot("sub_1")
    (item,) = found.subscription.items
    assert (item.plan.unit_price, item.quantity) == (None, 1)
