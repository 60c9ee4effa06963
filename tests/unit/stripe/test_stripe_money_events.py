"""What the events of invoices, payments, refunds, disputes, credit notes and customers hint at."""

from datetime import UTC, datetime
from typing import Any, get_args

import orjson
import pytest
import stripe

from canonical_models.amendment import ChangeKind, ChangeTrigger, NamedOnly
from connectors.noting import noting
from connectors.ports import UnreadableEvent
from connectors.stripe.webhooks import StripeWebhooks

Json = dict[str, Any]
WEBHOOKS = StripeWebhooks()
CREATED = 1_800_000_000
#: The types of events that the SDK of the pinned version names.
KNOWN = get_args(stripe.Event.__annotations__["type"])


def told(kind: str, found: Json, previous: Json | None = None) -> ChangeTrigger | NamedOnly | None:
    data: Json = {"object": found, "previous_attributes": previous}
    event = {
        "id": "evt_1",
        "object": "event",
        "type": kind,
        "created": CREATED,
        "livemode": False,
        "data": data,
    }
    return WEBHOOKS.trigger(orjson.dumps(event))


def trigger(kind: str, found: Json, previous: Json | None = None) -> ChangeTrigger | None:
    said = told(kind, found, previous)
    assert not isinstance(said, NamedOnly)
    return said


def expected(kind: ChangeKind, **named: str | None) -> ChangeTrigger:
    plain: Json = {"subscription_id": None, "customer_id": None}
    return ChangeTrigger(
        event_id="evt_1",
        kind=kind,
        occurred_at=datetime.fromtimestamp(CREATED, UTC),
        **(plain | named),
    )


def invoice(**changes: Any) -> Json:
    parent = {"type": "subscription_details", "subscription_details": {"subscription": "sub_1"}}
    plain: Json = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "status": "open",
        "parent": parent,
    }
    return plain | changes


CYCLE, UPDATE = {"billing_reason": "subscription_cycle"}, {"billing_reason": "subscription_update"}
INVOICES = [
    ("finalized", CYCLE, ChangeKind.RENEWAL),
    ("finalized", UPDATE, ChangeKind.BILLED),
    ("finalized", {"billing_reason": None}, ChangeKind.BILLED),
    ("paid", CYCLE, ChangeKind.PAYMENT),
    ("paid", {"status": "paid"}, ChangeKind.PAYMENT),
    ("overpaid", {"status": "paid"}, ChangeKind.PAYMENT),
    ("payment_failed", CYCLE, ChangeKind.PAYMENT),
    ("voided", {"status": "void"}, ChangeKind.PAYMENT),
    ("marked_uncollectible", {"status": "uncollectible"}, ChangeKind.PAYMENT),
    ("overdue", {}, ChangeKind.PAYMENT),
]


@pytest.mark.parametrize(("end", "changes", "kind"), INVOICES)
def test_an_invoice_names_its_subscription_and_itself(
    end: str, changes: Json, kind: ChangeKind
) -> None:
    assert f"invoice.{end}" in KNOWN
    assert trigger(f"invoice.{end}", invoice(**changes)) == expected(
        kind, subscription_id="sub_1", customer_id="cus_1", document_id="in_1"
    )


@pytest.mark.parametrize("parent", [None, {"type": "quote_details"}])
@pytest.mark.parametrize(("end", "changes", "kind"), INVOICES)
def test_an_invoice_that_stands_alone_is_of_its_customer(
    end: str, changes: Json, kind: ChangeKind, parent: Json | None
) -> None:
    assert trigger(f"invoice.{end}", invoice(**changes, parent=parent)) == expected(
        kind, customer_id="cus_1", document_id="in_1"
    )


@pytest.mark.parametrize(
    ("end", "previous"),
    [
        ("created", None),
        ("updated", {"lines": {}, "total": 7}),
        ("updated", {"metadata": {}, "total": 7}),
        ("deleted", None),
    ],
)
def test_a_draft_is_what_its_subscription_has_not_billed(end: str, previous: Json | None) -> None:
    found = trigger(f"invoice.{end}", invoice(status="draft"), previous)
    assert found == expected(ChangeKind.OTHER, subscription_id="sub_1", customer_id="cus_1")
    assert trigger(f"invoice.{end}", invoice(status="draft", parent=None), previous) is None


