"""What is open, what was reversed, entered and shown, against what was planned."""

from datetime import date
from typing import Any

import pytest

from canonical_models.documents import DocumentKind, DocumentStatus, SettlementKind
from canonical_models.ledgering import (
    DocumentState,
    DraftLine,
    SettlementDraft,
    SettlementEntry,
    UnbilledDraft,
    UnbilledShown,
)
from planning.verification import (
    Difference,
    cancelled_differences,
    link_differences,
    open_difference,
    reversal_differences,
    settlement_differences,
    taken_over_differences,
    unbilled_differences,
)
from tests.unit.planning.cases import document, eur, moved, taxed
from tests.unit.planning.proofs import DRAFT, FROM, RIGHT, TO, A, B, total


@pytest.mark.parametrize(
    ("status", "left", "open_", "differs"),
    [
        (DocumentStatus.OPEN, 11900, 11900, False),
        (DocumentStatus.OPEN, 11900, 11901, True),
        (DocumentStatus.OPEN, 1, 0, True),
        (DocumentStatus.PAID, 0, 0, False),
        (DocumentStatus.PAID, 0, -1, True),
        (DocumentStatus.UNCOLLECTIBLE, 0, 0, False),
        (DocumentStatus.VOID, 11900, 0, False),
        (DocumentStatus.VOID, 0, 11900, True),
    ],
)
def test_what_is_open_is_what_remains(
    status: DocumentStatus, left: int, open_: int, differs: bool
) -> None:
    found = document(taxed(), status=status, remaining=eur(left))
    told = open_difference(found, eur(open_))
    assert (told is not None) is differs
    if told is not None:
        remaining = eur(0 if status is DocumentStatus.VOID else left)
        assert told == Difference(
            system="erp",
            field="open amount of INV-7",
            planned=str(remaining),
            found=str(eur(open_)),
        )


def test_a_document_without_a_number_goes_by_its_id() -> None:
    told = open_difference(document(taxed(), number=None), eur(0))
    assert told is not None
    assert told.field == "open amount of in_1"
    assert open_difference(document(taxed()), eur(11900, "USD")) is not None


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"external_id": "", "billing_number": None, "lines": (), "due_on": None}, []),
        ({"document_date": None, "posting_date": None}, []),
        ({"state": DocumentState.PAID}, []),
        ({"kind": DocumentKind.INVOICE}, ["kind"]),
        ({"state": DocumentState.DRAFT}, ["state"]),
        ({"legal_entity": "LE-FR"}, ["legal entity"]),
        ({"party": "C-2"}, ["party"]),
        ({"currency": "USD"}, ["currency"]),
        ({"net": eur(-15001)}, ["net"]),
        ({"tax": eur(-2251)}, ["tax"]),
        ({"taxes": DRAFT.taxes[:1]}, ["tax VAT 7 %"]),
    ],
)
def test_a_document_made_by_hand_has_the_sums_and_is_the_partys(
    changes: dict[str, Any], fields: list[str]
) -> None:
    hand = RIGHT.model_copy(update={"external_id": "", "ours": False} | changes)
    assert [each.field for each in link_differences(DRAFT, hand)] == fields


BEFORE = document(taxed())
TAKEN_OVER = RIGHT.model_copy(
    update={
        "kind": DocumentKind.INVOICE,
        "external_id": "",
        "ours": False,
        "currency": "EUR",
        "tax": BEFORE.tax,
        "net": BEFORE.net,
    }
)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, []),
        ({"posting_date": date(2026, 1, 1), "lines": (), "taxes": ()}, []),
        ({"kind": DocumentKind.CREDIT_NOTE}, ["kind"]),
        ({"state": DocumentState.DRAFT}, ["state"]),
        ({"legal_entity": "LE-FR"}, ["legal entity"]),
        ({"party": "C-2"}, ["party"]),
        ({"currency": "USD"}, ["currency"]),
        ({"tax": eur(1)}, ["tax", "gross"]),
        ({"net": eur(1)}, ["gross"]),
    ],
)
def test_a_document_of_the_process_before_us_has_the_sums_and_is_the_partys(
    changes: dict[str, Any], fields: list[str]
) -> None:
    found = TAKEN_OVER.model_copy(update=changes)
    told = taken_over_differences(BEFORE, found, legal_entity=RIGHT.legal_entity, party=RIGHT.party)
    assert [each.field for each in told] == fields


