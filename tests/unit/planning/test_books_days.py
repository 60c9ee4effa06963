"""On which day a movement is booked, and whose day that is."""

from datetime import date
from typing import Any

from canonical_models.amendment import Refusal
from canonical_models.exceptions import DocumentCorrection
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import LedgerAnswer, LedgerQuestion
from canonical_models.policy import BooksPolicy, EntityBooks, TenantPolicy
from planning.books import BooksInput, questions
from tests.unit.planning.answers import entered, plan, refusal, terms
from tests.unit.planning.cases import (
    FRANCE,
    VAT_19,
    books,
    document,
    moved,
    posted,
    seen,
    taxed,
    utc,
)


def test_days_are_those_of_the_entity_that_holds_the_document() -> None:
    late = moved("pi_1", "payment", 11900, at=utc("2026-11-16T23:30"))
    berlin = EntityBooks(time_zone="Europe/Berlin")
    policy = TenantPolicy(books=BooksPolicy(entities={"LE-DE": berlin}))
    paid = document(taxed(), settlements=(late,))
    for record, day in ((posted(paid), 17), (seen(paid), 16)):
        (step,) = plan(books(record, account=FRANCE, policy=policy)).settlements
        assert step.value_date == date(2026, 11, day)


JUNE, JULY = date(2026, 6, 29), date(2026, 7, 3)


def june_is_closed(question: LedgerQuestion) -> LedgerAnswer | Refusal:
    if question.on.month != 6:
        return terms(VAT_19)(question)
    if question.closed_period == "first_open_day":
        return terms(VAT_19, day=date(2026, 7, 1))(question)
    return refusal(RejectionCode.PERIOD_CLOSED, "June is closed")


def late_in_june(**changes: Any) -> BooksInput:
    paid = moved("pi_1", "payment", 11900, at=utc("2026-06-29T12:00"))
    found = document(taxed(), settlements=(paid,), issued_at=utc("2026-07-03"))
    record = changes.pop("record", seen)(found, **changes.pop("of", {}))
    return books(record, books_from=utc("2026-01-01"), **changes)


def test_money_of_a_closed_period_goes_to_the_first_open_day_by_policy() -> None:
    """Paid on 29 June, June closed, the document of 3 July."""
    found = plan(late_in_june(policy={"closed_period": "first_open_day"}), june_is_closed)
    (step,) = found.settlements
    assert (step.value_date, step.posting_date) == (JUNE, date(2026, 7, 1))
    assert found.refused is None


def test_money_of_a_closed_period_is_asked_about_and_the_document_is_not_held_up() -> None:
    found = plan(late_in_june(), june_is_closed)
    assert len(found.documents) == 1
    assert found.settlements == ()
    assert found.refused is not None
    assert found.refused.message == "June is closed"


def test_the_day_that_a_person_gives_a_document_is_its_moneys_too() -> None:
    correction = DocumentCorrection(document_id="in_1", posting_date=JULY)
    given = late_in_june(of={"correction": correction})
    found = plan(given, june_is_closed)
    (step,) = found.settlements
    assert (step.value_date, step.posting_date) == (JUNE, JULY)
    # An open day is the true one, and what else refuses is not asked twice.
    assert plan(given).settlements[0].posting_date == JUNE
    blocked = refusal(RejectionCode.CUSTOMER_BLOCKED)

    def in_june(question: LedgerQuestion) -> LedgerAnswer | Refusal:
        return blocked if question.on == JUNE else terms(VAT_19)(question)

    assert plan(given, in_june).refused == blocked
    # An earlier day is no way out.
    early = DocumentCorrection(document_id="in_1", posting_date=date(2026, 6, 1))
    stuck = late_in_june(record=posted, of={"correction": early})
    assert plan(stuck, june_is_closed).settlements == ()


def test_one_question_for_a_day_of_a_party() -> None:
    several = tuple(
        moved(f"pi_{n}", "payment", 100, at=utc(f"2026-11-{day}"))
        for n, day in enumerate(("02T01:00", "02T23:00", "03T00:00"))
    )
    dollars = moved("zbt_1", "goodwill", 5, None, currency="USD", at=utc("2026-11-03"))
    record = posted(document(taxed(), settlements=several))
    asked = questions(books(record, movements=(dollars,), account=FRANCE))
    assert [(q.legal_entity, q.party, q.currency, q.on.day, q.items) for q in asked.values()] == [
        ("LE-DE", "C-1001", "EUR", 2, ()),
        ("LE-DE", "C-1001", "EUR", 3, ()),
        ("LE-FR", "F-2002", "USD", 3, ()),
    ]
    assert {q.closed_period for q in asked.values()} == {"ask"}
    # Two currencies on one day are two questions, and each entity has its own policy.
    policy = TenantPolicy(
        books=BooksPolicy(entities={"LE-DE": EntityBooks(closed_period="first_open_day")})
    )
    euros = moved("zbt_2", "goodwill", 5, None, at=utc("2026-11-03"))
    asked = questions(books(record, movements=(dollars, euros), account=FRANCE, policy=policy))
    assert [(q.legal_entity, q.currency, q.closed_period) for q in asked.values()] == [
        ("LE-DE", "EUR", "first_open_day"),
        ("LE-DE", "EUR", "first_open_day"),
        ("LE-FR", "USD", "ask"),
        ("LE-FR", "EUR", "ask"),
    ]


def test_a_movement_that_cannot_be_entered_keeps_no_other_waiting() -> None:
    several = (
        moved("pi_1", "payment", 100, at=utc("2026-11-02")),
        moved("pi_2", "payment", 100, at=utc("2026-11-03")),
        moved("pi_3", "payment", 100, at=utc("2026-11-04")),
    )
    closed = {2: refusal(RejectionCode.PERIOD_CLOSED, "2"), 3: refusal(RejectionCode.PERIOD_CLOSED)}
    found = plan(
        books(posted(document(taxed(), settlements=several))),
        lambda question: closed.get(question.on.day) or terms(VAT_19)(question),
    )
    assert entered(found) == ["pi_3"]
    assert found.refused == closed[2]
