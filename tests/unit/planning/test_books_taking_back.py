"""What a person takes back out of the books: reversed once, and out until it is released."""

from typing import Any

import pytest

from canonical_models.approvals import Occasion
from canonical_models.documents import DocumentStatus
from canonical_models.policy import ApprovalRule
from canonical_models.records import DocumentRecord, Hold, HoldKind, RecordState
from planning.taking_back import why_not
from tests.unit.planning.answers import plan, the_step
from tests.unit.planning.cases import (
    AS_OF,
    FRANCE,
    TODAY,
    books,
    credit_note,
    document,
    erp,
    eur,
    posted,
    seen,
    taxed,
    void,
)

INVOICE = document(taxed())
HOLD = Hold(kind=HoldKind.ABORTED, reason="wrong article", by="fay", at=AS_OF)


def test_it_is_reversed_where_it_stands_today() -> None:
    step = the_step(plan(books(posted(INVOICE, hold=HOLD), account=FRANCE)))
    assert (step.void, step.posted, step.on, step.draft) == (True, "101", TODAY, None)
    assert (step.legal_entity, step.external_id) == ("LE-DE", "in_1/void")


@pytest.mark.parametrize(
    ("hold", "state"),
    [
        (HOLD, RecordState.REVERSED),
        (HOLD.model_copy(update={"kind": HoldKind.SKIPPED}), RecordState.POSTED),
        (HOLD.model_copy(update={"until": TODAY}), RecordState.POSTED),
        (None, RecordState.POSTED),
    ],
)
def test_once_and_only_where_somebody_has_said_so(hold: Hold | None, state: RecordState) -> None:
    assert plan(books(posted(INVOICE, hold=hold, state=state))).documents == ()


def test_released_it_is_posted_anew() -> None:
    step = the_step(plan(books(posted(INVOICE, state=RecordState.REVERSED))))
    assert (step.void, step.external_id) == (False, "in_1/2")


STAYS: list[tuple[DocumentRecord, str]] = [
    (seen(INVOICE), "does not stand in the books"),
    (posted(INVOICE, state=RecordState.REVERSED), "does not stand in the books"),
    (posted(INVOICE, state=RecordState.BEFORE_CUTOVER), "was not made by us"),
    (posted(INVOICE, linked_by="ann"), "was not made by us"),
    (posted(void(INVOICE)), "is void in billing"),
    (posted(INVOICE, posted=erp(INVOICE, credits=("102",))), "is credited in the ERP already"),
    (posted(INVOICE, posted=erp(INVOICE, open=eur(100))), "is settled, at least in part"),
    (
        posted(INVOICE.model_copy(update={"remaining": eur(0), "status": DocumentStatus.PAID})),
        "is settled, at least in part",
    ),
]


@pytest.mark.parametrize(("record", "why"), STAYS)
def test_what_something_stands_on_stays(record: DocumentRecord, why: str) -> None:
    assert (why_not(record) or "").startswith(why)
    assert why_not(posted(INVOICE)) is None


@pytest.mark.parametrize("record", [STAYS[5][0], STAYS[6][0]])
def test_settled_after_it_was_said_it_stays_as_it_was_posted(record: DocumentRecord) -> None:
    assert plan(books(record.model_copy(update={"hold": HOLD}))).documents == ()


def test_a_credit_note_for_it_stays_out_with_it() -> None:
    note = seen(credit_note(taxed(net=-10000), corrects="in_1"))
    found = plan(books(posted(INVOICE, hold=HOLD), note))
    assert [(each.document_id, each.void) for each in found.documents] == [("in_1", True)]
    both = plan(books(posted(INVOICE), note))
    assert [each.void for each in both.documents] == [False]


@pytest.mark.parametrize(("above", "asks"), [("100", True), ("200", False)])
def test_policy_asks_for_a_yes(above: str, asks: bool) -> None:
    rule: Any = {"on": Occasion.REVERSAL, "above": {"EUR": above}}
    policy = {"approvals": (ApprovalRule.model_validate(rule, strict=False),)}
    found = plan(books(posted(INVOICE, hold=HOLD), policy=policy))
    assert (found.refused is not None) is asks
    if found.refused is not None:
        assert found.refused.code == "approval_needed"
        assert "takes back 119.00 EUR" in found.refused.message
