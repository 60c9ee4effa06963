"""Where an invoice stands, by what the ERP says of its documents."""

from datetime import date

import pytest

from canonical_models.ledgering import DocumentStanding, DocumentState
from canonical_models.money import Money
from planning.invoices import due_on, open_of, standing_of, total_of

TODAY = date(2026, 11, 16)
PAST, FUTURE = date(2026, 11, 15), date(2026, 12, 1)


def document(
    total: int,
    owed: int,
    due: date | None = FUTURE,
    *,
    sent: bool | None = None,
    state: DocumentState = DocumentState.POSTED,
) -> DocumentStanding:
    return DocumentStanding(
        document_id="1",
        number="INV-1",
        state=state,
        sent=sent,
        issued_on=None,
        due_on=due,
        total=Money(minor=total, currency="EUR"),
        open=Money(minor=owed, currency="EUR"),
    )


CANCELLED = document(5000, 0, state=DocumentState.CANCELLED)


@pytest.mark.parametrize(
    ("documents", "standing"),
    [
        ((), "unposted"),
        ((document(5000, 5000),), "posted"),
        ((document(5000, 5000, sent=False),), "posted"),
        ((document(5000, 5000, sent=True),), "sent"),
        ((document(5000, 5000, None),), "posted"),
        ((document(5000, 2000, sent=True),), "part_paid"),
        ((document(5000, 0),), "paid"),
        ((document(5000, 0, PAST),), "paid"),
        ((document(5000, -100),), "paid"),
        ((document(5000, 5000, PAST),), "overdue"),
        ((document(5000, 2000, PAST),), "overdue"),
        # What is due today is not overdue yet.
        ((document(5000, 5000, TODAY),), "posted"),
        # Several documents: one settled, one that is overdue, a credit memo.
        ((document(5000, 0, PAST), document(700, 700)), "part_paid"),
        ((document(5000, 5000), document(700, 700, PAST)), "overdue"),
        ((document(5000, 5000), document(-2000, -2000)), "posted"),
        ((document(5000, 3000), document(-2000, 0)), "posted"),
        ((document(5000, 2000), document(-2000, 0)), "part_paid"),
        ((document(5000, 2000), document(-2000, -2000)), "paid"),
        ((document(5000, 5000), document(-5000, -5000)), "credited"),
        ((document(5000, 0), document(-5000, 0)), "credited"),
        ((document(-5000, -5000, PAST),), "credited"),
        ((document(0, 0),), "credited"),
        # One that somebody cancelled in the ERP is worth nothing: it is not paid.
        ((CANCELLED,), "credited"),
        ((CANCELLED, document(700, 700)), "posted"),
        ((CANCELLED, document(700, 0)), "paid"),
    ],
)
def test_the_standing(documents: tuple[DocumentStanding, ...], standing: str) -> None:
    assert standing_of(documents, TODAY) == standing


def test_totals_have_the_signs_of_their_documents() -> None:
    both = (document(5000, 3000), document(-2000, -500))
    assert total_of(both) == Money(minor=3000, currency="EUR")
    assert open_of(both) == Money(minor=2500, currency="EUR")


@pytest.mark.parametrize(
    ("documents", "day"),
    [
        ((), None),
        ((document(5000, 5000, None),), None),
        ((document(5000, 5000, FUTURE), document(700, 700, TODAY)), TODAY),
        # What is settled is due no more, as long as anything is open.
        ((document(5000, 0, PAST), document(700, 700, FUTURE)), FUTURE),
        ((document(5000, 0, PAST), document(700, 0, FUTURE)), PAST),
        ((document(-5000, -5000, PAST), document(700, 700, FUTURE)), FUTURE),
    ],
)
def test_the_day_is_the_earliest_of_what_is_open(
    documents: tuple[DocumentStanding, ...], day: date | None
) -> None:
    assert due_on(documents) == day
