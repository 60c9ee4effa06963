"""The adapter reads a real Stripe dialogue: what was sold, changed, billed and ended."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import stripe

from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import BillingLine, DocumentStatus, LineTax
from canonical_models.money import Money
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import at, by_id

APRIL, MID_APRIL, MAY, JUNE = 1775001600, 1776297600, 1777593600, 1780272000
HOUR = 3600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Prices = dict[str, stripe.Price]


def euro(lines: tuple[BillingLine, ...]) -> int:
    return Money.total((line.net for line in lines), "EUR").minor


def upgrade(
    sdk: stripe.StripeClient, sold: stripe.Subscription, prices: Prices, behaviour: str
) -> None:
    item = sold["items"]["data"][0]["id"]
    sdk.v1.subscriptions.update(
        sold.id,
        {
            "items": [{"id": item, "price": prices["pro"].id}],
            "proration_behavior": behaviour,
        },
    )


def wait(sdk: stripe.StripeClient, sold: stripe.Subscription, amount: int) -> str:
    """A pending item of the subscription."""
    wanted: Any = {
        "customer": str(sold.customer),
        "subscription": sold.id,
        "amount": amount,
        "currency": "eur",
    }
    return sdk.v1.invoice_items.create(wanted).id


def draw(sdk: stripe.StripeClient, sold: stripe.Subscription) -> str:
    """A draft of what is pending."""
    return sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id}).id


async def test_a_new_subscription_and_its_newest_document(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, prices: Prices
) -> None:
    vat = sdk.v1.tax_rates.create(
        {
            "display_name": "VAT",
            "inclusive": False,
            "percentage": 19,
            "country": "DE",
            "tax_type": "vat",
        }
    )
    sold = subscribe(default_tax_rates=[vat.id], metadata={"unit": "north"})
    found = await billing.snapshot(sold.id)
    held = found.subscription
    assert (held.subscription_id, held.status) == (sold.id, SubscriptionStatus.ACTIVE)
    assert (held.started_at, held.as_of, held.period_end) == (at(APRIL), at(APRIL), at(MAY))
    assert (held.customer.customer_id, held.customer.tax_country) == (sold.customer, "DE")
    assert (held.items[0].plan.item, held.metadata) == (prices["basic"].product, {"unit": "north"})
    assert (found.sync, found.missing, found.unbilled.lines) == (None, (), ())

    shown = sdk.v1.invoices.retrieve(str(sold.latest_invoice))
    document = by_id(found.documents)[shown.id]
    assert (document.status, document.number) == (DocumentStatus.PAID, shown.number)
    assert (document.made_for, document.subscription_id) == (sold.id, sold.id)
    assert (document.issued_at, document.gross.minor) == (at(APRIL), shown.total)
    assert document.url == shown.hosted_invoice_url
    assert document.bill_to is not None
    assert (document.bill_to.name, document.bill_to.address.country) == ("Ada GmbH", "DE")
    (line,) = document.lines
    assert line.taxes == (
        LineTax(
            amount=Money(minor=190, currency="EUR"),
            rate=Decimal("0.19"),
            kind="vat",
            country="de",
            code=vat.id,
        ),
    )
    assert (line.period_start, line.period_end) == (at(APRIL), at(MAY))
    assert (line.price, line.quantity) == (prices["basic"].id, Decimal(1))
    assert line.item_id == sold["items"]["data"][0]["id"]


async def test_what_waits_is_replaced_as_a_whole_until_it_is_billed(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    prices: Prices,
) -> None:
    sold = subscribe()
    move(sold, MID_APRIL)
    upgrade(sdk, sold, prices, "create_prorations")
    before = (await billing.snapshot(sold.id)).unbilled
    assert sorted(line.net.minor for line in before.lines) == [-500, 1250]
    assert {line.item for line in before.lines} == {prices["basic"].product, prices["pro"].product}
    assert {line.taxes for line in before.lines} == {None}
    assert {line.proration for line in before.lines} == {True}
    assert before.expected_on == date(2026, 5, 1)

    # Both are edited, as people do who forgive an upgrade.
    for line in before.lines:
        sdk.v1.invoice_items.update(line.line_id, {"amount": 0})
    edited = (await billing.snapshot(sold.id)).unbilled
    assert [line.net.minor for line in edited.lines] == [0, 0]
    assert {line.line_id for line in edited.lines} == {line.line_id for line in before.lines}

    invoice = draw(sdk, sold)
    drafted = await billing.snapshot(sold.id, documents=[invoice])
    assert {line.line_id for line in drafted.unbilled.lines} == {
        line.line_id for line in before.lines
    }
    assert (drafted.missing, drafted.unbilled.expected_on) == ((invoice,), None)

    sdk.v1.invoices.finalize_invoice(invoice)
    billed = await billing.snapshot(sold.id, documents=[invoice])
    assert (billed.unbilled.lines, billed.missing) == ((), ())
    assert by_id(billed.documents)[invoice].gross.minor == 0


async def test_an_upgrade_that_is_billed_at_once(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    prices: Prices,
) -> None:
    sold = subscribe()
    move(sold, MID_APRIL)
    upgrade(sdk, sold, prices, "always_invoice")
    found = await billing.snapshot(sold.id)
    assert found.subscription.items[0].plan.plan_id == prices["pro"].id
    (document,) = by_id(found.documents).values()
    assert [line.net.minor for line in document.lines if line.proration] == [-500, 1250]
    assert (document.gross.minor, found.unbilled.lines) == (750, ())
    assert document.number == sdk.v1.invoices.retrieve(document.document_id).number


async def test_tax_inside_the_price_is_taken_out_before_and_after(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    prices: Prices,
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": True, "percentage": 19})
    sold = subscribe(default_tax_rates=[vat.id])
    move(sold, MID_APRIL)
    upgrade(sdk, sold, prices, "create_prorations")
    found = await billing.snapshot(sold.id)
    (regular,) = found.documents[0].lines
    assert (regular.net.minor, regular.tax) == (840, Money(minor=160, currency="EUR"))
    waiting = euro(found.unbilled.lines)

    invoice = draw(sdk, sold)
    sdk.v1.invoices.finalize_invoice(invoice)
    (document,) = await billing.documents([invoice])
    assert document.net.minor == waiting
    assert all(tax.inclusive for line in document.lines for tax in line.taxes or ())


async def test_discounts_reach_the_prediction_and_the_document(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    coupon = sdk.v1.coupons.create({"percent_off": 20, "duration": "forever"})
    sold = subscribe(discounts=[{"coupon": coupon.id}])
    (document,) = by_id((await billing.snapshot(sold.id)).documents).values()
    (line,) = document.lines
    assert (line.net.minor, line.discount) == (800, Money(minor=200, currency="EUR"))

    wait(sdk, sold, 500)
    # A discount of the invoice is not known before there is one: what can be told is told.
    assert euro((await billing.snapshot(sold.id)).unbilled.lines) == 500
    draft = draw(sdk, sold)
    assert euro((await billing.snapshot(sold.id)).unbilled.lines) == 400
    sdk.v1.invoices.finalize_invoice(draft)
    (billed,) = await billing.documents([draft])
    assert (billed.net.minor, billed.lines[0].discount) == (400, Money(minor=100, currency="EUR"))


async def test_a_renewal_after_prorations_were_forgiven_is_what_stripe_billed(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 19})
    sold = subscribe(default_tax_rates=[vat.id])
    move(sold, MID_APRIL)
    item = sold["items"]["data"][0]["id"]
    sdk.v1.subscriptions.update(sold.id, {"items": [{"id": item, "quantity": 3}]})
    waiting = (await billing.snapshot(sold.id)).unbilled.lines
    assert euro(waiting) == 1000
    for line in waiting:
        sdk.v1.invoice_items.update(line.line_id, {"amount": 0})
    move(sold, MAY + 2 * HOUR)
    found = await billing.snapshot(sold.id, since=at(APRIL))
    documents = by_id(found.documents)
    assert (sum(each.net.minor for each in documents.values()), found.unbilled.lines) == (4000, ())
    listed = sdk.v1.invoices.list({"subscription": sold.id}).data
    assert {each.id: each.total for each in listed} == {
        key: each.gross.minor for key, each in documents.items()
    }


async def test_prorations_with_their_discounts_beside_are_shown_net(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    coupon = sdk.v1.coupons.create({"percent_off": 20, "duration": "forever"})
    sold = subscribe(
        discounts=[{"coupon": coupon.id}],
        billing_mode={"type": "flexible", "flexible": {"proration_discounts": "itemized"}},
    )
    move(sold, MID_APRIL)
    item = sold["items"]["data"][0]["id"]
    sdk.v1.subscriptions.update(sold.id, {"items": [{"id": item, "quantity": 3}]})
    waiting = (await billing.snapshot(sold.id)).unbilled.lines
    shown = sdk.v1.invoice_items.list({"customer": str(sold.customer), "pending": True}).data
    assert {line.line_id: line.net.minor for line in waiting} == {
        each.id: each.net_amount for each in shown
    }
    assert euro(waiting) == 800
    assert any(each.amount != each.net_amount for each in shown)

    draft = draw(sdk, sold)
    sdk.v1.invoices.finalize_invoice(draft)
    (billed,) = await billing.documents([draft])
    assert billed.net.minor == 800


async def test_all_pages_are_read(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    for amount in range(1, 102):
        wait(sdk, sold, amount)
    waiting = (await billing.snapshot(sold.id)).unbilled
    assert (len(waiting.lines), euro(waiting.lines)) == (101, sum(range(1, 102)))

    invoice = draw(sdk, sold)
    drafted = (await billing.snapshot(sold.id)).unbilled
    assert {line.line_id for line in drafted.lines} == {line.line_id for line in waiting.lines}
    sdk.v1.invoices.finalize_invoice(invoice)
    document = by_id(await billing.documents([invoice]))[invoice]
    assert (len(document.lines), document.net.minor) == (101, euro(waiting.lines))


async def test_what_is_no_document_is_missing(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    wait(sdk, sold, 70)
    draft = draw(sdk, sold)
    asked = [draft, "in_unknown", "cn_unknown", "../x", "ch_1", str(sold.latest_invoice)]
    found = await billing.snapshot(sold.id, documents=asked)
    assert found.missing == tuple(asked[:-1])
    assert [document.document_id for document in found.documents] == [sold.latest_invoice]
    sdk.v1.invoices.delete(draft)
    assert (await billing.snapshot(sold.id, documents=[draft])).missing == (draft,)
    assert await billing.documents([*asked, str(sold.latest_invoice)]) == found.documents


async def test_what_a_customer_owes_beside_a_subscription_is_not_of_it(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    sdk.v1.invoice_items.create({"customer": str(sold.customer), "amount": 30, "currency": "eur"})
    assert (await billing.snapshot(sold.id)).unbilled.lines == ()
    move(sold, MAY + 2 * HOUR)
    (swept,) = (await billing.snapshot(sold.id)).documents
    assert (swept.gross.minor, swept.made_for, swept.subscription_id) == (1030, sold.id, None)
