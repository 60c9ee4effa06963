"""Balance that a customer keeps, goodwill, and debts that no document shows."""

from datetime import date
from typing import Any

import pytest

from canonical_models.documents import DocumentStatus
from canonical_models.failures import RejectionCode
from canonical_models.records import DocumentRecord, RecordState, SettlementRecord
from tests.unit.planning.answers import entered, plan, refusal, terms
from tests.unit.planning.cases import (
    FRANCE,
    VAT_19,
    books,
    document,
    erp,
    line,
    moved,
    posted,
    seen,
    taxed,
    utc,
    was_entered,
)

KEPT = moved("cbt_1", "balance", -11900, "in_0", at=utc("2026-11-02"))
CREDIT = document(taxed(net=-10000), document_id="in_0", number="INV-0", settlements=(KEPT,))


def renewal(n: int, amount: int = 5950, **changes: Any) -> DocumentRecord:
    used = moved(f"cbt_{n}", "balance", amount, f"in_{n}", at=utc(f"2026-11-{n + 2:02}"), **changes)
    found = document(taxed(net=5000), document_id=f"in_{n}", settlements=(used,))
    return posted(found, posted=erp(found, str(100 + n)), **changes.pop("of", {}))


def test_a_credit_is_kept_and_two_renewals_are_paid_from_it() -> None:
    """-119.00 to the balance; two renewals of 59.50 from it."""
    found = plan(books(posted(CREDIT), renewal(2), renewal(3)))
    assert entered(found) == ["cbt_1", "cbt_2", "cbt_3"]
    assert [step.settlement.amount.minor for step in found.settlements] == [-11900, 5950, 5950]
    assert found.refused is None


def in_france(record: DocumentRecord) -> DocumentRecord:
    return record.model_copy(update={"legal_entity": "LE-FR", "party": "F-2002"})


def test_balance_is_used_where_it_is_kept() -> None:
    found = plan(books(posted(CREDIT), in_france(renewal(2)), renewal(3)))
    assert entered(found) == ["cbt_1", "cbt_3"]
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("balance_crosses", "cbt_2")
    assert (
        "59.50 EUR of the customer's balance settle in_2 in LE-FR, where 0.00 EUR are kept; there "
        "are 119.00 EUR in LE-DE"
    ) in found.refused.message


def known(**changes: Any) -> dict[str, SettlementRecord]:
    return was_entered(KEPT, **changes)


@pytest.mark.parametrize(
    ("known", "record", "crosses"),
    [
        (known(), renewal(2), False),
        (known(legal_entity="LE-FR"), renewal(2), True),
        (known(legal_entity="LE-FR"), in_france(renewal(2)), False),
        # What was never entered, or nobody knows where, is kept nowhere.
        (known(legal_entity="LE-FR", entry_id=None), renewal(2), False),
        (known(legal_entity=None), renewal(2), False),
        ({}, renewal(2), False),
        # Of what was tried and refused nothing is used yet.
        (
            known(legal_entity="LE-FR")
            | was_entered(moved("cbt_2", "balance", 5950, "in_2"), entry_id=None, settles=None),
            renewal(2),
            True,
        ),
        # Half of it is kept here, the other half there.
        (
            was_entered(moved("cbt_8", "balance", -5949, "in_8"))
            | was_entered(moved("cbt_9", "balance", -1, "in_9"), legal_entity="LE-FR"),
            renewal(2),
            True,
        ),
        (
            was_entered(moved("cbt_8", "balance", -5950, "in_8"))
            | was_entered(moved("cbt_9", "balance", -1, "in_9"), legal_entity="LE-FR"),
            renewal(2),
            False,
        ),
        # Used up there already.
        (
            known(legal_entity="LE-FR")
            | was_entered(moved("cbt_9", "balance", 11900, "in_9"), legal_entity="LE-FR"),
            renewal(2),
            False,
        ),
        # Goodwill is balance too, and taking it is the opposite.
        (
            was_entered(moved("cbt_9", "goodwill", 100, None), legal_entity="LE-FR"),
            renewal(2),
            True,
        ),
        (
            was_entered(moved("cbt_9", "goodwill", -100, None), legal_entity="LE-FR"),
            renewal(2),
            False,
        ),
        # Several credits are one balance.
        (
            was_entered(moved("cbt_7", "balance", -3000, "in_7"))
            | was_entered(moved("cbt_8", "balance", -2950, "in_8"))
            | was_entered(moved("cbt_9", "balance", -1, "in_9"), legal_entity="LE-FR"),
            renewal(2),
            False,
        ),
        (known(legal_entity="LE-FR"), renewal(2, 1), True),
        # Money that came without a document is balance.
        (
            was_entered(moved("cbt_9", "payment", 100, None), legal_entity="LE-FR"),
            renewal(2),
            True,
        ),
        # Other money is none.
        (
            was_entered(moved("pi_9", "payment", -100, "in_9"), legal_entity="LE-FR"),
            renewal(2),
            False,
        ),
    ],
)
def test_where_balance_is_kept_is_what_was_entered(
    known: dict[str, SettlementRecord], record: DocumentRecord, crosses: bool
) -> None:
    found = plan(books(record, entered=known))
    assert (found.refused is not None) is crosses
    assert entered(found) == ([] if crosses else ["cbt_2"])


