"""Invoices in canonical words: which there are, what is paid, and since when one is late."""

from typing import Any, get_args

import pytest
import stripe

from canonical_models.term import Invoice, InvoiceStatus
from connectors.stripe import wire
from connectors.stripe.invoices import canonical_invoices
from connectors.stripe.lines import is_final
from connectors.stripe.payments import Billed, Charged
from tests.unit.stripe.objects import EMPTY, FEB, JAN, MAR, Json, at, billed, charged, euro, share

SUBSCRIPTION = wire.Subscription.model_validate(
    {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "currency": "eur",
        "items": EMPTY,
        "start_date": JAN,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
    }
)


def invoices(*found: Billed, charges: tuple[Charged, ...] = ()) -> list[Invoice]:
    return [*canonical_invoices(SUBSCRIPTION, found, charges, as_of=at(MAR))]


def test_an_invoice() -> None:
    found = billed(status="paid", amount_paid=1190, due_date=FEB)
    assert invoices(found) == [
        Invoice(
            invoice_id="in_1",
            customer_id="cus_1",
            subscription_id="sub_1",
            number="TRUE-0001",
            status=InvoiceStatus.PAID,
            total=euro(1190),
            paid=euro(1190),
            created_at=at(JAN),
            due_at=at(FEB),
        )
    ]


@pytest.mark.parametrize("status", ["open", "paid", "void", "uncollectible"])
def test_every_status_but_a_draft_is_an_invoice(status: str) -> None:
    assert [found.status for found in invoices(billed(status=status))] == [InvoiceStatus(status)]
    assert invoices(billed(status="draft", number=None)) == []


def test_the_statuses_are_those_of_the_sdk() -> None:
    hint = stripe.Invoice.__annotations__["status"]
    named = {value for part in get_args(hint) for value in _literals(part)}
    assert named == {status.value for status in InvoiceStatus}


def _literals(hint: Any) -> set[str]:
    inner = get_args(hint)
    if not inner:
        return {hint} if isinstance(hint, str) else set()
    return {value for part in inner for value in _literals(part)}


@pytest.mark.parametrize(
    ("status", "final"),
    [("draft", False), ("open", True), ("paid", True), ("uncollectible", True), ("void", False)],
)
def test_which_invoices_are_final(status: str, final: bool) -> None:
    assert is_final(billed(status=status).invoice) is final


def test_invoices_are_told_oldest_first() -> None:
    found = invoices(billed(key="in_2", created=FEB), billed(key="in_3"), billed(key="in_1"))
    assert [each.invoice_id for each in found] == ["in_1", "in_3", "in_2"]


SENT = {"collection_method": "send_invoice"}


@pytest.mark.parametrize(
    ("changes", "since"),
    [
        ({}, None),
        ({"attempted": True}, JAN + 3600),
        ({"attempted": True, "status_transitions": {}}, JAN),
        ({"attempted": True, "status": "paid"}, None),
        ({"attempted": True, "status": "uncollectible"}, None),
        (SENT | {"due_date": MAR + 1}, None),
        (SENT | {"due_date": MAR}, MAR),
        (SENT | {"due_date": FEB, "attempted": True}, FEB),
        (SENT | {"due_date": FEB, "status": "void"}, None),
        (SENT | {"due_date": None}, None),
    ],
)
def test_since_when_an_invoice_is_overdue(changes: Json, since: int | None) -> None:
    (found,) = invoices(billed(**changes))
    assert found.overdue_since == (None if since is None else at(since))


@pytest.mark.parametrize(
    ("statuses", "overdue"),
    [(["pending"], False), (["failed"], True), (["failed", "pending"], True), ([], True)],
)
def test_a_direct_debit_on_its_way_is_not_overdue(statuses: list[str], overdue: bool) -> None:
    waiting = billed(share(status="open", amount_paid=None), attempted=True)
    charges = tuple(
        charged(id=f"ch_{number}", status=status) for number, status in enumerate(statuses)
    )
    (found,) = invoices(waiting, charges=charges)
    assert (found.overdue_since is not None) is overdue
