"""A preview of a change says what Stripe then does, and what that is read as."""

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
import stripe

from canonical_models.commerce import BillingSnapshot
from canonical_models.documents import BillingDocument, BillingLine, DocumentStatus
from canonical_models.failures import Rejection
from canonical_models.proposal import Ending, ProposedChange, ProposedItem, Prorating
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling

MID_APRIL = 1776297600
Subscribe = Callable[..., stripe.Subscription]
Move = Callable[[stripe.Subscription, int], None]
Prices = dict[str, stripe.Price]
BEHAVIOURS: dict[Prorating, Any] = {
    Prorating.AT_ONCE: "always_invoice",
    Prorating.NEXT_INVOICE: "create_prorations",
    Prorating.NONE: "none",
}


def line_of(line: BillingLine) -> dict[str, Any]:
    return line.model_dump(exclude={"line_id", "item_id"})


def said(document: BillingDocument) -> dict[str, Any]:
    """All but what a final document alone has, and the money that has moved."""
    ours = {
        "document_id",
        "number",
        "status",
        "remaining",
        "settlements",
        "lines",
        "url",
        "pdf_url",
    }
    return document.model_dump(exclude=ours) | {"lines": [line_of(each) for each in document.lines]}


def sold(found: BillingSnapshot) -> dict[str, Any]:
    told = found.subscription.model_dump()
    return told | {"items": [{**each, "item_id": None} for each in told["items"]]}


def waiting(found: BillingSnapshot) -> list[dict[str, Any]]:
    """A preview has decided the taxes already."""
    lines = [line_of(line) | {"taxes": None} for line in found.unbilled.lines]
    return sorted(lines, key=str)


def form(change: ProposedChange) -> Any:
    items = []
    for each in change.items:
        given = {"id": each.item_id, "price": each.price, "quantity": each.quantity}
        given["deleted"] = each.removed or None
        items.append({name: value for name, value in given.items() if value is not None})
    return {"items": items, "proration_behavior": BEHAVIOURS[change.prorating]}


def drawn(random: Random, now: BillingSnapshot, prices: Prices) -> ProposedChange:
    """Any change of what is sold."""
    items = [
        ProposedItem(
            item_id=item.item_id,
            price=random.choice([None, prices["basic"].id, prices["pro"].id]),
            quantity=random.randint(1, 9),
        )
        for item in now.subscription.items[:1]
    ]
    other = now.subscription.items[1:]
    if not other and random.random() < 0.5:
        items.append(ProposedItem(price=prices["addon"].id, quantity=random.choice([None, 2])))
    elif other and random.random() < 0.5:
        items.append(ProposedItem(item_id=other[0].item_id, removed=True))
    return ProposedChange(items=tuple(items), prorating=random.choice(list(Prorating)))


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_previewed_is_what_is_then_read(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    prices: Prices,
    seed: int,
) -> None:
    random = Random(seed)
    vat: Any = {"display_name": "VAT", "inclusive": seed % 2 == 1, "percentage": 19}
    of = subscribe(default_tax_rates=[sdk.v1.tax_rates.create(vat).id])
    for step in range(1, 5):
        move(of, 1775001600 + step * 9 * 86400)
        now = await billing.snapshot(of.id)
        change = drawn(random, now, prices)
        foreseen = await billing.preview(of.id, change)
        # The preview has changed nothing.
        assert await billing.snapshot(of.id) == now

        sdk.v1.subscriptions.update(of.id, form(change))
        then = await billing.snapshot(of.id)
        assert sold(foreseen) == sold(then)
        known = {each.document_id for each in now.documents}
        issued = [each for each in then.documents if each.document_id not in known]
        # Nothing has moved on it yet, also where it is a credit.
        assert all(each.remaining == each.gross for each in foreseen.documents)
        assert [said(each) for each in foreseen.documents] == [said(each) for each in issued]
        if not issued:
            assert waiting(foreseen) == waiting(then)


