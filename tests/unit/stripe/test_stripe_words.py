"""Our lists of Stripe's words are those of its own client for our API version, and what is on none
of them is noted or refused."""

import inspect
import re
from collections.abc import Collection
from typing import Any, get_args

import pytest
import stripe
from pydantic import BaseModel

from connectors.noting import noting
from connectors.ports import UnreadableEvent
from connectors.stripe import words
from connectors.stripe.webhooks import StripeWebhooks, events_heard
from connectors.stripe.wire_customers import BalanceMovement, Verification
from connectors.stripe.wire_money import PaymentIntent, PaymentSource
from connectors.stripe.wire_subscriptions import PauseCollection, SubscriptionState
from tests.unit.stripe.test_stripe_events import event
from tests.unit.stripe.test_stripe_money_events import KNOWN


def of_client(told: type[Any], member: str) -> set[str]:
    """The words that the source of the client has for the member."""
    source = inspect.getsource(told)
    inner = " " * (len(source) - len(source.lstrip()) + 4)
    flags = re.MULTILINE | re.DOTALL
    found = re.search(rf"^{inner}{member}: .*?Literal\[(.*?)\]", source, flags)
    assert found is not None, (told, member)
    return set(re.findall(r'"([^"]+)"', found[1]))


@pytest.mark.parametrize(
    ("ours", "told", "member"),
    [
        (words.BILLING_REASONS, stripe.Invoice, "billing_reason"),
        (words.BILLING_SCHEMES, stripe.Price, "billing_scheme"),
        (words.USAGE_TYPES, stripe.Price.Recurring, "usage_type"),
        (words.INVOICE_STATUSES, stripe.Invoice, "status"),
        (words.PARENTS_OF_INVOICES, stripe.Invoice.Parent, "type"),
        (words.PARENTS_OF_LINES, stripe.InvoiceLineItem.Parent, "type"),
        (words.TAX_EXEMPT, stripe.Customer, "tax_exempt"),
        (words.TAXABILITY, stripe.InvoiceLineItem.Tax, "taxability_reason"),
        (words.TAX_TYPES, stripe.TaxRate, "tax_type"),
    ],
)
def test_what_is_noted_is_all_that_the_client_does_not_know(
    ours: Collection[str], told: type[Any], member: str
) -> None:
    assert set(ours) == of_client(told, member)


@pytest.mark.parametrize(
    ("model", "told", "member"),
    [
        (BalanceMovement, stripe.CustomerBalanceTransaction, "type"),
        (PauseCollection, stripe.Subscription.PauseCollection, "behavior"),
        (PaymentIntent, stripe.PaymentIntent, "status"),
        (PaymentSource, stripe.InvoicePayment.Payment, "type"),
        (SubscriptionState, stripe.Subscription, "status"),
        (Verification, stripe.TaxId.Verification, "status"),
    ],
)
def test_what_decides_knows_all_that_the_client_knows(
    model: type[BaseModel], told: type[Any], member: str
) -> None:
    held = model.model_fields[member].annotation
    ours = {word for each in (held, *get_args(held)) for word in get_args(each)} - {type(None)}
    assert {word for word in ours if isinstance(word, str)} == of_client(told, member)


def test_each_type_of_the_families_that_are_heard_is_heard_or_left_out_knowingly() -> None:
    # Of endpoints of older versions, where it is heard.
    offered = set(KNOWN) - {"charge.refund.updated"}
    heard = set(events_heard(payouts=True))
    families = {kind.partition(".")[0] for kind in heard}
    ours = {kind for kind in offered if kind.partition(".")[0] in families}
    assert heard <= offered, heard - offered
    assert ours - heard == words.EVENTS_NOT_HEARD


@pytest.mark.parametrize(
    ("kind", "is_noted"),
    [
        ("invoice.forgiven", True),
        ("v1.charge.doubled", True),
        ("charge.succeeded", False),
        ("invoiceitem.updated", False),
        ("payout.paid", False),
        ("product.created", False),
        ("terminal.reader.action_failed", False),
    ],
)
def test_a_new_type_of_a_family_that_is_heard_is_noted(kind: str, is_noted: bool) -> None:
    with noting() as found:
        try:
            StripeWebhooks().trigger(event(kind, {"id": "x_1", "object": "x"}))
        except UnreadableEvent:
            assert not is_noted
    bare = kind.removeprefix("v1.")
    told = f"is `{bare}` now, which is not known: ignored"
    assert [each.change for each in found] == ([told] if is_noted else [])
    assert {each.operation for each in found} <= {"webhook"}


def test_words_in_an_event_are_noted_with_its_type() -> None:
    invoice = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_1",
        "status": "forgiven",
        "billing_reason": "full_moon",
        "parent": None,
    }
    with noting() as found:
        assert StripeWebhooks().trigger(event("invoice.finalized", invoice)) is not None
    assert [(each.operation, each.path) for each in found] == [
        ("webhook invoice.finalized", "$..status"),
        ("webhook invoice.finalized", "$..billing_reason"),
    ]
