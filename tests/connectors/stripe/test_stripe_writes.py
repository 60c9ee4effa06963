"""Writing on invoices, giving them up, and ending a subscription: once, whatever gets lost."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from canonical_models.commerce import SubscriptionStatus
from canonical_models.documents import DocumentStatus, SettlementKind
from canonical_models.failures import Rejection, RejectionCode, UncertainWrite
from canonical_models.money import Money
from connectors.stripe.adapter import StripeBilling

Subscribe = Callable[..., stripe.Subscription]
Fault = Callable[..., None]
SENT = {"collection_method": "send_invoice", "days_until_due": 14}
LOST = [("after", True), ("before", False)]
CLOSINGS = [
    (DocumentStatus.VOID, "invoice.voided"),
    (DocumentStatus.UNCOLLECTIBLE, "invoice.marked_uncollectible"),
]


@pytest.fixture
def opened(subscribe: Subscribe) -> str:
    """An invoice that was sent and waits to be paid."""
    return str(subscribe(**SENT).latest_invoice)


def notes(sdk: stripe.StripeClient, invoice: str) -> dict[str, str]:
    metadata = sdk.v1.invoices.retrieve(invoice).metadata
    return metadata.to_dict() if metadata else {}


def status(sdk: stripe.StripeClient, invoice: str) -> str | None:
    return sdk.v1.invoices.retrieve(invoice).status


def happened(sdk: stripe.StripeClient, kind: str, key: str) -> int:
    """How often an event of the type was about the object."""
    found = sdk.v1.events.list({"type": kind, "limit": 100}).data
    return sum(event.data.object["id"] == key for event in found)


async def test_the_standing_is_noted_and_removed(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str
) -> None:
    sdk.v1.invoices.update(opened, {"metadata": {"theirs": "stays"}})
    await billing.record_erp_status(
        opened, {"document": "INV-7", "open": "4.00"}, key=f"{opened}/1"
    )
    assert notes(sdk, opened) == {
        "theirs": "stays",
        "trueup_document": "INV-7",
        "trueup_open": "4.00",
    }
    await billing.record_erp_status(opened, {"open": ""}, key=f"{opened}/2")
    assert notes(sdk, opened) == {"theirs": "stays", "trueup_document": "INV-7"}
    await billing.record_erp_status(opened, {}, key=f"{opened}/3")


async def test_a_paid_invoice_takes_a_standing(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    invoice = str(subscribe().latest_invoice)
    await billing.record_erp_status(invoice, {"document": "INV-7"}, key=f"{invoice}/1")
    assert notes(sdk, invoice) == {"trueup_document": "INV-7"}


async def test_a_credit_note_takes_a_standing(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str
) -> None:
    note = sdk.v1.credit_notes.create({"invoice": opened, "amount": 100}).id
    await billing.record_erp_status(note, {"document": "CRN-7"}, key=f"{note}/1")
    metadata = sdk.v1.credit_notes.retrieve(note).metadata
    assert metadata is not None
    assert metadata.to_dict() == {"trueup_document": "CRN-7"}


@pytest.mark.parametrize(("drop", "written"), LOST)
async def test_a_standing_whose_reply_is_lost(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    opened: str,
    fault: Fault,
    drop: str,
    written: bool,
) -> None:
    fault(method="POST", path_prefix=f"/v1/invoices/{opened}", drop=drop)
    with pytest.raises(UncertainWrite, match=opened):
        await billing.record_erp_status(opened, {"document": "7"}, key=f"{opened}/1")
    assert (notes(sdk, opened) != {}) is written
    await billing.record_erp_status(opened, {"document": "7"}, key=f"{opened}/1")
    assert notes(sdk, opened) == {"trueup_document": "7"}


async def test_an_old_error_does_not_stand_for_ever(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str, fault: Fault
) -> None:
    rule = {"method": "POST", "path_prefix": f"/v1/invoices/{opened}", "status": 500}
    fault(**rule)
    with pytest.raises(UncertainWrite):
        await billing.record_erp_status(opened, {"document": "7"}, key=f"{opened}/1")
    await billing.record_erp_status(opened, {"document": "7"}, key=f"{opened}/1")
    assert notes(sdk, opened) == {"trueup_document": "7"}
    fault(**rule)
    with pytest.raises(UncertainWrite):
        await billing.close_invoice(opened, DocumentStatus.VOID, key=f"{opened}/2")
    await billing.close_invoice(opened, DocumentStatus.VOID, key=f"{opened}/2")
    assert status(sdk, opened) == "void"


@pytest.mark.parametrize(("outcome", "event"), CLOSINGS)
async def test_an_invoice_is_given_up_once(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    opened: str,
    outcome: DocumentStatus,
    event: str,
) -> None:
    await billing.close_invoice(opened, outcome, key=f"{opened}/1")
    assert status(sdk, opened) == outcome
    for key in ("1", "2"):
        await billing.close_invoice(opened, outcome, key=f"{opened}/{key}")
    assert happened(sdk, event, opened) == 1


@pytest.mark.parametrize(("drop", "closed"), LOST)
@pytest.mark.parametrize(("outcome", "event"), CLOSINGS)
async def test_a_closing_whose_reply_is_lost(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    opened: str,
    fault: Fault,
    outcome: DocumentStatus,
    event: str,
    drop: str,
    closed: bool,
) -> None:
    fault(method="POST", path_prefix=f"/v1/invoices/{opened}", drop=drop)
    with pytest.raises(UncertainWrite, match=opened):
        await billing.close_invoice(opened, outcome, key=f"{opened}/1")
    assert (status(sdk, opened) == outcome) is closed
    await billing.close_invoice(opened, outcome, key=f"{opened}/1")
    assert happened(sdk, event, opened) == 1


async def test_what_is_uncollectible_can_still_be_taken_back_but_not_the_other_way(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str
) -> None:
    await billing.close_invoice(opened, DocumentStatus.UNCOLLECTIBLE, key=f"{opened}/1")
    await billing.close_invoice(opened, DocumentStatus.VOID, key=f"{opened}/2")
    assert status(sdk, opened) == "void"
    with pytest.raises(Rejection, match="nothing is owed on it"):
        await billing.close_invoice(opened, DocumentStatus.UNCOLLECTIBLE, key=f"{opened}/3")


async def test_an_invoice_that_was_paid_meanwhile_is_refused_with_what_to_do(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str
) -> None:
    sdk.v1.invoices.pay(opened, {"paid_out_of_band": True})
    with pytest.raises(Rejection, match=rf"{opened} is paid .*refund the payment") as caught:
        await billing.close_invoice(opened, DocumentStatus.VOID, key=f"{opened}/1")
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.BILLING_REFUSED, opened)


async def test_a_draft_is_not_closed(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    draft = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id}).id
    with pytest.raises(Rejection, match="finalise or delete it"):
        await billing.close_invoice(draft, DocumentStatus.VOID, key=f"{draft}/1")


@pytest.mark.parametrize(
    "outcome", [DocumentStatus.PAID, DocumentStatus.OPEN, DocumentStatus.ISSUED]
)
async def test_only_two_outcomes_close_an_invoice(
    billing: StripeBilling, outcome: DocumentStatus
) -> None:
    with pytest.raises(ValueError, match=outcome):
        await billing.close_invoice("in_1", outcome, key="k")


@pytest.mark.parametrize("key", ["in_unknown", "../customers", "", "cn_unknown"])
async def test_an_unknown_document(billing: StripeBilling, key: str) -> None:
    with pytest.raises(Rejection) as caught:
        await billing.close_invoice(key, DocumentStatus.VOID, key="k-unknown")
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.BILLING_REFUSED, key)
    with pytest.raises(Rejection):
        await billing.record_erp_status(key, {"document": "7"}, key="k-unknown")


async def cancelled(billing: StripeBilling, sold: stripe.Subscription) -> bool:
    found = await billing.snapshot(sold.id)
    return found.subscription.status is SubscriptionStatus.CANCELLED


async def test_a_subscription_ends_at_once_and_bills_nothing_more(
    billing: StripeBilling, sdk: stripe.StripeClient, subscribe: Subscribe
) -> None:
    sold = subscribe()
    before = (await billing.snapshot(sold.id)).documents
    await billing.cancel(sold.id, key=f"{sold.id}/1")
    assert await cancelled(billing, sold)
    for key in ("1", "2"):
        await billing.cancel(sold.id, key=f"{sold.id}/{key}")
    assert (await billing.snapshot(sold.id)).documents == before
    assert happened(sdk, "customer.subscription.deleted", sold.id) == 1


@pytest.mark.parametrize(("drop", "ended"), LOST)
async def test_a_cancellation_whose_reply_is_lost(
    billing: StripeBilling, subscribe: Subscribe, fault: Fault, drop: str, ended: bool
) -> None:
    sold = subscribe()
    fault(method="DELETE", path_prefix="/v1/subscriptions", drop=drop)
    with pytest.raises(UncertainWrite, match=sold.id):
        await billing.cancel(sold.id, key=f"{sold.id}/1")
    assert await cancelled(billing, sold) is ended
    await billing.cancel(sold.id, key=f"{sold.id}/1")
    assert await cancelled(billing, sold)


async def test_a_refused_cancellation_of_what_goes_on_is_told(
    billing: StripeBilling, subscribe: Subscribe, fault: Fault
) -> None:
    sold = subscribe()
    rule: dict[str, Any] = {"method": "DELETE", "path_prefix": "/v1/subscriptions"}
    fault(**rule, status=400)
    with pytest.raises(Rejection, match=f"cancel the subscription {sold.id}") as caught:
        await billing.cancel(sold.id, key=f"{sold.id}/1")
    assert caught.value.reason is RejectionCode.BILLING_REFUSED
    assert not await cancelled(billing, sold)


@pytest.mark.parametrize("key", ["sub_unknown", "../customers", ""])
async def test_an_unknown_subscription(billing: StripeBilling, key: str) -> None:
    with pytest.raises(Rejection) as caught:
        await billing.cancel(key, key="k-unknown")
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.SUBSCRIPTION_UNKNOWN, key)


async def test_what_was_paid_past_billing_is_said_once(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str
) -> None:
    left = left_of(sdk, opened)
    for key in ("1", "1", "2"):
        await billing.pay_elsewhere(opened, left, key=f"{opened}/{key}")
    paid = sdk.v1.invoices.retrieve(opened)
    assert (paid.status, paid.amount_remaining) == ("paid", 0)
    assert happened(sdk, "invoice.paid", opened) == 1
    (whole,) = await billing.documents([opened])
    (moved,) = whole.settlements
    assert (moved.kind, moved.amount) == (SettlementKind.PAID_ELSEWHERE, left)


@pytest.mark.parametrize(("drop", "paid"), LOST)
async def test_a_payment_past_billing_whose_reply_is_lost(
    billing: StripeBilling,
    sdk: stripe.StripeClient,
    opened: str,
    fault: Fault,
    drop: str,
    paid: bool,
) -> None:
    left = left_of(sdk, opened)
    fault(method="POST", path_prefix=f"/v1/invoices/{opened}", drop=drop)
    with pytest.raises(UncertainWrite, match=opened):
        await billing.pay_elsewhere(opened, left, key=f"{opened}/1")
    assert (status(sdk, opened) == "paid") is paid
    await billing.pay_elsewhere(opened, left, key=f"{opened}/1")
    assert happened(sdk, "invoice.paid", opened) == 1


async def test_a_part_and_what_billing_collects_cannot_be_said_to_be_paid(
    billing: StripeBilling, sdk: stripe.StripeClient, opened: str, subscribe: Subscribe
) -> None:
    left = left_of(sdk, opened)
    with pytest.raises(Rejection, match="takes no part") as caught:
        await billing.pay_elsewhere(opened, left - eur(1), key=f"{opened}/1")
    assert (caught.value.reason, caught.value.subject) == (RejectionCode.BILLING_REFUSED, opened)
    sdk.v1.invoices.void_invoice(opened)
    with pytest.raises(Rejection, match="is void"):
        await billing.pay_elsewhere(opened, left, key=f"{opened}/2")
    sold = subscribe()
    draft = sdk.v1.invoices.create({"customer": str(sold.customer), "auto_advance": False}).id
    with pytest.raises(Rejection, match="is draft"):
        await billing.pay_elsewhere(draft, left, key=f"{draft}/1")


def left_of(sdk: stripe.StripeClient, invoice: str) -> Money:
    found = sdk.v1.invoices.retrieve(invoice)
    return Money(minor=found.amount_remaining, currency=found.currency.upper())


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")
