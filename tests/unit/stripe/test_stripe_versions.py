"""Events as the API versions since 2022 have them, written by hand from Stripe's changelog.

Their shapes are held against Stripe's schema of an older version and its example of today's."""

import json
import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from canonical_models.amendment import ChangeKind, ChangeTrigger, NamedOnly
from connectors.ports import UnreadableEvent
from connectors.stripe.options import StripeOptions
from connectors.stripe.webhooks import StripeWebhooks

Json = dict[str, Any]
WEBHOOKS = StripeWebhooks()

#: https://docs.stripe.com/changelog, each release that moved something, and one of each between.
OLDER = (
    "2022-08-01",
    "2022-11-15",
    "2023-08-16",
    "2023-10-16",
    "2024-04-10",
    "2024-06-20",
    "2024-09-30.acacia",
    "2025-02-24.acacia",
)
NEWER = (
    "2025-03-31.basil",
    "2025-09-30.clover",
    "2026-03-25.dahlia",
    "2026-10-28.endive",
    "2027-01-31.fig",
)


def event(
    kind: str, found: Json, version: str | None, previous: Json | None = None, **more: Any
) -> bytes:
    data: Json = {"object": found}
    if previous is not None:
        data["previous_attributes"] = previous
    body: Json = {"id": "evt_1", "object": "event", "type": kind, "created": 1_800_000_000}
    return orjson.dumps(
        body | {"livemode": False, "api_version": version, "account": None, "data": data} | more
    )


def invoice(version: str, subscription: str | None = "sub_1", **changes: Any) -> Json:
    plain: Json = {"id": "in_1", "object": "invoice", "customer": "cus_1", "status": "paid"}
    if version < "2025-03-31":
        return plain | {"subscription": subscription} | changes
    details: Json = {"subscription": subscription, "metadata": {}}
    parent = {"type": "subscription_details", "subscription_details": details}
    return plain | {"parent": parent if subscription else None} | changes


def item(version: str) -> Json:
    plain: Json = {"id": "ii_1", "object": "invoiceitem", "customer": "cus_1"}
    if version < "2025-03-31":
        return plain | {"subscription": "sub_1"}
    details = {"subscription": "sub_1", "subscription_item": "si_1"}
    return plain | {"parent": {"subscription_details": details, "type": "subscription_details"}}


def subscription(version: str, start: int = 100, quantity: int = 1) -> Json:
    row: Json = {"id": "si_1", "quantity": quantity, "price": {"id": "price_1", "unit_amount": 5}}
    plain: Json = {"id": "sub_1", "object": "subscription", "customer": "cus_1"}
    if version < "2025-03-31":
        plain["current_period_start"] = start
    else:
        row["current_period_start"] = start
    return plain | {"items": {"object": "list", "data": [row]}}


@pytest.mark.parametrize("version", [*OLDER, *NEWER])
def test_an_invoice_is_its_subscriptions(version: str) -> None:
    trigger = WEBHOOKS.trigger(event("invoice.paid", invoice(version), version))
    assert isinstance(trigger, ChangeTrigger)
    assert (trigger.subscription_id, trigger.customer_id) == ("sub_1", "cus_1")
    assert (trigger.kind, trigger.document_id) == (ChangeKind.PAYMENT, "in_1")


@pytest.mark.parametrize("version", [*OLDER, *NEWER])
def test_an_invoice_of_no_subscription_is_the_accounts(version: str) -> None:
    trigger = WEBHOOKS.trigger(event("invoice.paid", invoice(version, None), version))
    assert isinstance(trigger, ChangeTrigger)
    assert (trigger.subscription_id, trigger.document_id) == (None, "in_1")


@pytest.mark.parametrize("version", [*OLDER, *NEWER])
def test_an_invoice_item_is_its_subscriptions(version: str) -> None:
    trigger = WEBHOOKS.trigger(event("invoiceitem.created", item(version), version))
    assert isinstance(trigger, ChangeTrigger)
    assert trigger.subscription_id == "sub_1"


