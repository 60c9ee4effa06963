"""Which movements are entered, on whose account, on which day, and which wait."""

from datetime import date
from typing import Any

import pytest

from canonical_models.documents import DocumentStatus
from canonical_models.failures import RejectionCode
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from tests.unit.planning.answers import entered, plan, refusal
from tests.unit.planning.cases import (
    AS_OF,
    BOOKS_FROM,
    FRANCE,
    books,
    document,
    erp,
    moved,
    posted,
    seen,
    taxed,
    utc,
    was_entered,
)

PAID = moved("pi_1", "payment", 11900)
INVOICE = document(taxed(), settlements=(PAID,), status=DocumentStatus.PAID)
HELD = Hold(kind=HoldKind.HELD, reason="r", by="ann", at=AS_OF)
OLD = INVOICE.model_copy(update={"issued_at": utc("2026-09-01")})


def test_a_payment_follows_its_document() -> None:
    found = plan(books(seen(INVOICE)))
    assert len(found.documents) == 1
    (step,) = found.settlements
    assert step.settlement == PAID
    assert (step.legal_entity, step.party) == ("LE-DE", "C-1001")
    assert (step.value_date, step.posting_date) == (date(2026, 11, 16), date(2026, 11, 16))
    assert not step.recovered
    assert found.debts == ()


def test_movements_go_in_the_order_in_which_they_moved() -> None:
    several = tuple(
        moved(name, "payment", 1000, at=utc(at))
        for name, at in (("c", "2026-11-03"), ("b", "2026-11-02"), ("a", "2026-11-03"))
    )
    assert entered(plan(books(posted(document(taxed(), settlements=several))))) == ["b", "a", "c"]


ENTERED = was_entered(PAID)
ON_ACCOUNT = was_entered(PAID, settles=None)
NOT_YET = was_entered(PAID, entry_id=None, settles=None)


@pytest.mark.parametrize(
    ("record", "known", "ids"),
    [
        (posted(INVOICE), {}, ["pi_1"]),
        (posted(INVOICE), NOT_YET, ["pi_1"]),
        (posted(INVOICE), ENTERED, []),
        # It came first and stands on the account: now it settles the document.
        (posted(INVOICE), ON_ACCOUNT, ["pi_1"]),
        (seen(INVOICE), ON_ACCOUNT, ["pi_1"]),
        # Posted anew after it was reversed.
        (posted(INVOICE, state=RecordState.REVERSED), ENTERED, ["pi_1"]),
        # The document stays out, and its money does not.
        (seen(INVOICE, hold=HELD), {}, ["pi_1"]),
        (seen(INVOICE, hold=HELD), NOT_YET, ["pi_1"]),
        (seen(INVOICE, hold=HELD), ON_ACCOUNT, []),
        (posted(INVOICE, state=RecordState.REVERSED, hold=HELD), ENTERED, []),
        # Nothing of the process before us, unless its document is known.
        (seen(OLD), {}, []),
        (seen(INVOICE, state=RecordState.BEFORE_CUTOVER), {}, []),
        (posted(OLD, state=RecordState.BEFORE_CUTOVER), {}, ["pi_1"]),
        (posted(OLD, state=RecordState.BEFORE_CUTOVER), ENTERED, []),
    ],
)
def test_when_a_payment_is_entered(
    record: DocumentRecord, known: dict[str, Any], ids: list[str]
) -> None:
    found = plan(books(record, entered=known))
    assert entered(found) == ids
    assert found.refused is None


def test_settlements_of_what_is_refused_wait() -> None:
    broken = document(taxed(item="new"), settlements=(PAID,))
    assert entered(plan(books(seen(broken)))) == []
    by_the_erp = plan(books(seen(INVOICE)), lambda _: refusal(RejectionCode.CUSTOMER_BLOCKED))
    assert entered(by_the_erp) == []
    # What changed after it was posted is in the books, and its money too.
    changed = plan(books(posted(INVOICE, posted_content="other")))
    assert entered(changed) == ["pi_1"]
    assert changed.refused is not None


def test_money_for_a_document_that_nobody_has_read_waits() -> None:
    stray = moved("pi_9", "payment", 500, "in_unread")
    assert entered(plan(books(movements=(stray,)))) == []
    others = {"in_unread": posted(document(taxed(), document_id="in_unread"))}
    assert entered(plan(books(movements=(stray,), others=others))) == ["pi_9"]
    # Another saga is to post it.
    waiting = {"in_unread": seen(document(taxed(), document_id="in_unread"))}
    assert entered(plan(books(movements=(stray,), others=waiting))) == []


def test_before_our_time_nothing_is_entered() -> None:
    """What the process before us has entered, on a document that it made or we."""
    early, first = (
        moved("pi_0", "payment", 1900, at=utc("2026-09-30T23:59:59")),
        moved("pi_1", "payment", 10000, at=BOOKS_FROM),
    )
    paid = document(taxed(), settlements=(early, first))
    record = posted(paid, state=RecordState.BEFORE_CUTOVER)
    assert entered(plan(books(record))) == ["pi_1"]
    assert entered(plan(books(posted(paid)))) == ["pi_1"]
    assert plan(books(record)).refused is None


def test_nothing_moves_where_the_amount_is_nothing() -> None:
    none = document(taxed(), settlements=(moved("pi_0", "payment", 0),))
    assert plan(books(posted(none))).empty


def test_money_goes_where_its_document_was_posted() -> None:
    """The account has moved to France since."""
    found = plan(books(posted(INVOICE), account=FRANCE))
    assert [(s.legal_entity, s.party) for s in found.settlements] == [("LE-DE", "C-1001")]
    bare = posted(INVOICE, legal_entity=None, party=None, posted=erp(INVOICE, party="C-9"))
    found = plan(books(bare, account=FRANCE))
    assert [(s.legal_entity, s.party) for s in found.settlements] == [("LE-DE", "C-9")]
    found = plan(books(seen(INVOICE), account=FRANCE))
    assert [(s.legal_entity, s.party) for s in found.settlements] == [("LE-FR", "F-2002")]
    given = moved("cbt_1", "goodwill", 2000, None)
    found = plan(books(movements=(given,), account=FRANCE))
    assert [(s.legal_entity, s.party) for s in found.settlements] == [("LE-FR", "F-2002")]


def test_a_movement_beyond_every_ledger() -> None:
    huge = moved("cbt_1", "goodwill", 10**12 + 1, None)
    found = plan(books(movements=(huge,)))
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("amount_out_of_range", "cbt_1")
    assert plan(books(movements=(moved("cbt_1", "goodwill", -(10**12), None),))).settlements


def test_movements_alone_need_the_account() -> None:
    given = moved("cbt_1", "goodwill", 2000, None)
    found = plan(books(movements=(given,), account=None))
    assert found.settlements == ()
    assert found.refused is not None
    assert found.refused.code == "account_unmapped"
    assert plan(books(posted(INVOICE), account=None)).refused == found.refused
    quiet = plan(books(movements=(given,), entered=was_entered(given), account=None))
    assert quiet.refused is None
