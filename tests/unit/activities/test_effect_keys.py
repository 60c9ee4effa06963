"""The key of an effect is its business object: the same again is the same effect, and what follows
an undo is another."""

import pytest

from activities.document_effects import document_effect
from activities.effects import settlement_effect
from canonical_models.amendment import DocumentStep
from canonical_models.documents import DocumentKind, SettlementKind
from canonical_models.ledgering import DocumentDraft, DraftLine, SettlementDraft
from canonical_models.money import Money
from persistence.ownership import Owner
from tests.harness.subscriptions import AS_OF
from tests.harness.systems import Systems

DAY = AS_OF.date()
EUR = Money(minor=11900, currency="EUR")


def movement(change_id: str, document_id: str | None, *, generation: int = 1) -> str:
    draft = SettlementDraft(
        external_id="pi_1",
        kind=SettlementKind.PAYMENT,
        legal_entity="LE-DE",
        party="C-1001",
        amount=EUR,
        value_date=DAY,
        posting_date=DAY,
    )
    owner = Owner("acme", change_id, 1)
    made = settlement_effect(Systems().tenant, owner, draft, document_id, generation=generation)
    assert made.change_id == change_id
    assert made.step == "erp.settlement/pi_1"
    return made.key


@pytest.mark.parametrize(
    ("document_id", "generation", "key"),
    [
        # On the account it has no document, and so no generation of one.
        (None, 1, "settlement:acme/pi_1"),
        (None, 2, "settlement:acme/pi_1"),
        ("in_1", 1, "settlement:acme/pi_1/in_1"),
        ("in_1", 2, "settlement:acme/pi_1/in_1/2"),
        ("in_1", 3, "settlement:acme/pi_1/in_1/3"),
        ("in_2", 1, "settlement:acme/pi_1/in_2"),
    ],
)
def test_a_movement_is_entered_once_for_each_document_and_generation(
    document_id: str | None, generation: int, key: str
) -> None:
    assert movement("chg_1", document_id, generation=generation) == key


def test_whichever_change_sees_it_a_movement_has_one_key() -> None:
    assert movement("chg_1", "in_1") == movement("chg_2", "in_1")


@pytest.mark.parametrize(("generation", "reference"), [(1, "in_1"), (2, "in_1/2")])
def test_a_document_that_is_posted_anew_after_an_undo_is_another_effect(
    generation: int, reference: str
) -> None:
    net = Money(minor=10000, currency="EUR")
    draft = DocumentDraft(
        external_id=reference,
        kind=DocumentKind.INVOICE,
        legal_entity="LE-DE",
        party="C-1001",
        currency="EUR",
        number="INV-1",
        issued_on=DAY,
        posting_date=DAY,
        lines=(DraftLine(line_id="il_1", item="PRO", description="Seats", net=net),),
    )
    step = DocumentStep(
        document_id="in_1",
        number="INV-1",
        generation=generation,
        content="of in_1",
        draft=draft,
        legal_entity="LE-DE",
    )
    made = document_effect(Systems().tenant, Owner("acme", "chg_1", 1), step, draft, None)
    assert (made.key, made.step) == (f"document:acme/{reference}", f"erp.document/{reference}")
