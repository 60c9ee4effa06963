"""Billing's own figures: what contradicts itself, is too large, or is in another currency."""

from typing import Any

import pytest

from canonical_models.amendment import BooksPlan, Refusal
from canonical_models.approvals import Approval
from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.policy import TenantPolicy
from planning.books import BooksInput
from tests.unit.planning.answers import plan, terms, the_step
from tests.unit.planning.cases import (
    VAT_19,
    books,
    credit_note,
    document,
    eur,
    item,
    line,
    moved,
    posted,
    seen,
    subscription,
    tax,
    taxed,
    utc,
)

SOLD = (taxed("il_1", 10000), taxed("il_2", 5000))


def refused(given: BooksInput) -> Refusal:
    found = plan(given)
    assert found.documents == ()
    assert found.refused is not None
    return found.refused


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"net": eur(15001)}, "lines[].net add up to 150.00, net is 150.01"),
        ({"tax": eur(2849)}, "lines[].taxes[].amount add up to 28.50, tax is 28.49"),
        ({"gross": eur(17851)}, "net and tax add up to 178.50, gross is 178.51"),
    ],
)
def test_figures_that_do_not_add_up(changes: dict[str, Any], words: str) -> None:
    found = refused(books(seen(document(*SOLD, **changes))))
    assert (found.code, found.subject, found.system) == ("document_inconsistent", "in_1", "trueup")
    assert f"invoice INV-7: {words}: mend it in billing" in found.message


def test_a_document_is_called_by_its_number_or_its_id() -> None:
    for number, name in (("INV-9", "INV-9"), (None, "in_1")):
        found = refused(books(seen(document(*SOLD, net=eur(1), number=number))))
        assert found.message.startswith(f"invoice {name}: ")
    note = credit_note(*SOLD, net=eur(1), corrects=None)
    assert refused(books(seen(note))).message.startswith("credit note CN-1: ")


IN_DOLLARS: list[tuple[BillingDocument, str]] = [
    (document(line(currency="USD"), currency="USD"), "its subscription in EUR"),
    (document(*SOLD, tax=eur(2850, "USD")), "in EUR, tax is 28.50 USD"),
    (document(*SOLD, gross=eur(2850, "USD")), "in EUR, gross is 28.50 USD"),
    (document(*SOLD, net=eur(2850, "USD")), "in EUR, net is 28.50 USD"),
    (document(*SOLD, remaining=eur(2850, "USD")), "in EUR, remaining is 28.50 USD"),
    (document(taxed(), line("b", 5, currency="USD")), "in EUR, lines[1].net is 0.05 USD"),
    (
        document(line("a", 5, tax(1), tax(2, currency="USD"))),
        "in EUR, lines[0].taxes[1].amount is 0.02 USD",
    ),
    (
        document(taxed(), settlements=(moved("pi_1", "payment", 7, currency="USD"),)),
        "in EUR, settlements[0].amount is 0.07 USD",
    ),
]


@pytest.mark.parametrize(("found", "words"), IN_DOLLARS, ids=range(len(IN_DOLLARS)))
def test_one_currency_in_one_document(found: BillingDocument, words: str) -> None:
    told = refused(books(seen(found)))
    assert (told.code, told.subject) == ("currency_mismatch", "in_1")
    assert words in told.message


def test_the_currency_is_the_one_that_was_agreed_before() -> None:
    now = subscription(item("pro"), currency="USD")
    dollars = seen(document(line(currency="USD"), currency="USD"))
    assert plan(books(dollars, subscription=now), terms()).documents
    told = refused(books(dollars, subscription=now, agreed_currency="EUR"))
    assert told.code == "currency_mismatch"
    assert "invoice INV-7 is in USD, its subscription in EUR" in told.message
    # An account's documents are in whatever currency they are.
    assert plan(books(dollars, subscription=None), terms()).documents