@pytest.mark.parametrize("version", [*OLDER, *NEWER])
def test_a_renewal_and_a_quantity_are_told_apart(version: str) -> None:
    kind = "customer.subscription.updated"
    now = subscription(version, start=200)
    if version < "2025-03-31":
        before: Json = {"current_period_start": 100, "current_period_end": 200}
    else:
        before = {"items": subscription(version, start=100)["items"]}
    renewed = WEBHOOKS.trigger(event(kind, now, version, before))
    assert isinstance(renewed, ChangeTrigger)
    assert renewed.kind is ChangeKind.RENEWAL
    more = subscription(version, quantity=2)
    was = {"items": subscription(version, quantity=1)["items"], "quantity": 1}
    changed = WEBHOOKS.trigger(event(kind, more, version, was))
    assert isinstance(changed, ChangeTrigger)
    assert changed.kind is ChangeKind.QUANTITY


@pytest.mark.parametrize("version", ["2020-08-27", "2019-12-03", "yesterday", 7])
def test_what_is_older_is_refused_in_words(version: Any) -> None:
    with pytest.raises(UnreadableEvent, match=r"\$.api_version: events of versions before 2022"):
        WEBHOOKS.trigger(event("invoice.paid", invoice("2020-08-27"), version))


def test_an_event_without_a_version_is_read_by_its_shape() -> None:
    for version in ("2022-08-01", "2026-10-28.endive"):
        trigger = WEBHOOKS.trigger(event("invoice.paid", invoice(version), None))
        assert isinstance(trigger, ChangeTrigger)
        assert trigger.subscription_id == "sub_1"


@pytest.mark.parametrize(
    ("options", "livemode", "account", "taken"),
    [
        ({}, False, None, True),
        ({}, True, None, False),
        ({"mode": "live"}, True, None, True),
        ({"mode": "live"}, False, None, False),
        ({}, False, "acct_1", False),
        ({"account": "acct_1"}, False, "acct_1", True),
        ({"account": "acct_1"}, False, "acct_2", False),
        ({"account": "acct_1"}, False, None, False),
        ({"account": "acct_1", "mode": "live"}, False, "acct_1", False),
    ],
)
def test_events_of_another_mode_or_account_are_never_taken(
    options: Json, livemode: bool, account: str | None, taken: bool
) -> None:
    webhooks = StripeWebhooks(StripeOptions.model_validate(options))
    found = {"id": "po_1", "object": "payout"}
    bodies = [
        event("invoice.paid", invoice("2026"), None, livemode=livemode, account=account),
        event("payout.paid", found, None, livemode=livemode, account=account),
    ]
    for body, read in zip(bodies, (webhooks.trigger, webhooks.payout), strict=True):
        if taken:
            assert read(body) is not None
        else:
            with pytest.raises(UnreadableEvent, match=r"nothing is done about it"):
                read(body)


def test_an_event_that_says_no_mode_is_not_taken() -> None:
    body = orjson.loads(event("invoice.paid", invoice("2026"), None))
    del body["livemode"]
    with pytest.raises(UnreadableEvent, match=r"\$.livemode"):
        WEBHOOKS.trigger(orjson.dumps(body))


def thin(kind: str, related: Json | None, **more: Any) -> bytes:
    body = {
        "id": "evt_test_1",
        "object": "v2.core.event",
        "type": kind,
        "created": "2026-11-22T10:00:00.123Z",
        "livemode": False,
        "context": None,
        "reason": None,
        "snapshot_event": "evt_1",
        "related_object": related,
    }
    return orjson.dumps(body | more)


def related(kind: str, key: str, url: str) -> Json:
    return {"id": key, "type": kind, "url": url}