@pytest.mark.parametrize("quantity", [1, 9])
@pytest.mark.parametrize("behaviour", ["keep_as_draft", "mark_uncollectible", "void"])
async def test_what_is_billed_while_collection_is_paused_is_previewed_as_what_becomes_of_it(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    move: Move,
    behaviour: Any,
    quantity: int,
) -> None:
    of = subscribe()
    five: Any = {"id": of["items"]["data"][0]["id"], "quantity": 5}
    sdk.v1.subscriptions.update(of.id, {"items": [five], "proration_behavior": "none"})
    move(of, MID_APRIL)
    sdk.v1.subscriptions.update(of.id, {"pause_collection": {"behavior": behaviour}})
    now = await billing.snapshot(of.id)
    (sold_now,) = now.subscription.items
    items = (ProposedItem(item_id=sold_now.item_id, quantity=quantity),)
    change = ProposedChange(items=items, prorating=Prorating.AT_ONCE)
    foreseen = await billing.preview(of.id, change)

    sdk.v1.subscriptions.update(of.id, form(change))
    then = await billing.snapshot(of.id)
    known = {each.document_id for each in now.documents}
    issued = [each for each in then.documents if each.document_id not in known]
    assert sold(foreseen) == sold(then)
    assert [said(each) for each in foreseen.documents] == [said(each) for each in issued]
    given_up = {DocumentStatus.VOID, DocumentStatus.UNCOLLECTIBLE}
    assert [each.status for each in foreseen.documents if each.status in given_up] == [
        each.status for each in issued if each.status in given_up
    ]
    assert waiting(foreseen) == waiting(then)
    assert bool(foreseen.unbilled.lines) is (behaviour == "keep_as_draft")


async def test_an_end_is_previewed(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe, move: Move
) -> None:
    of = subscribe()
    move(of, MID_APRIL)
    later = await billing.preview(of.id, ProposedChange(ending=Ending.PERIOD_END))
    assert not later.documents
    now = await billing.preview(of.id, ProposedChange(ending=Ending.NOW, prorating=Prorating.NONE))
    assert now.subscription.ended_at == datetime.fromtimestamp(MID_APRIL, UTC)

    sdk.v1.subscriptions.update(of.id, {"cancel_at_period_end": True})
    assert sold(later) == sold(await billing.snapshot(of.id))
    never = await billing.preview(of.id, ProposedChange(ending=Ending.NEVER))
    sdk.v1.subscriptions.update(of.id, {"cancel_at_period_end": False})
    assert sold(never) == sold(await billing.snapshot(of.id))
    sdk.v1.subscriptions.cancel(of.id)
    assert sold(now) == sold(await billing.snapshot(of.id))


async def test_it_takes_one_request(
    stripe_config: ConnectionConfig, subscribe: Subscribe, prices: Prices, move: Move
) -> None:
    of = subscribe()
    move(of, MID_APRIL)
    asked: list[str] = []

    def observe(_system: str, method: str, outcome: str, _seconds: float) -> None:
        asked.append(f"{method} {outcome}")

    item = of["items"]["data"][0]["id"]
    change = ProposedChange(
        items=(ProposedItem(item_id=item, price=prices["pro"].id),), prorating=Prorating.AT_ONCE
    )
    async with StripeBilling.connect(stripe_config, observe=observe) as fresh:
        await fresh.preview(of.id, change)
        # A price that nobody has shown it lately is read once.
        assert sorted(asked) == ["GET 200", "POST 200"]
        asked.clear()
        await fresh.preview(of.id, change)
    assert asked == ["POST 200"]


async def test_what_billing_does_not_take_is_refused(
    billing: StripeBilling, subscribe: Subscribe
) -> None:
    of = subscribe()
    other = ProposedChange(items=(ProposedItem(item_id="si_none", quantity=2),))
    with pytest.raises(Rejection, match="preview a change of the subscription"):
        await billing.preview(of.id, other)
    with pytest.raises(Rejection):
        await billing.preview("sub_none", ProposedChange(ending=Ending.NEVER))


def test_a_change_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="changes nothing"):
        ProposedChange()
    with pytest.raises(ValueError, match="named once"):
        ProposedChange(
            items=(
                ProposedItem(item_id="si_1", quantity=1),
                ProposedItem(item_id="si_1", removed=True),
            )
        )
    with pytest.raises(ValueError, match="or the price of one to add"):
        ProposedItem(quantity=3)
