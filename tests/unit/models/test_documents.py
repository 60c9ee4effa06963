"""A document of billing: whose it is, what of it counts as its content, and whom we never keep."""

from datetime import timedelta
from decimal import Decimal

import pytest

from canonical_models.amendment import account_subject, customer_of
from canonical_models.documents import (
    BilledParty,
    BillingLine,
    DocumentStatus,
    PostalAddress,
    TaxId,
)
from canonical_models.money import Money
from canonical_models.records import Hold, HoldKind, subject_of
from tests.harness.subscriptions import (
    AS_OF,
    HOLD,
    invoice,
    line,
    paid,
    payment,
    vat,
    void,
)

PARTY = BilledParty(
    name="Kurz & Lang GmbH",
    email="a@kurz.example",
    address=PostalAddress(city="Bremen", country="DE"),
    tax_ids=(TaxId(kind="eu_vat", value="DE136695976", verified=True),),
)


@pytest.mark.parametrize(
    ("lines", "subject"),
    [
        ((line("a", 1), line("b", 2)), "sub_1"),
        ((line("a", 1), line("b", 2, of="sub_2")), "account:cus_1"),
        ((line("a", 1), line("b", 2, of=None)), "account:cus_1"),
        ((line("a", 1, of=None),), "account:cus_1"),
        ((), "account:cus_1"),
    ],
    ids=["one", "two", "one and none", "none", "no line"],
)
def test_a_document_belongs_to_the_subscription_that_all_its_lines_name(
    lines: tuple[BillingLine, ...], subject: str
) -> None:
    found = invoice(*lines)
    assert subject_of(found) == subject
    assert account_subject("cus_1") == "account:cus_1"
    assert customer_of(subject) == ("cus_1" if subject.startswith("account:") else None)


def test_how_it_is_settled_is_no_part_of_what_was_issued() -> None:
    issued = invoice(line("a", 10000, taxes=vat(1900)))
    same = (
        paid(issued, payment(11900)),
        void(issued),
        issued.model_copy(update={"bill_to": PARTY, "url": "https://x", "metadata": {"po": "7"}}),
        issued.model_copy(update={"due_at": AS_OF, "overdue_since": AS_OF}),
    )
    assert {each.content for each in same} == {issued.content}
    other = (
        invoice(line("a", 10001, taxes=vat(1900))),
        invoice(line("a", 10000, taxes=vat(1901))),
        invoice(line("a", 10000, "starter", taxes=vat(1900))),
        issued.model_copy(update={"number": "N-2"}),
        issued.model_copy(update={"issued_at": AS_OF + timedelta(days=1)}),
        issued.model_copy(update={"currency": "USD"}),
    )
    assert len({issued.content, *(each.content for each in other)}) == 1 + len(other)


def test_what_is_owed_and_what_is_void() -> None:
    issued = invoice(line("a", 10000))
    settled = paid(issued, payment(10000))
    assert (issued.owed, settled.owed, void(issued).owed) == (True, False, False)
    assert (settled.status, void(issued).void) == (DocumentStatus.PAID, True)
    assert paid(issued, payment(4000)).remaining == Money(minor=6000, currency="EUR")


def test_tax_that_is_not_decided_is_not_tax_of_nothing() -> None:
    assert line("a", 1, taxes=None).tax is None
    assert line("a", 1, taxes=()).tax == Money.zero("EUR")


def test_whom_it_names_is_left_out_of_what_is_kept() -> None:
    kept = invoice(line("a", 1), bill_to=PARTY).kept()
    assert kept.bill_to is None
    assert "Kurz" not in kept.model_dump_json()


def test_a_party_is_another_where_the_erp_would_show_it_otherwise() -> None:
    (tax_id,) = PARTY.tax_ids
    same = (
        PARTY.model_copy(update={"email": "b@kurz.example"}),
        PARTY.model_copy(update={"tax_ids": (tax_id.model_copy(update={"verified": False}),)}),
    )
    assert {each.digest for each in same} == {PARTY.digest}
    other = (
        PARTY.model_copy(update={"name": "Kurz GmbH"}),
        PARTY.model_copy(update={"address": PostalAddress(city="Bremen", country="NL")}),
        PARTY.model_copy(update={"tax_ids": ()}),
    )
    assert len({PARTY.digest, *(each.digest for each in other)}) == 4


def test_a_hold_ends_on_its_day() -> None:
    day = AS_OF.date()
    until = Hold(kind=HoldKind.HELD, reason="r", by="b", at=AS_OF, until=day)
    assert until.stands(day - timedelta(days=1))
    assert not until.stands(day)
    assert HOLD.stands(day + timedelta(days=9999))
    assert line("a", 1).quantity == Decimal(1)
