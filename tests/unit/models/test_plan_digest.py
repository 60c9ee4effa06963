"""What a step carries out is bound to the plan's digest, which outlives how a database keeps it."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from canonical_models.amendment import (
    AccessPlan,
    Amendment,
    AmendmentPlan,
    BooksPlan,
    ChangeKind,
    DocumentStep,
    Refusal,
    SettlementStep,
)
from canonical_models.documents import DocumentKind, Settlement, SettlementKind
from canonical_models.entitlement import Grant, GrantSource, GrantState
from canonical_models.ledgering import DocumentDraft, DraftLine
from canonical_models.money import Money
from canonical_models.term import Contract

NOW = datetime(2026, 11, 16, tzinfo=UTC)
DAY = NOW.date()


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


GRANT = Grant(
    customer_id="cus_1",
    feature="seats",
    source=GrantSource.SUBSCRIPTION,
    source_id="si_1",
    quantity=5,
    starts_at=NOW,
)
LINE = DraftLine(
    line_id="il_1",
    item="PRO",
    net=eur(10000),
    dimensions={"department": "42", "project": "apollo", "agent": "7"},
)
DRAFT = DocumentDraft(
    external_id="in_1",
    kind=DocumentKind.INVOICE,
    legal_entity="LE-DE",
    party="C-1001",
    currency="EUR",
    number="N-1",
    issued_on=DAY,
    posting_date=DAY,
    lines=(LINE,),
)
STEP = DocumentStep(document_id="in_1", content="c", draft=DRAFT, legal_entity="LE-DE")
MOVEMENT = SettlementStep(
    settlement=Settlement(
        settlement_id="pi_1",
        kind=SettlementKind.PAYMENT,
        document_id="in_1",
        amount=eur(10000),
        at=NOW,
    ),
    legal_entity="LE-DE",
    party="C-1001",
    value_date=DAY,
    posting_date=DAY,
)
REFUSED = Refusal(code="period_closed", message="closed", system="erp")
#: Keys in an order that no database keeps.
BOOKS = BooksPlan(
    documents=(STEP,), left_out={"in_77": "held: why", "in_9": "void", "cn_7": "skipped: why"}
)
PLAN = AmendmentPlan(
    change_id="chg_1",
    subject="sub_1",
    amendment=Amendment(
        kind=ChangeKind.UPGRADE, summary="upgrade", customer_id="cus_1", effective_at=NOW
    ),
    books=BOOKS,
    access=AccessPlan(grants=(GRANT,)),
)


def test_a_plan_has_its_digest_in_whatever_order_it_is_kept() -> None:
    backwards = _reversed(json.loads(PLAN.model_dump_json()))
    read = AmendmentPlan.model_validate_json(json.dumps(backwards))
    assert [*read.books.left_out] != [*PLAN.books.left_out]
    assert read == PLAN
    assert read.digest == PLAN.digest


def _reversed(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _reversed(told[name]) for name in reversed(told)}
    return [_reversed(each) for each in told] if isinstance(told, list) else told


@pytest.mark.parametrize(
    "changes",
    [
        {"books": BOOKS.model_copy(update={"settlements": (MOVEMENT,)})},
        {"books": BOOKS.model_copy(update={"left_out": {}})},
        {"books": BOOKS.model_copy(update={"refused": REFUSED})},
        {"books": BOOKS.model_copy(update={"documents": (STEP, STEP)})},
        {"access": AccessPlan()},
        {"access": AccessPlan(grants=(GRANT,), suspended=("si_1",))},
        {"access": AccessPlan(grants=(GRANT.model_copy(update={"state": GrantState.SUSPENDED}),))},
        {
            "contract": Contract(
                contract_id="sub_1",
                customer_id="cus_1",
                subscription_ids=("sub_1",),
                starts_at=NOW,
            )
        },
        {"master_data": True},
        {"subject": "sub_2"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_all_that_a_plan_says_counts(changes: dict[str, object]) -> None:
    plan = PLAN.model_copy(update=changes)
    read = AmendmentPlan.model_validate_json(plan.model_dump_json())
    assert read == plan
    assert read.digest == plan.digest != PLAN.digest


def test_the_substance_of_a_document_is_what_it_says_and_not_its_day() -> None:
    later = DRAFT.model_copy(update={"posting_date": date(2027, 1, 1), "url": "https://x"})
    assert later.substance == DRAFT.substance
    for changes in (
        {"lines": (LINE.model_copy(update={"net": eur(1)}),)},
        {"lines": (LINE.model_copy(update={"item": "STARTER"}),)},
        {"party": "C-1002"},
        {"legal_entity": "LE-US"},
        {"external_id": "in_2"},
        {"issued_on": date(2027, 1, 1)},
    ):
        assert DRAFT.model_copy(update=changes).substance != DRAFT.substance
