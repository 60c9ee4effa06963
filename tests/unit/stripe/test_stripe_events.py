"""Authentic bodies: what they hint at, and that none can do harm."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical_models.amendment import ChangeKind, ChangeTrigger, NamedOnly
from connectors.noting import noting
from connectors.ports import UnreadableEvent
from connectors.stripe.webhooks import StripeWebhooks

Json = dict[str, Any]
WEBHOOKS = StripeWebhooks()
CREATED = 1_800_000_000


def price(amount: int | None = 1000, interval: str = "month", key: str = "") -> Json:
    return {
        "id": key or f"price_{amount}_{interval}",
        "unit_amount": amount,
        "currency": "eur",
        "recurring": {"interval": interval, "interval_count": 1},
    }


def items(*found: Json) -> Json:
    return {"object": "list", "data": list(found)}


def item(key: str = "si_1", quantity: int = 1, start: int = 1, **of: Any) -> Json:
    return {
        "id": key,
        "quantity": quantity,
        "current_period_start": start,
        "price": price(**of),
    }


def event(kind: str, found: Json, previous: Json | None = None) -> bytes:
    data: Json = {"object": found}
    if previous is not None:
        data["previous_attributes"] = previous
    return orjson.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": kind,
            "created": CREATED,
            "livemode": False,
            "data": data,
        }
    )


def subscription(**changes: Any) -> Json:
    plain: Json = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "items": items(item()),
    }
    return plain | changes


def kind_of(body: bytes) -> ChangeKind | None:
    found = WEBHOOKS.trigger(body)
    return found.kind if isinstance(found, ChangeTrigger) else None


def test_a_hint_says_what_to_look_at() -> None:
    body = event("customer.subscription.created", subscription())
    assert WEBHOOKS.envelope(body) == ("evt_1", "customer.subscription.created")
    assert WEBHOOKS.trigger(body) == ChangeTrigger(
        event_id="evt_1",
        subscription_id="sub_1",
        customer_id="cus_1",
        kind=ChangeKind.ACTIVATION,
        occurred_at=datetime.fromtimestamp(CREATED, UTC),
    )


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        ("created", ChangeKind.ACTIVATION),
        ("deleted", ChangeKind.CANCELLATION),
        ("paused", ChangeKind.OTHER),
        ("resumed", ChangeKind.OTHER),
        ("updated", ChangeKind.OTHER),
        ("trial_will_end", None),
        ("pending_update_applied", None),
    ],
)
def test_the_events_of_a_subscription(end: str, kind: ChangeKind | None) -> None:
    assert kind_of(event(f"customer.subscription.{end}", subscription())) is kind


OLD, NEW = item(), item(amount=2500)
UPDATES = [
    ({}, {"metadata": {"trueup_change": None}}, None),
    ({}, {}, ChangeKind.OTHER),
    ({}, {"metadata": {}, "latest_invoice": "in_0"}, ChangeKind.OTHER),
    ({"items": items(NEW)}, {"items": items(OLD)}, ChangeKind.UPGRADE),
    ({"items": items(OLD)}, {"items": items(NEW)}, ChangeKind.DOWNGRADE),
    ({"items": items(NEW)}, {"items": items(OLD), "metadata": {}}, ChangeKind.UPGRADE),
    ({"items": items(item(amount=99, interval="year"))}, {"items": items(OLD)}, ChangeKind.OTHER),
    ({"items": items(item(amount=None))}, {"items": items(OLD)}, ChangeKind.OTHER),
    ({"items": items(item(key="si_1"))}, {"items": items(item(quantity=5))}, ChangeKind.QUANTITY),
    ({"items": items(OLD, item("si_2"))}, {"items": items(OLD)}, ChangeKind.ADD_ON),
    ({"items": items(OLD)}, {"items": items(OLD, item("si_2"))}, ChangeKind.DOWNGRADE),
    ({"items": items(item("si_2"))}, {"items": items(OLD)}, ChangeKind.OTHER),
    ({"items": items(item(start=2))}, {"items": items(OLD)}, ChangeKind.RENEWAL),
    ({"items": items(OLD)}, {"items": items(OLD)}, ChangeKind.OTHER),
    # One plan goes up by what the other goes down; and one alone of two is exchanged.
    (
        {"items": items(NEW, item("si_2"))},
        {"items": items(OLD, item("si_2", amount=2500))},
        ChangeKind.OTHER,
    ),
    (
        {"items": items(NEW, item("si_2"))},
        {"items": items(OLD, item("si_2"))},
        ChangeKind.UPGRADE,
    ),
    ({"items": items(OLD)}, {"items": "gone"}, ChangeKind.OTHER),
    ({"items": items(OLD)}, {"items": {"data": [{"id": 7}]}}, ChangeKind.OTHER),
    ({"items": None}, {"items": items(OLD)}, ChangeKind.OTHER),
    (
        {"cancel_at_period_end": True, "cancel_at": 9},
        {"cancel_at_period_end": False, "cancel_at": None},
        ChangeKind.CANCELLATION_SCHEDULED,
    ),
    ({"cancel_at": 9}, {"cancel_at": None}, ChangeKind.CANCELLATION_SCHEDULED),
    ({}, {"cancel_at_period_end": True, "cancel_at": 9}, ChangeKind.REINSTATEMENT),
    ({"items": items(NEW)}, {"items": items(OLD), "cancel_at": 9}, ChangeKind.UPGRADE),
]


@pytest.mark.parametrize(("now", "before", "kind"), UPDATES)
def test_what_an_update_hints_at(now: Json, before: Json, kind: ChangeKind | None) -> None:
    body = event("customer.subscription.updated", subscription(**now), before)
    assert kind_of(body) is kind


def test_types_of_others_are_ignored_whatever_they_hold() -> None:
    body = orjson.dumps({"id": "evt_1", "type": "v2.core.event_destination.ping", "data": 7})
    assert WEBHOOKS.envelope(body) == ("evt_1", "v2.core.event_destination.ping")
    assert WEBHOOKS.trigger(body) is None


NO_ENVELOPE = [
    (b"", "$"),
    (b"\xff\xfe", "$"),
    (b"not json", "$"),
    (b'{"id": "evt_1"', "$"),
    (b'{"id": "evt_1", "type": "\xc3\x28"}', "$"),
    (b'{"id": "\\ud800", "type": "x"}', "$"),
    (b"\xef\xbb\xbf{}", "$"),
    (b'{"id": NaN, "type": "x"}', "$"),
    (b"[" * 100_000, "$"),
    (b"[" * 2000 + b"]" * 2000, "$"),
    (b'{"a":' * 2000 + b"1" + b"}" * 2000, "$"),
    (b"null", "$"),
    (b"[]", "$"),
    (b'"evt_1"', "$"),
    (b"1" * 5000, "$"),
    (b"{}", "$.id"),
    (b'{"id": "evt_1"}', "$.type"),
    (b'{"id": 1, "type": "x"}', "$.id"),
    (b'{"id": null, "type": "x"}', "$.id"),
    (b'{"id": "", "type": "x"}', "$.id"),
    (b'{"id": "two words", "type": "x"}', "$.id"),
    (b'{"id": "evt_1\\u0000", "type": "x"}', "$.id"),
    (b'{"id": "' + b"e" * 256 + b'", "type": "x"}', "$.id"),
    (b'{"id": "evt_1", "type": ["x"]}', "$.type"),
    (b'{"id": "evt_1", "type": "x\\n"}', "$.type"),
]


@pytest.mark.parametrize(("body", "path"), NO_ENVELOPE)
def test_a_body_without_an_envelope(body: bytes, path: str) -> None:
    for read in (WEBHOOKS.envelope, WEBHOOKS.trigger):
        with pytest.raises(UnreadableEvent) as caught:
            read(body)
        assert str(caught.value).startswith(f"{path}: ")


def broken(path: str, value: Any, *, remove: bool = False) -> bytes:
    """A good event with the member at `path` replaced or removed."""
    data = orjson.loads(event("customer.subscription.updated", subscription(), {}))
    *way, last = path.removeprefix("$.").split(".")
    here = data
    for part in way:
        here = here[part]
    if remove:
        del here[last]
    else:
        here[last] = value
    return orjson.dumps(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.created", "yesterday"),
        ("$.created", -1),
        ("$.created", 1.5),
        ("$.created", 10**18),
        ("$.created", True),
        ("$.data", []),
        ("$.data.object", None),
        ("$.data.object.id", 7),
        ("$.data.object.id", "sub 1"),
        ("$.data.object.object", "invoice"),
        ("$.data.object.customer", None),
        ("$.data.object.customer", {"id": "cus_1"}),
        ("$.data.object.cancel_at", "soon"),
        ("$.data.object.cancel_at_period_end", "yes"),
        ("$.data.object.items", []),
        ("$.data.previous_attributes", []),
    ],
)
def test_a_member_of_the_wrong_type(path: str, value: Any) -> None:
    body = broken(path, value)
    assert WEBHOOKS.envelope(body)[0] == "evt_1"
    told = refused_or_noted(body)
    assert told.startswith(f"{path}: ")
    # What names its object all the same is read by that.
    inside = path.startswith(("$.data.object.", "$.data.previous"))
    assert told.endswith("Stripe is asked instead") is (inside and path != "$.data.object.id")


def refused_or_noted(body: bytes) -> str:
    """Why it is a dead letter, or what is noted of it where Stripe is asked what it says."""
    with noting() as found:
        try:
            said = WEBHOOKS.trigger(body)
        except UnreadableEvent as error:
            assert found == []
            return str(error)
    assert isinstance(said, NamedOnly)
    (one,) = found
    return f"{one.path}: {one.change}"


@pytest.mark.parametrize(
    "path", ["$.created", "$.data", "$.data.object", "$.data.object.id", "$.data.object.customer"]
)
def test_a_missing_member(path: str) -> None:
    assert refused_or_noted(broken(path, None, remove=True)).startswith(f"{path}: ")


def test_a_huge_integer_is_no_time() -> None:
    body = broken("$.created", 1).replace(b'"created":1,', b'"created":' + b"9" * 400 + b",")
    with pytest.raises(UnreadableEvent) as caught:
        WEBHOOKS.trigger(body)
    assert str(caught.value).startswith("$")


def test_the_reason_does_not_show_the_value() -> None:
    assert "jane" not in refused_or_noted(broken("$.data.object.customer", "jane doe"))
    assert "jane" not in refused_or_noted(broken("$.data.object.id", "jane doe"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
TYPES = st.sampled_from(
    [
        "customer.subscription.updated",
        "invoice.paid",
        "invoice_payment.paid",
        "charge.refunded",
        "charge.dispute.closed",
        "credit_note.updated",
        "customer.updated",
        "customer.tax_id.updated",
        "invoice.updated",
        "invoiceitem.created",
        "other",
    ]
)

MEMBERS = [
    "id",
    "object",
    "items",
    "customer",
    "parent",
    "status",
    "invoice",
    "payment",
    "payment_intent",
    "charge",
]


def outcome(body: bytes) -> ChangeTrigger | NamedOnly | str | None:
    try:
        return WEBHOOKS.trigger(body)
    except UnreadableEvent as error:
        return str(error)


@given(TYPES, st.dictionaries(st.sampled_from(MEMBERS), JSON), JSON)
def test_no_content_raises_anything_else(kind: str, found: Json, previous: Any) -> None:
    said = outcome(event(kind, subscription() | found, {"items": previous}))
    assert not isinstance(said, str) or said.startswith("$")


@given(st.binary())
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        WEBHOOKS.envelope(body)