REVERSAL = RIGHT.model_copy(
    update={
        "document_id": "103",
        "external_id": "cn_1/void",
        "posting_date": date(2026, 11, 20),
        "net": eur(15000),
        "tax": eur(2250),
        "taxes": (total("VAT 19 %", "0.19", 10000, 1900), total("VAT 7 %", "0.07", 5000, 350)),
        "lines": (
            A.model_copy(update={"net": eur(10000)}),
            B.model_copy(update={"net": eur(5000)}),
        ),
        "corrects": "102",
    }
)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, None),
        ({"state": DocumentState.PAID}, None),
        ({"external_id": "x"}, "external id"),
        # People had credited it before us, on a day of their own.
        ({"ours": False, "external_id": "", "posting_date": date(2026, 11, 2)}, None),
        ({"ours": False, "external_id": "", "net": eur(15001)}, "net"),
        ({"state": DocumentState.DRAFT}, "state"),
        ({"legal_entity": "LE-FR"}, "legal entity"),
        ({"party": "C-2"}, "party"),
        ({"corrects": None}, "corrected document"),
        ({"posting_date": date(2026, 11, 21)}, "posting date"),
        ({"net": eur(15001)}, "net"),
        ({"tax": eur(2251)}, "tax"),
        ({"taxes": ()}, "tax VAT 19 %"),
        ({"taxes": RIGHT.taxes}, "tax VAT 7 %"),
        # The same sum, taken back from other revenue than it was booked as.
        ({"lines": (A.model_copy(update={"net": eur(15000)}),)}, "account 4300"),
        ({"lines": ()}, "account 4400"),
    ],
)
def test_a_reversal_takes_back_the_whole(changes: dict[str, Any], field: str | None) -> None:
    told = reversal_differences(
        RIGHT,
        REVERSAL.model_copy(update=changes),
        reference="cn_1/void",
        on=date(2026, 11, 20),
    )
    assert (field in {each.field for each in told}) if field else told == ()


@pytest.mark.parametrize("state", list(DocumentState))
def test_what_is_taken_back_without_another_document_is_cancelled(state: DocumentState) -> None:
    told = cancelled_differences(RIGHT.model_copy(update={"state": state}))
    assert [each.field for each in told] == ([] if state is DocumentState.CANCELLED else ["state"])


MOVED = SettlementDraft(
    external_id="pi_1",
    kind=SettlementKind.PAYMENT,
    legal_entity="LE-DE",
    party="C-1001",
    amount=eur(11900),
    value_date=FROM,
    posting_date=TO,
)
ENTRY = SettlementEntry(
    entry_id="9", legal_entity="LE-DE", external_id="pi_1", amount=eur(11900), posted_on=TO
)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, None),
        ({"external_id": "pi_2"}, "external id: planned pi_1, found pi_2"),
        ({"legal_entity": "LE-FR"}, "legal entity: planned LE-DE, found LE-FR"),
        ({"amount": eur(11901)}, "amount: planned 119.00 EUR, found 119.01 EUR"),
        # An earlier attempt has entered it, when that was the first open day.
        ({"posted_on": FROM}, None),
        (
            {"posted_on": date(2026, 12, 16)},
            "posting date: planned 2026-12-15, found 2026-12-16",
        ),
        # People had entered it before, on their day.
        ({"posted_on": date(2026, 12, 20), "ours": False}, None),
        ({"posted_on": None}, "posting date: planned 2026-12-15, found none"),
    ],
)
def test_a_movement_is_entered_as_it_was(changes: dict[str, Any], told: str | None) -> None:
    found = settlement_differences(MOVED, ENTRY.model_copy(update=changes))
    assert [str(each) for each in found] == ([f"erp movement pi_1: {told}"] if told else [])
    assert moved("pi_1", "payment", 11900).amount == MOVED.amount


PENDING = UnbilledDraft(
    external_id="sub_1/unbilled",
    legal_entity="LE-DE",
    party="C-1001",
    currency="EUR",
    lines=(DraftLine(line_id="a", item="PRO", net=eur(100)),),
)
NOTHING = PENDING.model_copy(update={"lines": ()})


@pytest.mark.parametrize(
    ("draft", "document_id", "net", "fields"),
    [
        (PENDING, "55", 100, []),
        (PENDING, "55", 101, ["net of what is not billed"]),
        (PENDING, None, 100, ["what is not billed"]),
        (PENDING, None, 0, ["what is not billed", "net of what is not billed"]),
        (NOTHING, None, 0, []),
        (NOTHING, "55", 0, ["what is not billed"]),
    ],
)
def test_what_is_not_billed_is_shown_or_gone(
    draft: UnbilledDraft, document_id: str | None, net: int, fields: list[str]
) -> None:
    told = unbilled_differences(draft, UnbilledShown(document_id=document_id, net=eur(net)))
    assert [each.field for each in told] == fields
