"""Credit notes: what they correct, in whose books, and where they stay out with it."""

import pytest

from canonical_models.documents import DocumentKind
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from tests.unit.planning.answers import drafted, plan, the_step
from tests.unit.planning.cases import (
    AS_OF,
    books,
    credit_note,
    document,
    erp,
    eur,
    line,
    posted,
    seen,
    tax,
    taxed,
    utc,
)

INVOICE = document(taxed())
NOTE = seen(credit_note(line("cl_1", -2500, tax(-475), corrects="il_1")))
OLD = document(taxed(), issued_at=utc("2026-09-01"))


def test_a_credit_note_names_the_document_and_the_line() -> None:
    draft = drafted(books(NOTE, posted(INVOICE)))
    assert (draft.kind, draft.corrects) == (DocumentKind.CREDIT_NOTE, "101")
    assert (draft.net, draft.tax, draft.gross) == (eur(-2500), eur(-475), eur(-2975))
    assert draft.lines[0].corrects == "il_1"


@pytest.mark.parametrize(
    "others",
    [
        {"in_1": posted(INVOICE, posted=erp(INVOICE, "202"))},
        {"in_1": posted(OLD, state=RecordState.BEFORE_CUTOVER, posted=erp(OLD, "202"))},
    ],
    ids=["of another subject", "of the process before us"],
)
def test_the_corrected_document_may_be_anothers(others: dict[str, DocumentRecord]) -> None:
    assert drafted(books(NOTE, others=others)).corrects == "202"


def test_a_credit_note_of_anothers_document_that_is_still_to_be_posted_names_it_later() -> None:
    found = plan(books(NOTE, others={"in_1": seen(INVOICE)}))
    step = the_step(found)
    assert step.draft is not None
    assert (step.corrects, step.draft.corrects) == ("in_1", None)


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({}, "in_1"),
        ({"in_1": seen(OLD, state=RecordState.BEFORE_CUTOVER)}, "invoice INV-7"),
        ({"in_1": seen(OLD)}, "invoice INV-7"),
    ],
)
def test_a_credit_note_of_what_nobody_knows_is_asked(
    others: dict[str, DocumentRecord], named: str
) -> None:
    found = plan(books(NOTE, others=others))
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("before_cutover", "cn_1")
    assert f"credit note CN-1 corrects {named}, which" in found.refused.message


def test_a_credit_note_stays_out_with_its_document() -> None:
    held = Hold(kind=HoldKind.HELD, reason="r", by="ann", at=AS_OF)
    found = plan(books(NOTE, seen(INVOICE, hold=held)))
    assert found.left_out == {
        "in_1": "held: r",
        "cn_1": "invoice INV-7, which it corrects, stays out",
    }
    assert found.refused is None
    # Of one that changed, the question comes first.
    changed = posted(INVOICE, posted_content="other")
    assert plan(books(NOTE, changed)).left_out == {}


def test_a_credit_note_that_corrects_nothing_is_posted_alone() -> None:
    free = seen(credit_note(line("cl_1", -2500, tax(-475)), corrects=None))
    step = the_step(plan(books(free)))
    assert step.draft is not None
    assert (step.corrects, step.draft.corrects) == (None, None)


def test_a_negative_invoice_stays_an_invoice() -> None:
    """5 Pro to 5 Starter at once, 119.00 in the customer's favour."""
    swap = document(line("a", -20000, tax(-3800)), line("b", 10000, tax(1900), item="starter"))
    draft = drafted(books(seen(swap)))
    assert (draft.kind, draft.gross) == (DocumentKind.INVOICE, eur(-11900))
    assert [told.net for told in draft.lines] == [eur(-20000), eur(10000)]
