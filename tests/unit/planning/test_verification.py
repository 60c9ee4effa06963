"""Every field of what was planned has a proof that fails when that field differs."""

from datetime import date
from typing import Any

import pytest

from canonical_models.documents import DocumentKind
from canonical_models.ledgering import (
    DocumentDraft,
    DocumentState,
    ErpDocument,
    ErpLine,
    TaxTotal,
)
from planning.verification import (
    document_differences,
)
from tests.unit.planning.cases import eur
from tests.unit.planning.proofs import DRAFT, FROM, RIGHT, TERMS, TO, A, B, total


def differences(
    found: ErpDocument, draft: DocumentDraft = DRAFT
) -> list[tuple[str, str, str, str]]:
    told = document_differences(draft, found, terms=TERMS)
    return [(each.system, each.field, each.planned, each.found) for each in told]


def changed(**changes: Any) -> list[tuple[str, str, str, str]]:
    return differences(RIGHT.model_copy(update=changes))


@pytest.mark.parametrize("state", [DocumentState.POSTED, DocumentState.PAID])
def test_what_is_exactly_as_planned_has_no_difference(state: DocumentState) -> None:
    assert changed(state=state) == []


@pytest.mark.parametrize(
    ("changes", "field", "planned", "found"),
    [
        ({"external_id": "cn_2"}, "external id", "cn_1", "cn_2"),
        ({"kind": DocumentKind.INVOICE}, "kind", "credit_note", "invoice"),
        ({"state": DocumentState.DRAFT}, "state", "posted", "draft"),
        ({"state": DocumentState.CANCELLED}, "state", "posted", "cancelled"),
        ({"legal_entity": "LE-FR"}, "legal entity", "LE-DE", "LE-FR"),
        ({"party": "C-2"}, "party", "C-1001", "C-2"),
        ({"currency": "USD"}, "currency", "EUR", "USD"),
        ({"billing_number": "CN-2"}, "billing's number", "CN-1", "CN-2"),
        ({"billing_number": None}, "billing's number", "CN-1", "none"),
        (
            {"document_date": date(2026, 11, 15)},
            "document date",
            "2026-11-16",
            "2026-11-15",
        ),
        ({"document_date": None}, "document date", "2026-11-16", "none"),
        ({"posting_date": date(2026, 11, 16)}, "posting date", "2026-11-17", "2026-11-16"),
        ({"posting_date": None}, "posting date", "2026-11-17", "none"),
        ({"due_on": date(2026, 12, 1)}, "due date", "2026-11-30", "2026-12-01"),
        ({"due_on": None}, "due date", "2026-11-30", "none"),
        ({"corrects": "99"}, "corrected document", "101", "99"),
        ({"corrects": None}, "corrected document", "101", "none"),
        ({"net": eur(-15001), "tax": eur(-2249)}, "net", "-150.00 EUR", "-150.01 EUR"),
        ({"tax": eur(-2249)}, "tax", "-22.50 EUR", "-22.49 EUR"),
        ({"tax": eur(-2249)}, "gross", "-172.50 EUR", "-172.49 EUR"),
    ],
)
def test_a_field_that_differs(
    changes: dict[str, Any], field: str, planned: str, found: str
) -> None:
    assert ("erp", field, planned, found) in changed(**changes)
    # Nothing else is said to differ, but what the figures themselves take along.
    assert len(changed(**changes)) == (2 if {"net", "tax"} & changes.keys() else 1)


@pytest.mark.parametrize(
    ("changes", "field", "planned", "found"),
    [
        ({"item": "BOOK"}, "item", "PRO", "BOOK"),
        ({"item": None}, "item", "PRO", "none"),
        ({"account": "4300"}, "account", "4400", "4300"),
        ({"account": None}, "account", "4400", "none"),
        ({"net": eur(-9999)}, "net", "-100.00 EUR", "-99.99 EUR"),
        ({"tax_codes": ("VAT 7 %",)}, "tax codes", "EXTRA, VAT 19 %", "VAT 7 %"),
        ({"tax_codes": ("VAT 19 %",)}, "tax codes", "EXTRA, VAT 19 %", "VAT 19 %"),
        ({"tax_codes": ()}, "tax codes", "EXTRA, VAT 19 %", "none"),
        ({"service_from": TO}, "service from", "2026-11-16", "2026-12-15"),
        ({"service_from": None}, "service from", "2026-11-16", "none"),
        ({"service_to": FROM}, "service to", "2026-12-15", "2026-11-16"),
        ({"service_to": None}, "service to", "2026-12-15", "none"),
        ({"corrects": "il_2"}, "corrects", "il_1", "il_2"),
    ],
)
def test_a_field_of_a_line_that_differs(
    changes: dict[str, Any], field: str, planned: str, found: str
) -> None:
    told = changed(lines=(A.model_copy(update=changes), B))
    assert told == [("erp", f"line a {field}", planned, found)]


def test_a_field_that_a_line_should_not_have() -> None:
    more = B.model_copy(update={"service_from": FROM, "service_to": TO, "corrects": "il_9"})
    assert changed(lines=(A, more)) == [
        ("erp", "line b service from", "none", "2026-11-16"),
        ("erp", "line b service to", "none", "2026-12-15"),
        ("erp", "line b corrects", "none", "il_9"),
    ]
    # Not every ERP says which line a line corrects.
    assert changed(lines=(A.model_copy(update={"corrects": None}), B)) == []