@pytest.mark.parametrize(
    ("found", "path"),
    [
        (document(line(net=10**12 + 1)), "net"),
        (document(line(net=-(10**12) - 1)), "net"),
        (document(line("a", 10**12 + 1), line("b", -(10**12) - 1, item="ai")), "lines[0].net"),
        (
            document(line("a", 0, tax(10**12 + 1), tax(-(10**12) - 1))),
            "lines[0].taxes[0].amount",
        ),
        (
            document(
                taxed(), settlements=(moved("pi_1", "payment", 10**12 + 1),), remaining=eur(0)
            ),
            "settlements[0].amount",
        ),
    ],
)
def test_amounts_beyond_every_ledger(found: BillingDocument, path: str) -> None:
    told = refused(books(seen(found)))
    assert (told.code, told.subject) == ("amount_out_of_range", "in_1")
    assert f"invoice INV-7: {path} is " in told.message


@pytest.mark.parametrize("minor", [10**12, -(10**12)])
def test_the_largest_amount_is_posted(minor: int) -> None:
    assert plan(books(seen(document(line(net=minor)))), terms()).documents


def test_the_sum_of_very_many_large_lines_is_no_fault_of_ours() -> None:
    many = [line(f"il_{n}", 10**12) for n in range(1100)]
    found = document(net=eur(1), gross=eur(1)).model_copy(update={"lines": tuple(many)})
    assert "add up to 11,000,000,000,000.00" in refused(books(seen(found))).message


def test_a_tax_that_is_not_decided_is_not_zero() -> None:
    undecided = line("il_9", 100, taxes=None)
    told = refused(books(seen(document(undecided))))
    assert (told.code, told.subject) == ("tax_undetermined", "in_1")
    assert "invoice INV-7 is final, and billing has not decided the tax of its line il_9" in (
        told.message
    )


PAID = moved("pi_1", "payment", 5000)
LIMITED = TenantPolicy.model_validate(
    {"books": {"approvals": [{"on": "credit", "above": {"EUR": 100}}]}}
)


@pytest.mark.parametrize("remaining", [6900, 6899, 6901, 0])
def test_what_is_left_to_pay_is_what_the_movements_leave(remaining: int) -> None:
    paid = document(taxed(), settlements=(PAID,), remaining=eur(remaining))
    found = plan(books(posted(paid)))
    assert [step.settlement for step in found.settlements] == [PAID]
    if remaining == 6900:
        assert found.refused is None
        return
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("settlement_unexplained", "in_1")
    assert (
        f"invoice INV-7 of 119.00 EUR: billing says that {eur(remaining)} is left to pay, its "
        "movements settle 50.00 EUR"
    ) in found.refused.message


def test_debts_of_their_own_explain_nothing_of_the_document() -> None:
    dispute = moved("dp_1", "dispute", -11900, None, about="in_1")
    whole = moved("pi_1", "payment", 11900)
    assert plan(books(posted(document(taxed(), settlements=(whole, dispute))))).refused is None


def test_only_what_is_in_the_books_is_held_against_its_movements() -> None:
    odd = {"settlements": (PAID,), "remaining": eur(1)}
    early = document(taxed(), issued_at=utc("2026-09-01"), **odd)
    assert plan(books(seen(early))).refused is None
    assert plan(books(seen(document(taxed(), **odd)))).refused is not None


@pytest.mark.parametrize(
    ("net", "asked"), [(-10001, True), (-10000, False), (900100, False), (-9999, False)]
)
def test_a_credit_beyond_the_limit_needs_a_yes(net: int, asked: bool) -> None:
    given = books(seen(document(line(net=net))), policy=LIMITED)
    found = plan(given, terms())
    assert (found.refused is not None) is asked
    if asked:
        assert found.refused is not None
        assert (found.refused.code, found.refused.subject) == ("approval_needed", "in_1")
        assert "invoice INV-7 credits 100.01 EUR, more than 100 EUR" in found.refused.message


def test_nobody_is_asked_to_approve_what_cannot_be_booked() -> None:
    found = plan(books(seen(document(line(net=-10001))), policy=LIMITED), terms(VAT_19))
    assert found.refused is not None
    assert found.refused.code == "tax_mismatch"