def test_only_balance_that_is_used_can_cross() -> None:
    kept = known(legal_entity="LE-FR")
    for movement in (
        moved("pi_1", "payment", 5950),
        moved("cbt_2", "balance", -5950),
        moved("cbt_3", "goodwill", 5950, None),
    ):
        found = plan(books(posted(document(taxed(), settlements=(movement,))), entered=kept))
        assert found.refused is None
        assert len(found.settlements) == 1


def test_what_is_kept_elsewhere_is_told_for_every_place() -> None:
    kept = known(legal_entity="LE-FR") | was_entered(
        moved("cbt_9", "balance", -100, "in_9", currency="USD"), legal_entity="LE-AT"
    )
    told = plan(books(renewal(2), entered=kept)).refused
    assert told is not None
    assert told.message.endswith(
        "there are 1.00 USD in LE-AT and 119.00 EUR in LE-FR: carry the balance over in the ERP"
    )


def test_another_currency_is_another_balance() -> None:
    dollars = moved("cbt_9", "balance", -9900, "in_9", currency="USD")
    found = plan(books(renewal(2), entered=was_entered(dollars)))
    assert found.refused is not None
    assert "99.00 USD in LE-DE" in found.refused.message


def test_what_is_entered_again_is_not_counted_twice() -> None:
    record = renewal(2)
    used = record.document.settlements[0]
    elsewhere = was_entered(moved("cbt_9", "balance", -1, "in_9"), legal_entity="LE-FR")
    found = plan(books(record, entered=elsewhere | was_entered(used, settles=None)))
    assert entered(found) == ["cbt_2"]


def test_what_is_planned_counts_in_its_turn() -> None:
    """Goodwill of 59.50 in France, used up there, does not cross for the next one here."""
    given = moved("cbt_1", "goodwill", 5950, None, at=utc("2026-11-01"))
    france = in_france(renewal(2))
    found = plan(books(france, renewal(3), movements=(given,), account=FRANCE))
    assert entered(found) == ["cbt_1", "cbt_2", "cbt_3"]
    assert [step.legal_entity for step in found.settlements] == ["LE-FR", "LE-FR", "LE-DE"]


def test_what_cannot_be_entered_is_not_counted() -> None:
    """The credit's day is closed: nothing is kept, so that nothing crosses."""
    closed = refusal(RejectionCode.PERIOD_CLOSED)
    found = plan(
        books(posted(CREDIT), in_france(renewal(2))),
        lambda question: closed if question.on == date(2026, 11, 2) else terms(VAT_19)(question),
    )
    assert entered(found) == ["cbt_2"]
    assert found.refused == closed