def test_a_thin_event_that_tells_enough_by_its_name() -> None:
    of = related("subscription", "sub_1", "/v1/subscriptions/sub_1")
    for kind, change in (("created", ChangeKind.ACTIVATION), ("deleted", ChangeKind.CANCELLATION)):
        told = WEBHOOKS.trigger(thin(f"v1.customer.subscription.{kind}", of))
        assert isinstance(told, ChangeTrigger)
        assert (told.subscription_id, told.kind) == ("sub_1", change)
        assert told.occurred_at.year == 2026
    for kind, named in (
        ("v1.customer.deleted", related("customer", "cus_1", "/v1/customers/cus_1")),
        ("v1.customer.tax_id.created", related("tax_id", "x", "/v1/customers/cus_1/tax_ids/x")),
    ):
        account = WEBHOOKS.trigger(thin(kind, named))
        assert isinstance(account, ChangeTrigger)
        assert (account.customer_id, account.kind) == ("cus_1", ChangeKind.ACCOUNT)
    payout = WEBHOOKS.payout(thin("v1.payout.paid", related("payout", "po_1", "/v1/payouts/po_1")))
    assert payout is not None
    assert payout.payout_id == "po_1"


@pytest.mark.parametrize(
    ("kind", "named", "words"),
    [
        ("v1.invoice.paid", ("invoice", "in_1", "/v1/invoices/in_1"), "invoice in_1"),
        (
            "v1.customer.subscription.updated",
            ("subscription", "sub_1", "/v1/subscriptions/sub_1"),
            "subscription sub_1",
        ),
        (
            "v1.invoice_payment.paid",
            ("invoice_payment", "inpay_1", "/v1/invoice_payments/inpay_1"),
            "invoice payment inpay_1",
        ),
    ],
)
def test_of_a_thin_event_that_shows_too_little_stripe_is_asked(
    kind: str, named: tuple[str, str, str], words: str
) -> None:
    body = thin(kind, related(*named))
    assert WEBHOOKS.envelope(body) == ("evt_test_1", kind)
    found = WEBHOOKS.trigger(body)
    assert isinstance(found, NamedOnly)
    assert (found.event_id, found.what) == ("evt_test_1", words)


def test_our_own_note_coming_back_thin_is_told_by_its_key() -> None:
    of = related("subscription", "sub_1", "/v1/subscriptions/sub_1")

    def because(key: str | None) -> Json:
        return {"reason": {"type": "request", "request": {"id": "req_1", "idempotency_key": key}}}

    kind = "v1.customer.subscription.updated"
    assert WEBHOOKS.trigger(thin(kind, of, **because("trueup-note/chg_1/sync"))) is None
    for key in ("somebody's", None):
        assert isinstance(WEBHOOKS.trigger(thin(kind, of, **because(key))), NamedOnly)


def test_thin_events_of_others_are_ignored_or_refused_in_words() -> None:
    for kind in ("v1.product.created", "v2.core.event_destination.ping", "invoice.sent"):
        assert WEBHOOKS.trigger(thin(kind, None)) is None
        assert WEBHOOKS.payout(thin(kind, None)) is None
    live = thin("v1.customer.updated", None, livemode=True)
    with pytest.raises(UnreadableEvent, match="live mode"):
        WEBHOOKS.trigger(live)
    for named in (None, related("invoice", "in_1", "https://elsewhere.example/v1/invoices/in_1")):
        with pytest.raises(UnreadableEvent, match="names no object of the first API"):
            WEBHOOKS.trigger(thin("v1.invoice.paid", named))
    with pytest.raises(UnreadableEvent, match="names none"):
        WEBHOOKS.payout(thin("v1.payout.paid", related("invoice", "in_1", "/v1/invoices/in_1")))


CONTRACTS = Path(os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts"))


@pytest.mark.skipif(not CONTRACTS.is_dir(), reason="TRUEUP_CONTRACTS names no folder")
def test_the_shapes_above_are_stripes() -> None:
    schemas = json.loads((CONTRACTS / "stripe-subset-noprose.json").read_text())
    older = schemas["components"]["schemas"]  # Of 2023-08-16.
    now = json.loads((CONTRACTS / "stripe-fixtures3.json").read_text())["resources"]
    for kind in ("invoice", "invoiceitem"):
        assert "subscription" in older[kind]["properties"]
        assert "parent" not in older[kind]["properties"]
        assert "parent" in now[kind]
        assert now[kind].get("subscription") is None
    assert "current_period_start" in older["subscription"]["properties"]
    assert "current_period_start" not in older["subscription_item"]["properties"]
    assert "current_period_start" not in now["subscription"]