def test_each_document_is_looked_at_by_itself() -> None:
    """-9,000 beside +9,001; the limit is 100."""
    plus = seen(document(line(net=900100), document_id="in_a", issued_at=utc("2026-11-02")))
    minus = document(line(net=-900000), document_id="in_b", issued_at=utc("2026-11-03"))
    last = seen(document(line(), document_id="in_c", issued_at=utc("2026-11-04")))
    given = books(plus, seen(minus), last, policy=LIMITED)
    found = plan(given, terms())
    assert [step.document_id for step in found.documents] == ["in_a"]
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("approval_needed", "in_b")
    yes = books(plus, seen(minus), last, policy=LIMITED, approvals=yes_to(found, "in_b"))
    assert [step.document_id for step in plan(yes, terms()).documents] == ["in_a", "in_b", "in_c"]
    # The yes is to that content, not to the id.
    other = minus.model_copy(update={"number": "INV-8"})
    again = plan(books(seen(other), policy=LIMITED, approvals=yes_to(found, "in_b")), terms())
    assert again.refused is not None
    assert "and is not what Jane approved" in again.refused.message


def test_what_is_charged_beside_a_credit_is_not_set_against_it() -> None:
    both = document(taxed("il_1", 900100), taxed("il_2", -900000))
    given = books(seen(both), policy=LIMITED)
    asked = refused(given)
    assert (asked.code, asked.subject) == ("approval_needed", "in_1")
    assert "invoice INV-7 credits 10,710.00 EUR, more than 100 EUR" in asked.message
    yes = books(seen(both), policy=LIMITED, approvals=yes_to(plan(given), "in_1"))
    assert plan(yes).documents


def test_a_yes_to_booking_it_is_none_to_taking_it_back() -> None:
    given = document(taxed("il_1", 90000), taxed("il_2", -89000))
    void = given.model_copy(update={"status": DocumentStatus.VOID, "closed_at": utc("2026-11-16")})
    booked = yes_to(plan(books(seen(given), policy=LIMITED)), "in_1")
    asked = plan(books(posted(void), policy=LIMITED, approvals=booked))
    assert asked.refused is not None
    assert asked.refused.code == "approval_needed"
    both = {"in_1": (*booked["in_1"], *yes_to(asked, "in_1")["in_1"])}
    assert the_step(plan(books(posted(void), policy=LIMITED, approvals=both))).void


def test_what_has_no_limit_in_its_currency_is_asked_about() -> None:
    dollars = seen(document(line(net=-1, currency="USD"), currency="USD"))
    found = plan(books(dollars, subscription=None, policy=LIMITED), terms())
    assert found.refused is not None
    assert "credits 0.01 USD, and the policy has no limit in USD" in found.refused.message


def yes_to(found: BooksPlan, subject: str) -> dict[str, tuple[Approval, ...]]:
    """Jane's, to what the plan has asked about."""
    assert found.refused is not None
    assert found.refused.asked is not None
    assert found.refused.subject == subject
    return {
        subject: (Approval(content=found.refused.asked.content, by="Jane", roles=("finance",)),)
    }


def test_taking_back_what_was_posted_credits_too() -> None:
    large, small = (
        document(taxed(net=net)).model_copy(
            update={"status": DocumentStatus.VOID, "closed_at": utc("2026-11-16")}
        )
        for net in (10000, 8000)
    )
    assert the_step(plan(books(posted(small), policy=LIMITED))).void
    found = plan(books(posted(large), policy=LIMITED))
    assert found.refused is not None
    assert "invoice INV-7 credits 119.00 EUR" in found.refused.message
    # What it credited beside is not set against it, as when it was posted.
    both = document(taxed("il_1", 10000), taxed("il_2", -9999)).model_copy(
        update={"status": DocumentStatus.VOID, "closed_at": utc("2026-11-16")}
    )
    asked = plan(books(posted(both), policy=LIMITED)).refused
    assert asked is not None
    assert "invoice INV-7 credits 119.00 EUR" in asked.message
    # Taking a credit back charges.
    credit = large.model_copy(update={"net": eur(-1)})
    record = posted(credit)
    assert record.posted is not None
    charged = record.posted.model_copy(update={"net": eur(-90000), "tax": eur(0)})
    taken = record.model_copy(update={"posted": charged})
    assert plan(books(taken, policy=LIMITED), terms(VAT_19)).refused is None
