"""The adapter reads a real Stripe dialogue: what was sold, changed, billed and ended."""

from collections.abc import Callable
from datetime import UTC, datetime

import stripe

from canonical_models.commerce import BillingLine, SubscriptionStatus
from canonical_models.money import Money
from connectors.stripe.adapter import StripeBilling

APRIL, MID_APRIL, MAY = 1775001600, 1776297600, 1777593600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Prices = dict[str, stripe.Price]


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def euro(lines: tuple[BillingLine, ...]) -> int:
    return Money.total((line.net for line in lines), "EUR").minor


def prorated(lines: tuple[BillingLine, ...]) -> tuple[BillingLine, ...]:
    return tuple(line for line in lines if line.proration)


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


async def test_a_new_subscription(
    billing: StripeBilling, subscribe: Subscribe, prices: Prices
) -> None:
    sold = subscribe()
    found = await billing.snapshot(sold.id, since=None)
    held = found.subscription
    assert (held.subscription_id, held.status) == (sold.id, SubscriptionStatus.ACTIVE)
    assert (held.started_at, held.as_of, held.period_end) == (at(APRIL), at(APRIL), at(MAY))
    assert (held.customer.customer_id, held.customer.tax_country) == (sold.customer, "DE")
    assert held.items[0].plan.item == prices["basic"].product
    (line,) = found.lines
    assert (line.net, line.tax, line.proration) == (Money(minor=1000, currency="EUR"), None, False)
    assert (line.period_start, line.period_end) == (at(APRIL), at(MAY))
    assert line.line_id.startswith("il_")
    assert found.mark is None


async def test_a_mid_term_upgrade_keeps_its_line_ids_when_it_is_invoiced(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    prices: Prices,
) -> None:
    sold = subscribe()
    move(sold, MID_APRIL)
    upgrade(sdk, sold, prices, "create_prorations")
    before = prorated((await billing.snapshot(sold.id, since=None)).lines)
    assert sorted(line.net.minor for line in before) == [-500, 1250]
    assert {line.item for line in before} == {prices["basic"].product, prices["pro"].product}
    assert {line.invoice_id for line in before} == {None}

    invoice = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id})
    drafted = await billing.snapshot(sold.id, since=None)
    assert prorated(drafted.lines) == ()  # on a draft they are not final

    final = sdk.v1.invoices.finalize_invoice(invoice.id)
    after = prorated((await billing.snapshot(sold.id, since=None)).lines)
    assert {line.line_id for line in after} == {line.line_id for line in before}
    assert {line.invoice_id for line in after} == {invoice.id}
    assert euro(after) == euro(before) == final.total == 750


async def test_an_upgrade_billed_at_once(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    prices: Prices,
) -> None:
    sold = subscribe()
    move(sold, MID_APRIL)
    upgrade(sdk, sold, prices, "always_invoice")
    found = await billing.snapshot(sold.id, since=None)
    assert found.subscription.items[0].plan.plan_id == prices["pro"].id
    lines = prorated(found.lines)
    items = sdk.v1.invoice_items.list({"customer": str(sold.customer)}).data
    assert {line.line_id for line in lines} == {item.id for item in items}
    invoice = sdk.v1.invoices.list({"subscription": sold.id, "limit": 1}).data[0]
    assert {line.invoice_id for line in lines} == {invoice.id}
    assert euro(lines) == invoice.total_excluding_tax == 750


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
    before = {line.line_id: line for line in (await billing.snapshot(sold.id, since=None)).lines}
    regular = next(line for line in before.values() if not line.proration)
    assert (regular.net.minor, regular.tax) == (840, Money(minor=160, currency="EUR"))
    assert {line.tax for line in before.values() if line.proration} == {None}

    invoice = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id})
    sdk.v1.invoices.finalize_invoice(invoice.id)
    after = (await billing.snapshot(sold.id, since=None)).lines
    assert {line.line_id: line.net for line in after} == {
        key: line.net for key, line in before.items()
    }
    assert all(line.tax is not None for line in after)


async def test_tax_on_top_is_shown_beside_the_net(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 19})
    found = await billing.snapshot(subscribe(default_tax_rates=[vat.id]).id, since=None)
    assert [(line.net.minor, line.tax) for line in found.lines] == [
        (1000, Money(minor=190, currency="EUR"))
    ]


async def test_all_pages_are_read(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    for amount in range(1, 102):
        sdk.v1.invoice_items.create(
            {
                "customer": str(sold.customer),
                "subscription": sold.id,
                "amount": amount,
                "currency": "eur",
            }
        )
    waiting = await billing.snapshot(sold.id, since=None)
    assert euro(waiting.lines) == 1000 + sum(range(1, 102))

    invoice = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id})
    sdk.v1.invoices.finalize_invoice(invoice.id)
    billed = await billing.snapshot(sold.id, since=None)
    assert {line.line_id for line in billed.lines} == {line.line_id for line in waiting.lines}
    assert euro(billed.lines) == euro(waiting.lines)


async def test_since_leaves_the_past_out_and_a_void_invoice_never_counts(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe(collection_method="send_invoice", days_until_due=30)
    move(sold, MAY + 2 * 3600)
    every = (await billing.snapshot(sold.id, since=None)).lines
    assert len(every) == 2
    newest = (await billing.snapshot(sold.id, since=at(MAY))).lines
    assert newest == every[1:]

    sdk.v1.invoices.void_invoice(str(sold.latest_invoice))
    assert (await billing.snapshot(sold.id, since=None)).lines == newest


async def test_a_cancellation_at_period_end_and_its_reinstatement(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    sdk.v1.subscriptions.update(sold.id, {"cancel_at_period_end": True})
    assert (await billing.snapshot(sold.id, since=None)).subscription.ends_at == at(MAY)
    sdk.v1.subscriptions.update(sold.id, {"cancel_at_period_end": False})
    assert (await billing.snapshot(sold.id, since=None)).subscription.ends_at is None


async def test_a_cancellation_now_credits_what_is_left(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    sold = subscribe()
    move(sold, MID_APRIL)
    sdk.v1.subscriptions.cancel(sold.id, {"prorate": True})
    found = await billing.snapshot(sold.id, since=None)
    assert found.subscription.status is SubscriptionStatus.CANCELLED
    assert found.subscription.ended_at == at(MID_APRIL)
    assert [line.net.minor for line in prorated(found.lines)] == [-500]
