"""Set-offs, write-offs, and what a void gives back."""

from typing import Any

import pytest

from canonical_models.documents import BillingDocument, DocumentStatus, Settlement
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from tests.unit.planning.answers import entered, plan
from tests.unit.planning.cases import (
    AS_OF,
    books,
    credit_note,
    document,
    erp,
    line,
    moved,
    posted,
    seen,
    taxed,
    was_entered,
)

PAID = moved("pi_1", "payment", 11900)
HELD = Hold(kind=HoldKind.HELD, reason="r", by="ann", at=AS_OF)
APPLIED = moved("cn_1/applied", "credit_note", 4000, "in_1", against="cn_1")
MIRROR = moved("cn_1/applied/note", "credit_note", -4000, "cn_1", against="in_1")
OPEN = document(taxed(), settlements=(APPLIED,))
NOTE = credit_note(line("cl", -4000), settlements=(MIRROR,))
UNTAXED_NOTE = posted(NOTE, posted=erp(NOTE, "102"))


def test_a_set_off_is_entered_once_for_both() -> None:
    found = plan(books(posted(OPEN), UNTAXED_NOTE))
    assert entered(found) == ["cn_1/applied"]
    assert plan(books(posted(OPEN), UNTAXED_NOTE, entered=was_entered(APPLIED))).settlements == ()


@pytest.mark.parametrize(
    ("records", "ids"),
    [
        ((posted(OPEN),), []),
        ((posted(OPEN), seen(NOTE, hold=HELD)), []),
        ((seen(OPEN, hold=HELD), UNTAXED_NOTE), []),
        ((seen(OPEN, state=RecordState.BEFORE_CUTOVER), UNTAXED_NOTE), []),
        ((posted(OPEN, state=RecordState.BEFORE_CUTOVER), UNTAXED_NOTE), ["cn_1/applied"]),
        ((seen(OPEN), UNTAXED_NOTE), ["cn_1/applied"]),
    ],
)
def test_a_set_off_needs_both_documents(
    records: tuple[DocumentRecord, ...], ids: list[str]
) -> None:
    assert entered(plan(books(*records))) == ids


def test_the_other_document_of_a_set_off_may_be_planned_with_it() -> None:
    note = credit_note(taxed("cl", -10000), settlements=(MIRROR,))
    assert entered(plan(books(posted(OPEN), seen(note)))) == ["cn_1/applied"]
    assert entered(plan(books(seen(OPEN), others={"cn_1": UNTAXED_NOTE}))) == ["cn_1/applied"]


BACK_AGAIN = moved("cn_1/applied/note/back", "credit_note", 4000, "cn_1", against="in_1")
VOID_NOTE = credit_note(
    line("cl", -4000),
    settlements=(MIRROR, BACK_AGAIN),
    status=DocumentStatus.VOID,
    closed_at=AS_OF,
)


@pytest.mark.parametrize(
    ("state", "known", "ids"),
    [
        (RecordState.POSTED, was_entered(APPLIED), ["cn_1/applied/note/back"]),
        (RecordState.REVERSED, was_entered(APPLIED), ["cn_1/applied/note/back"]),
        (RecordState.REVERSED, was_entered(APPLIED) | was_entered(BACK_AGAIN, settles=None), []),
        # Nothing was set off there.
        (RecordState.POSTED, {}, []),
        (RecordState.POSTED, was_entered(APPLIED, entry_id=None), []),
    ],
)
def test_a_set_off_of_a_note_that_became_void_is_taken_back(
    state: RecordState, known: dict[str, Any], ids: list[str]
) -> None:
    note = posted(VOID_NOTE, posted=erp(VOID_NOTE, "102"), state=state)
    found = plan(books(posted(document(taxed())), note, entered=known))
    assert entered(found) == ids
    assert found.refused is None


def test_a_write_off_needs_its_document() -> None:
    """Uncollectible in billing's own screen is the documented write-off."""
    given_up = document(
        taxed(),
        status=DocumentStatus.UNCOLLECTIBLE,
        settlements=(moved("in_1/write-off", "write_off", 11900),),
    )
    assert entered(plan(books(posted(given_up)))) == ["in_1/write-off"]
    assert entered(plan(books(seen(given_up)))) == ["in_1/write-off"]
    assert entered(plan(books(seen(given_up, hold=HELD)))) == []


