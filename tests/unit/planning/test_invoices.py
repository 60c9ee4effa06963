"""Where a document stands with the customer, by what the ERP says of it."""

from datetime import date

import pytest

from canonical_models.ledgering import DocumentState, ErpStatus
from planning.invoices import erp_status_of
from tests.unit.planning.cases import eur

TODAY = date(2026, 11, 16)
PAST, FUTURE = date(2026, 11, 15), date(2026, 12, 1)


def erp_status(
    net: int,
    owed: int,
    due: date | None = FUTURE,
    *,
    tax: int = 0,
    state: DocumentState = DocumentState.POSTED,
) -> ErpStatus:
    return ErpStatus(
        document_id="1",
        number="INV-1",
        state=state,
        document_date=TODAY,
        due_on=due,
        net=eur(net),
        tax=eur(tax),
        open=eur(owed),
    )


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (None, "unposted"),
        (erp_status(5000, 5000, state=DocumentState.DRAFT), "unposted"),
        (erp_status(5000, 5000), "posted"),
        (erp_status(5000, 5000, None), "posted"),
        (erp_status(5000, 5950, tax=950), "posted"),
        (erp_status(5000, 5949, tax=950), "part_paid"),
        (erp_status(5000, 2000), "part_paid"),
        (erp_status(5000, 0), "paid"),
        (erp_status(5000, 0, PAST), "paid"),
        (erp_status(5000, -100), "paid"),
        (erp_status(5000, 0, state=DocumentState.PAID), "paid"),
        (erp_status(5000, 5000, PAST), "overdue"),
        (erp_status(5000, 2000, PAST), "overdue"),
        # What is due today is not overdue yet.
        (erp_status(5000, 5000, TODAY), "posted"),
        # There is nothing to pay.
        (erp_status(0, 0), "paid"),
        (erp_status(-5000, -5000, PAST), "credited"),
        (erp_status(-5000, 0), "credited"),
        (erp_status(-1, -1, tax=1), "paid"),
        # What somebody cancelled in the ERP is worth nothing: it is not paid.
        (erp_status(5000, 0, state=DocumentState.CANCELLED), "credited"),
        (erp_status(5000, 5000, PAST, state=DocumentState.CANCELLED), "credited"),
    ],
)
def test_the_standing(found: ErpStatus | None, word: str) -> None:
    assert erp_status_of(found, TODAY) == word
