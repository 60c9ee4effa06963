"""Documents that became void after they were posted, and ones that changed."""

from datetime import date

import pytest

from canonical_models.exceptions import DocumentCorrection
from canonical_models.policy import BooksPolicy, EntityBooks, TenantPolicy
from canonical_models.records import RecordState
from planning.books import questions
from tests.unit.planning.answers import plan, terms, the_step
from tests.unit.planning.cases import (
    BOOKS_FROM,
    FRANCE,
    TODAY,
    books,
    document,
    erp,
    posted,
    seen,
    taxed,
    utc,
    void,
)

INVOICE = document(taxed())


def test_a_void_document_is_reversed_where_it_was_posted() -> None:
    """The account has moved to France since."""
    record = posted(void(INVOICE, utc("2026-11-20T23:30")), generation=2)
    given = books(record, account=FRANCE, policy={"time_zone": "Europe/Berlin"})
    (question,) = questions(given).values()
    assert (question.legal_entity, question.party, question.items) == ("LE-DE", "C-1001", ())
    assert question.on == date(2026, 11, 21)
    step = the_step(plan(given))
    assert (step.void, step.posted, step.legal_entity) == (True, "101", "LE-DE")
    assert (step.on, step.draft) == (date(2026, 11, 21), None)
    assert (step.external_id, step.number) == ("in_1/2/void", "INV-7")
    assert step.content == INVOICE.content


def test_a_reversal_is_dated_in_the_zone_of_its_own_entity() -> None:
    policy = TenantPolicy(
        books=BooksPolicy(entities={"LE-DE": EntityBooks(time_zone="Europe/Berlin")})
    )
    record = posted(void(INVOICE, utc("2026-11-20T23:30")))
    (question,) = questions(books(record, account=FRANCE, policy=policy)).values()
    assert question.on == date(2026, 11, 21)


def test_a_reversal_falls_back_on_what_the_erp_says_of_the_document() -> None:
    record = posted(void(INVOICE, None), legal_entity=None, party=None, posted=erp(INVOICE))
    (question,) = questions(books(record, account=FRANCE)).values()
    assert (question.legal_entity, question.party, question.on) == ("LE-DE", "C-1001", TODAY)
    assert the_step(plan(books(record, account=FRANCE))).legal_entity == "LE-DE"


@pytest.mark.parametrize(
    ("chosen", "on"), [(date(2026, 12, 1), date(2026, 12, 1)), (date(2026, 11, 2), TODAY)]
)
def test_a_person_may_give_a_later_day_for_the_reversal(chosen: date, on: date) -> None:
    correction = DocumentCorrection(document_id="in_1", posting_date=chosen)
    record = posted(void(INVOICE), correction=correction)
    assert the_step(plan(books(record))).on == on


def test_the_books_decide_the_day_of_a_reversal() -> None:
    found = plan(books(posted(void(INVOICE))), terms(day=date(2026, 12, 3)))
    assert the_step(found).on == date(2026, 12, 3)


def test_reversals_take_their_turn_by_the_day_they_became_void() -> None:
    early = posted(void(INVOICE, utc("2026-11-10")))
    later = [
        seen(document(taxed(), document_id=name, issued_at=utc(f"2026-11-{day}")))
        for name, day in (("in_8", "09"), ("in_9", "11"))
    ]
    found = plan(books(early, *later))
    assert [step.document_id for step in found.documents] == ["in_8", "in_1", "in_9"]


def test_what_became_void_in_our_time_and_was_made_before_is_found_or_asked() -> None:
    old = void(INVOICE.model_copy(update={"issued_at": utc("2026-09-01")}), BOOKS_FROM)
    unknown = plan(books(seen(old, state=RecordState.BEFORE_CUTOVER)))
    assert unknown.refused is not None
    assert (unknown.refused.code, unknown.refused.subject) == ("before_cutover", "in_1")
    assert "invoice INV-7 was issued before the cutover on 2026-10-01" in unknown.refused.message
    adopted = plan(books(posted(old, state=RecordState.BEFORE_CUTOVER)))
    assert the_step(adopted).void


def test_a_posted_document_that_changed_is_asked_about_with_both_sides() -> None:
    now = document(taxed(net=5000), number="INV-8")
    record = posted(INVOICE, document=now)
    found = plan(books(record))
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("document_changed", "in_1")
    assert "posted as INV-7 over 119.00 EUR, and is now INV-8 over 59.50 EUR" in (
        found.refused.message
    )
    assert questions(books(record)) == {}
    # Where the ERP does not keep billing's number, it is named by its own.
    bare = posted(INVOICE, document=now, posted=erp(INVOICE, billing_number=None))
    refused = plan(books(bare)).refused
    assert refused is not None
    assert "posted as 2026-0001 over" in refused.message