LOST = moved("in_1/write-off", "write_off", 11900)
FOUND = moved("in_1/write-off/back", "write_off", -11900)


@pytest.mark.parametrize(
    ("record", "known", "ids"),
    [
        # The loss was booked: what is void is none.
        (posted, was_entered(LOST), ["in_1/write-off/back"]),
        # Also where its reversal is there already, and this has been refused before.
        (
            lambda of: posted(of, state=RecordState.REVERSED),
            was_entered(LOST),
            ["in_1/write-off/back"],
        ),
        (posted, was_entered(LOST) | was_entered(FOUND, settles=None), []),
        # Nothing was booked of it, and nothing is.
        (posted, {}, []),
        (posted, was_entered(LOST, entry_id=None), []),
        (seen, {}, []),
    ],
)
def test_a_write_off_of_what_became_void_is_taken_back(
    record: Any, known: dict[str, Any], ids: list[str]
) -> None:
    gone = document(taxed(), settlements=(LOST, FOUND), status=DocumentStatus.VOID, closed_at=AS_OF)
    found = plan(books(record(gone), entered=known))
    assert entered(found) == ids
    assert found.refused is None


def written_off(**changes: Any) -> BillingDocument:
    late: dict[str, Any] = {"kind": "payment", "amount": 11900, "document_id": None}
    late |= {"about": "in_1"} | changes
    return document(
        taxed(),
        status=DocumentStatus.UNCOLLECTIBLE,
        settlements=(moved("in_1/write-off", "write_off", 11900), moved("pi_9", **late)),
    )


@pytest.mark.parametrize(
    ("changes", "recovered"),
    [
        ({}, True),
        ({"kind": "paid_elsewhere"}, True),
        ({"kind": "refund", "amount": -100}, False),
        ({"about": None}, False),
        ({"about": "in_other"}, False),
    ],
)
def test_money_for_what_was_written_off_is_recovered(
    changes: dict[str, Any], recovered: bool
) -> None:
    found = plan(books(posted(written_off(**changes))))
    assert [(s.settlement.settlement_id, s.recovered) for s in found.settlements] == [
        ("in_1/write-off", False),
        ("pi_9", recovered),
    ]


def test_money_beside_a_document_that_was_not_written_off_is_no_recovery() -> None:
    more = moved("pi_9", "payment", 100, None, about="in_1")
    (step, _) = plan(books(posted(document(taxed(), settlements=(PAID, more))))).settlements
    assert not step.recovered


VOID = {"status": DocumentStatus.VOID, "closed_at": AS_OF}
USED = moved("cbt_1", "balance", 11900)
BACK = moved("cbt_2", "balance", -11900)


@pytest.mark.parametrize(
    ("record", "settlements", "known", "ids"),
    [
        # Never booked, and given back: nothing to tell.
        (seen, (USED, BACK), {}, []),
        (seen, (USED,), {}, ["cbt_1"]),
        (seen, (USED, BACK), was_entered(USED, settles=None), ["cbt_2"]),
        (posted, (USED, BACK), was_entered(USED), ["cbt_2"]),
        (posted, (USED, BACK), was_entered(USED, settles=None), ["cbt_2"]),
    ],
)
def test_what_a_void_gives_back(
    record: Any, settlements: tuple[Settlement, ...], known: dict[str, Any], ids: list[str]
) -> None:
    """Balance that was used on a document which became void."""
    void = document(taxed(), settlements=settlements, **VOID)
    found = plan(books(record(void), entered=known))
    assert entered(found) == ids
    assert found.refused is None


def test_money_that_is_left_on_a_void_document_is_not_hidden_by_balance_of_another() -> None:
    about = moved("pi_2", "payment", -11900, None, about="in_1")
    void = document(taxed(), settlements=(USED, about), **VOID)
    assert entered(plan(books(seen(void)))) == ["cbt_1", "pi_2"]