@pytest.mark.parametrize(
    ("previous", "heard"),
    [
        ({"metadata": {"trueup_document": None}}, False),
        ({"next_payment_attempt": 7, "attempt_count": 0}, False),
        ({"status": "open", "amount_remaining": 100}, False),
        ({"status": "draft", "number": None}, False),
        ({"amount_remaining": 100, "amount_paid": 0}, True),
        ({"due_date": 7}, True),
        ({"customer_name": "Ada", "metadata": {}}, True),
        (None, False),
    ],
)
def test_an_update_of_a_final_invoice_that_nothing_else_tells(
    previous: Json | None, heard: bool
) -> None:
    assert (trigger("invoice.updated", invoice(), previous) is not None) is heard


@pytest.mark.parametrize("end", ["created", "updated", "deleted"])
def test_an_item_that_waits_is_of_the_subscription_that_it_names(end: str) -> None:
    item: Json = {"id": "ii_1", "object": "invoiceitem", "customer": "cus_1"}
    named = item | {"parent": {"subscription_details": {"subscription": "sub_1"}}}
    assert trigger(f"invoiceitem.{end}", named) == expected(
        ChangeKind.OTHER, subscription_id="sub_1", customer_id="cus_1"
    )
    assert trigger(f"invoiceitem.{end}", item | {"parent": None}) is None


@pytest.mark.parametrize(
    "kind",
    [
        "invoice.payment_succeeded",
        "invoice.payment_action_required",
        "invoice.sent",
        "invoice.upcoming",
        "charge.succeeded",
        "charge.failed",
        "payment_intent.succeeded",
        "customer.created",
        "customer.discount.created",
    ],
)
def test_what_other_events_say_already(kind: str) -> None:
    assert kind in KNOWN
    assert trigger(kind, invoice(), {"name": None}) is None


def share(**payment: Any) -> Json:
    return {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "payment": payment}


def of_charge(kind: str, **changes: Any) -> Json:
    plain = {"id": "x_1", "object": kind, "charge": "ch_1", "payment_intent": "pi_1"}
    return plain | changes


@pytest.mark.parametrize(
    ("payment", "name"),
    [
        ({"type": "payment_intent", "payment_intent": "pi_1"}, "pi_1"),
        ({"type": "charge", "charge": "ch_1"}, "ch_1"),
        ({"type": "payment_record", "payment_record": "pr_1"}, "inpay_1"),
    ],
)
def test_a_payment_names_its_document(payment: Json, name: str) -> None:
    assert trigger("invoice_payment.paid", share(**payment)) == expected(
        ChangeKind.PAYMENT, document_id="in_1", payment_id=name
    )


CHARGE = {"id": "ch_1", "object": "charge", "payment_intent": "pi_1", "customer": "cus_1"}
MONEY: list[tuple[str, Json, str, str | None]] = [
    ("charge.refunded", CHARGE, "pi_1", "cus_1"),
    ("charge.refunded", CHARGE | {"payment_intent": None, "customer": None}, "ch_1", None),
    ("charge.refund.updated", of_charge("refund"), "pi_1", None),
    ("refund.created", of_charge("refund", customer="cus_1"), "pi_1", "cus_1"),
    ("refund.updated", of_charge("refund", status="canceled"), "pi_1", None),
    ("refund.failed", of_charge("refund"), "pi_1", None),
    ("charge.dispute.created", of_charge("dispute"), "pi_1", None),
    ("charge.dispute.updated", of_charge("dispute"), "pi_1", None),
    ("charge.dispute.funds_withdrawn", of_charge("dispute"), "pi_1", None),
    ("charge.dispute.funds_reinstated", of_charge("dispute"), "pi_1", None),
    ("charge.dispute.closed", of_charge("dispute", payment_intent=None), "ch_1", None),
]


@pytest.mark.parametrize(("kind", "found", "payment", "customer"), MONEY)
def test_money_names_the_payment(
    kind: str, found: Json, payment: str, customer: str | None
) -> None:
    assert kind in KNOWN
    assert trigger(kind, found) == expected(
        ChangeKind.PAYMENT, customer_id=customer, payment_id=payment
    )


def test_a_note_on_a_refund_changes_nothing() -> None:
    assert trigger("refund.updated", of_charge("refund"), {"metadata": {}}) is None
    assert trigger("refund.updated", of_charge("refund"), {"status": "pending"}) is not None