def test_goodwill_without_a_document_is_entered() -> None:
    given = moved("cbt_1", "goodwill", 2000, None)
    (step,) = plan(
        books(movements=(given,), subscription=None, subject="account:cus_1")
    ).settlements
    assert (step.settlement, step.legal_entity, step.recovered) == (given, "LE-DE", False)


WHOLE = moved("pi_1", "payment", 11900)
LOST = moved("dp_1", "dispute", -11900, None, about="in_1", at=utc("2026-11-20"))


def disputed(*more: Any, **changes: Any) -> DocumentRecord:
    found = document(taxed(), settlements=(WHOLE, LOST, *more), status=DocumentStatus.PAID)
    return posted(found, **changes)


def test_a_dispute_leaves_a_debt_of_its_own() -> None:
    """The chargeback is entered, and somebody owns what is owed."""
    found = plan(books(disputed()))
    assert entered(found) == ["pi_1", "dp_1"]
    assert found.settlements[1].value_date == date(2026, 11, 20)
    assert found.debts == ("dp_1",)
    assert found.refused is None
    # As long as it stands, whoever has entered it.
    again = plan(books(disputed(), entered=was_entered(WHOLE) | was_entered(LOST)))
    assert (again.settlements, again.debts) == ((), ("dp_1",))
    assert again.empty


@pytest.mark.parametrize(
    ("more", "owed"),
    [
        ((moved("dp_1/won", "dispute_won", 11900, None, about="in_1"),), ()),
        ((moved("dp_1/won", "dispute_won", 11899, None, about="in_1"),), ("dp_1",)),
        ((moved("pi_2", "payment", 11900, None, about="in_1"),), ()),
        ((moved("pi_2", "paid_elsewhere", 11900, None, about="in_1"),), ()),
        ((moved("pi_2", "payment", 11900, None, about="in_2"),), ("dp_1",)),
        ((moved("pi_2", "payment", 11900, None),), ("dp_1",)),
        ((moved("cbt_1", "goodwill", 11900, None),), ("dp_1",)),
        (
            (moved("re_1", "refund", -500, None, about="in_1", at=utc("2026-11-19")),),
            ("re_1", "dp_1"),
        ),
    ],
)
def test_a_debt_is_over_when_it_has_come_back(more: tuple[Any, ...], owed: tuple[str, ...]) -> None:
    assert plan(books(disputed(*more))).debts == owed


def test_a_refund_that_a_credit_note_answers_leaves_no_debt() -> None:
    note = document(
        line("cl", -4000),
        document_id="cn_1",
        settlements=(moved("re_1", "refund", -4000, "cn_1"),),
    )
    found = plan(books(posted(note)))
    assert (entered(found), found.debts) == (["re_1"], ())


def test_money_that_was_recovered_pays_no_debt_of_its_own() -> None:
    off = moved("in_1/write-off", "write_off", 11900)
    back = moved("pi_9", "payment", 500, None, about="in_1")
    lost = moved("dp_9", "dispute", -500, None, about="in_1")
    given_up = document(taxed(), settlements=(off, back, lost))
    assert plan(books(posted(given_up))).debts == ("dp_9",)


def test_a_debt_about_what_was_before_us_is_reported_and_left_to_its_books() -> None:
    old = {"issued_at": utc("2026-09-01")}
    record = disputed()
    early = record.document.model_copy(update=old)
    unknown = plan(books(seen(early)))
    assert (entered(unknown), unknown.debts) == ([], ("dp_1",))
    adopted = posted(early, state=RecordState.BEFORE_CUTOVER)
    assert entered(plan(books(adopted))) == ["pi_1", "dp_1"]
    moved_before = LOST.model_copy(update={"at": utc("2026-09-30")})
    assert plan(books(movements=(moved_before,))).debts == ()


def test_a_debt_stands_where_the_document_does_that_it_is_about() -> None:
    found = plan(books(disputed(), account=FRANCE))
    assert {step.legal_entity for step in found.settlements} == {"LE-DE"}
    # About what nobody has read, it stands on the account.
    stray = plan(books(movements=(LOST,), account=FRANCE))
    assert [step.legal_entity for step in stray.settlements] == ["LE-FR"]