def test_lines_that_are_missing_doubled_or_strange() -> None:
    assert changed(lines=(A,)) == [("erp", "line b", "once", "0 times")]
    assert changed(lines=(A, B, B)) == [("erp", "line b", "once", "2 times")]
    hand = ErpLine(line_id=None, item=None, account="1", net=eur(5))
    assert changed(lines=(A, hand, B)) == [("erp", "line none", "none", "none 0.05 EUR")]
    other = A.model_copy(update={"line_id": "z"})
    assert changed(lines=(A, B, other)) == [("erp", "line z", "none", "PRO -100.00 EUR")]


@pytest.mark.parametrize(
    ("taxes", "told"),
    [
        (
            (total("VAT 19 %", "0.19", -10001, -1900),),
            ("tax VAT 19 %", "-19.00 EUR on -100.00 EUR", "-19.00 EUR on -100.01 EUR"),
        ),
        (
            (total("VAT 19 %", "0.19", -10000, -1901),),
            ("tax VAT 19 %", "-19.00 EUR on -100.00 EUR", "-19.01 EUR on -100.00 EUR"),
        ),
        ((), ("tax VAT 19 %", "-19.00 EUR on -100.00 EUR", "none")),
        (
            (total("VAT 19 %", "0.19", -10000, -1900), total("OTHER", "0", -5, 0)),
            ("tax OTHER", "none", "0.00 EUR on -0.05 EUR"),
        ),
        (
            (total("VAT 19 %", "0.19", -10000, -1900), total("OTHER", "0", 0, 1)),
            ("tax OTHER", "none", "0.01 EUR on 0.00 EUR"),
        ),
    ],
)
def test_tax_by_code_in_base_and_amount(
    taxes: tuple[TaxTotal, ...], told: tuple[str, str, str]
) -> None:
    assert changed(taxes=(*taxes, DRAFT.taxes[1])) == [("erp", *told)]


def test_taxes_swapped_between_codes_of_one_total() -> None:
    """Net, tax and gross are right."""
    swapped = (
        total("VAT 19 %", "0.19", -5000, -950),
        total("VAT 7 %", "0.07", -10000, -1300),
    )
    assert [field for _, field, *_ in changed(taxes=swapped)] == ["tax VAT 19 %", "tax VAT 7 %"]


def test_a_code_that_has_another_rate_in_the_erp() -> None:
    """Base and amount are right, and it is not the tax that billing charged."""
    other = total("VAT 19 %", "0.16", -10000, -1900)
    assert changed(taxes=(other, DRAFT.taxes[1])) == [
        ("erp", "rate of tax VAT 19 %", "19 %", "16 %")
    ]


def test_several_rows_of_a_code_are_one_sum_and_nothing_is_no_row() -> None:
    rows = (
        total("VAT 19 %", "0.19", -12000, -2280),
        total("VAT 19 %", "0.19", 2000, 379),
        total("VAT 19 %", "0.19", 0, 1),
        DRAFT.taxes[1],
        total("RC 0 %", "0", 0, 0),
    )
    assert changed(taxes=rows) == []
    empty = DRAFT.model_copy(update={"taxes": (*DRAFT.taxes, total("RC 0 %", "0", 0, 0))})
    assert differences(RIGHT, empty) == []
    zero = DRAFT.model_copy(update={"taxes": (*DRAFT.taxes, total("RC 0 %", "0", -5000, 0))})
    assert [field for _, field, *_ in differences(RIGHT, zero)] == ["tax RC 0 %"]


@pytest.mark.parametrize(
    ("policy", "found", "differs"),
    [
        ("next_date", date(2026, 11, 17), False),
        ("billing_number", date(2026, 11, 17), True),
        ("billing_number", date(2026, 11, 16), False),
        ("billing_number", date(2026, 11, 15), True),
    ],
)
def test_the_date_on_the_face_of_a_late_document(policy: str, found: date, differs: bool) -> None:
    draft = DRAFT.model_copy(update={"late_number": policy})
    got = {"document_date": found, "number": draft.number}
    told = differences(RIGHT.model_copy(update=got), draft)
    assert [field for _, field, *_ in told] == (["document date"] if differs else [])


def test_a_document_that_could_not_have_billings_number_has_a_later_date() -> None:
    """The ERP numbers by date; what another has taken, or it takes none, is numbered next."""
    draft = DRAFT.model_copy(update={"late_number": "billing_number"})
    taken = {"number": "2026-0007", "document_date": date(2026, 11, 17)}
    told = differences(RIGHT.model_copy(update=taken), draft)
    assert "document date" not in [field for _, field, *_ in told]
    earlier = {**taken, "document_date": date(2026, 11, 15)}
    told = differences(RIGHT.model_copy(update=earlier), draft)
    assert "document date" in [field for _, field, *_ in told]


def test_what_the_draft_leaves_to_the_erp() -> None:
    draft = DRAFT.model_copy(update={"due_on": None, "number": None, "corrects": None})
    assert [field for _, field, *_ in differences(RIGHT, draft)] == [
        "billing's number",
        "corrected document",
    ]
    line = DRAFT.lines[0].model_copy(update={"tax_codes": None})
    free = DRAFT.model_copy(update={"lines": (line, DRAFT.lines[1])})
    assert differences(RIGHT, free) == []


def test_an_item_whose_terms_nobody_gave_is_proven_by_nothing() -> None:
    told = document_differences(DRAFT, RIGHT, terms=TERMS[:1])
    assert [str(each) for each in told] == ["erp line b account: planned none, found 4300"]