def test_a_refund_of_what_was_paid_elsewhere_names_no_payment() -> None:
    assert trigger("refund.failed", of_charge("refund", charge=None, payment_intent=None)) is None


NOTE = {"id": "cn_1", "object": "credit_note", "invoice": "in_1", "customer": "cus_1"}


@pytest.mark.parametrize("end", ["created", "updated", "voided"])
@pytest.mark.parametrize("customer", ["cus_1", None])
def test_a_credit_note_names_itself_and_its_invoice(end: str, customer: str | None) -> None:
    assert f"credit_note.{end}" in KNOWN
    assert trigger(f"credit_note.{end}", NOTE | {"customer": customer}) == expected(
        ChangeKind.BILLED, customer_id=customer, document_id="cn_1", corrects="in_1"
    )


def test_our_own_note_on_a_credit_note_is_no_change() -> None:
    assert trigger("credit_note.updated", NOTE, {"metadata": {"trueup_document": None}}) is None


@pytest.mark.parametrize(
    ("previous", "heard"),
    [
        ({"name": "Ada"}, True),
        ({"address": None}, True),
        ({"tax_exempt": "none"}, True),
        ({"balance": 0}, True),
        ({"invoice_credit_balance": {}}, True),
        ({"metadata": {}}, False),
        ({"default_source": None, "delinquent": False}, False),
        ({"next_invoice_sequence": 7}, False),
        (None, False),
    ],
)
def test_an_update_of_a_customer_that_concerns_others(previous: Json | None, heard: bool) -> None:
    found = trigger("customer.updated", {"id": "cus_1", "object": "customer"}, previous)
    assert found == (expected(ChangeKind.ACCOUNT, customer_id="cus_1") if heard else None)


def test_the_end_of_a_customer() -> None:
    assert trigger("customer.deleted", {"id": "cus_1", "object": "customer"}) == expected(
        ChangeKind.ACCOUNT, customer_id="cus_1"
    )


@pytest.mark.parametrize("end", ["created", "updated", "deleted"])
def test_a_tax_id_is_of_its_customer(end: str) -> None:
    assert f"customer.tax_id.{end}" in KNOWN
    found = {"id": "txi_1", "object": "tax_id", "customer": "cus_1"}
    assert trigger(f"customer.tax_id.{end}", found) == expected(
        ChangeKind.ACCOUNT, customer_id="cus_1"
    )
    assert trigger(f"customer.tax_id.{end}", found | {"customer": None}) is None


BAD = "$.data.object"


@pytest.mark.parametrize(
    ("kind", "found", "path"),
    [
        ("invoice_payment.paid", share(payment_intent=7), f"{BAD}.payment.payment_intent"),
        ("invoice_payment.paid", {"id": "inpay_1"}, f"{BAD}.object"),
        ("charge.refunded", CHARGE | {"object": "refund"}, f"{BAD}.object"),
        ("charge.refunded", CHARGE | {"customer": {"id": "cus_1"}}, f"{BAD}.customer"),
        ("charge.dispute.closed", of_charge("charge"), f"{BAD}.object"),
        ("charge.dispute.closed", of_charge("dispute", charge=[]), f"{BAD}.charge"),
        ("credit_note.created", NOTE | {"object": "invoice"}, f"{BAD}.object"),
        ("credit_note.updated", NOTE | {"invoice": None}, f"{BAD}.invoice"),
        ("credit_note.voided", NOTE | {"customer": {"id": "cus_1"}}, f"{BAD}.customer"),
        ("invoice.paid", invoice(customer={"id": "cus_1"}), f"{BAD}.customer"),
        ("invoiceitem.created", {"id": "ii_1", "object": "invoiceitem"}, f"{BAD}.customer"),
        ("customer.updated", {"id": "cus_1"}, f"{BAD}.object"),
        ("customer.tax_id.created", {"id": "txi_1", "object": "tax_id"}, f"{BAD}.customer"),
    ],
)
def test_a_member_of_the_wrong_type(kind: str, found: Json, path: str) -> None:
    if found.get("object") in (None, "tax_id"):
        # It names no object that could be read.
        with pytest.raises(UnreadableEvent) as caught:
            told(kind, found)
        assert str(caught.value).startswith(f"{path}: ")
        return
    with noting() as noted:
        said = told(kind, found)
    assert isinstance(said, NamedOnly)
    assert found["id"] in said.what
    assert [each.path for each in noted] == [path]
