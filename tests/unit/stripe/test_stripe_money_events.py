"""What the events of invoices, payments, refunds, disputes and credit notes hint at."""

from datetime import UTC, datetime
from typing import Any, get_args

import orjson
import pytest
import stripe

from canonical_models.amendment import ChangeHint, ChangeKind, PaymentHint
from connectors.ports import UnreadableEvent
from connectors.stripe.webhooks import StripeWebhooks

Json = dict[str, Any]
WEBHOOKS = StripeWebhooks()
CREATED = 1_800_000_000
#: The types of events that the SDK of the pinned version names.
KNOWN = get_args(stripe.Event.__annotations__["type"])


def hint(kind: str, found: Json, previous: Json | None = None) -> ChangeHint | PaymentHint | None:
    data: Json = {"object": found, "previous_attributes": previous}
    event = {"id": "evt_1", "object": "event", "type": kind, "created": CREATED, "data": data}
    return WEBHOOKS.hint(orjson.dumps(event))


def invoice(**changes: Any) -> Json:
    parent = {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
    plain: Json = {"id": "in_1", "object": "invoice", "customer": "cus_1", "parent": parent}
    return plain | changes


CYCLE, UPDATE = {"billing_reason": "subscription_cycle"}, {"billing_reason": "subscription_update"}


@pytest.mark.parametrize(
    ("end", "changes", "kind"),
    [
        ("finalized", CYCLE, ChangeKind.RENEWAL),
        ("finalized", UPDATE, ChangeKind.BILLED),
        ("finalized", {"billing_reason": None}, ChangeKind.BILLED),
        ("paid", CYCLE, ChangeKind.PAYMENT),
        ("paid", {}, ChangeKind.PAYMENT),
        ("payment_failed", CYCLE, ChangeKind.PAYMENT),
        ("voided", {}, ChangeKind.PAYMENT),
        ("marked_uncollectible", {}, ChangeKind.PAYMENT),
        ("overdue", {}, ChangeKind.PAYMENT),
    ],
)
def test_an_invoice_names_its_subscription(end: str, changes: Json, kind: ChangeKind) -> None:
    assert hint(f"invoice.{end}", invoice(**changes)) == ChangeHint(
        event_id="evt_1",
        subscription_id="sub_1",
        customer_id="cus_1",
        kind=kind,
        occurred_at=datetime.fromtimestamp(CREATED, UTC),
    )


@pytest.mark.parametrize("parent", [None, {"type": "quote_details"}])
def test_an_invoice_of_no_subscription(parent: Json | None) -> None:
    assert hint("invoice.paid", invoice(parent=parent)) is None


@pytest.mark.parametrize(
    "kind",
    [
        "invoice.created",
        "invoice.updated",
        "invoice.payment_succeeded",
        "invoice.payment_action_required",
        "invoice.sent",
        "refund.created",
        "refund.updated",
        "charge.succeeded",
        "charge.failed",
        "charge.dispute.created",
        "charge.dispute.updated",
        "payment_intent.succeeded",
    ],
)
def test_what_other_events_say_already(kind: str) -> None:
    assert kind in KNOWN
    assert hint(kind, invoice(), {"metadata": {"trueup_document": None}}) is None


def share(**payment: Any) -> Json:
    return {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "payment": payment}


def of_charge(kind: str, **changes: Any) -> Json:
    plain = {"id": "x_1", "object": kind, "charge": "ch_1", "payment_intent": "pi_1"}
    return plain | changes


CHARGE = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1"}
PAYMENTS: list[tuple[str, Json, str, str | None]] = [
    ("invoice_payment.paid", share(type="payment_intent", payment_intent="pi_1"), "pi_1", None),
    ("invoice_payment.paid", share(type="charge", charge="ch_1"), "ch_1", None),
    ("invoice_payment.paid", share(type="payment_record", payment_record="pr_1"), "inpay_1", None),
    ("charge.refunded", CHARGE, "pi_1", "cus_1"),
    ("charge.refunded", CHARGE | {"payment_intent": None, "customer": None}, "ch_1", None),
    ("charge.dispute.funds_withdrawn", of_charge("dispute"), "pi_1", None),
    ("charge.dispute.funds_reinstated", of_charge("dispute"), "pi_1", None),
    ("charge.dispute.closed", of_charge("dispute", payment_intent=None), "ch_1", None),
    ("refund.failed", of_charge("refund"), "pi_1", None),
]


@pytest.mark.parametrize(("kind", "found", "payment", "customer"), PAYMENTS)
def test_money_names_the_payment(
    kind: str, found: Json, payment: str, customer: str | None
) -> None:
    assert kind in KNOWN
    assert hint(kind, found) == PaymentHint(
        event_id="evt_1",
        payment_id=payment,
        invoice_id="in_1" if kind == "invoice_payment.paid" else None,
        customer_id=customer,
        occurred_at=datetime.fromtimestamp(CREATED, UTC),
    )


NOTE = {"id": "cn_1", "object": "credit_note", "invoice": "in_1", "customer": "cus_1"}


@pytest.mark.parametrize("end", ["created", "updated", "voided"])
@pytest.mark.parametrize("customer", ["cus_1", None])
def test_a_credit_note_names_its_invoice(end: str, customer: str | None) -> None:
    assert f"credit_note.{end}" in KNOWN
    assert hint(f"credit_note.{end}", NOTE | {"customer": customer}) == PaymentHint(
        event_id="evt_1",
        payment_id="cn_1",
        invoice_id="in_1",
        customer_id=customer,
        occurred_at=datetime.fromtimestamp(CREATED, UTC),
    )


def test_a_refund_of_what_was_paid_elsewhere_names_no_payment() -> None:
    assert hint("refund.failed", of_charge("refund", charge=None, payment_intent=None)) is None


@pytest.mark.parametrize(
    ("kind", "found", "path"),
    [
        ("invoice_payment.paid", share(payment_intent=7), "$.data.object.payment.payment_intent"),
        ("invoice_payment.paid", {"id": "inpay_1"}, "$.data.object.object"),
        ("charge.refunded", CHARGE | {"object": "refund"}, "$.data.object.object"),
        ("charge.refunded", CHARGE | {"customer": {"id": "cus_1"}}, "$.data.object.customer"),
        ("charge.dispute.closed", of_charge("charge"), "$.data.object.object"),
        ("charge.dispute.closed", of_charge("dispute", charge=[]), "$.data.object.charge"),
        ("credit_note.created", NOTE | {"object": "invoice"}, "$.data.object.object"),
        ("credit_note.updated", NOTE | {"invoice": None}, "$.data.object.invoice"),
        ("credit_note.voided", NOTE | {"customer": {"id": "cus_1"}}, "$.data.object.customer"),
    ],
)
def test_a_member_of_the_wrong_type(kind: str, found: Json, path: str) -> None:
    with pytest.raises(UnreadableEvent) as caught:
        hint(kind, found)
    assert str(caught.value).startswith(f"{path}: ")
