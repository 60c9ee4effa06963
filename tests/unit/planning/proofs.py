"""A credit note as it was planned, and as an ERP holds it when all is right."""

from datetime import date
from decimal import Decimal

from canonical_models.documents import DocumentKind
from canonical_models.ledgering import (
    DocumentDraft,
    DocumentState,
    DraftLine,
    ErpDocument,
    ErpLine,
    ItemTerms,
    TaxTotal,
)
from tests.unit.planning.cases import VAT_7, VAT_19, eur

TERMS = (
    ItemTerms(item="PRO", account="4400", taxes=(VAT_19,)),
    ItemTerms(item="BOOK", account="4300", taxes=(VAT_7,)),
)
FROM, TO = date(2026, 11, 16), date(2026, 12, 15)


def total(code: str, rate: str, base: int, amount: int) -> TaxTotal:
    return TaxTotal(code=code, rate=Decimal(rate), base=eur(base), amount=eur(amount))


DRAFT = DocumentDraft(
    external_id="cn_1",
    kind=DocumentKind.CREDIT_NOTE,
    legal_entity="LE-DE",
    party="C-1001",
    currency="EUR",
    number="CN-1",
    issued_on=date(2026, 11, 16),
    posting_date=date(2026, 11, 17),
    due_on=date(2026, 11, 30),
    lines=(
        DraftLine(
            line_id="a",
            item="PRO",
            net=eur(-10000),
            tax_codes=("VAT 19 %", "EXTRA"),
            service_from=FROM,
            service_to=TO,
            corrects="il_1",
        ),
        DraftLine(line_id="b", item="BOOK", net=eur(-5000), tax_codes=("VAT 7 %",)),
    ),
    taxes=(total("VAT 19 %", "0.19", -10000, -1900), total("VAT 7 %", "0.07", -5000, -350)),
    corrects="101",
)
A = ErpLine(
    line_id="a",
    item="PRO",
    account="4400",
    net=eur(-10000),
    tax_codes=("EXTRA", "VAT 19 %"),
    service_from=FROM,
    service_to=TO,
    corrects="il_1",
)
B = ErpLine(line_id="b", item="BOOK", account="4300", net=eur(-5000), tax_codes=("VAT 7 %",))
RIGHT = ErpDocument(
    document_id="102",
    external_id="cn_1",
    legal_entity="LE-DE",
    party="C-1001",
    currency="EUR",
    number="2026-0002",
    billing_number="CN-1",
    kind=DocumentKind.CREDIT_NOTE,
    state=DocumentState.POSTED,
    document_date=date(2026, 11, 16),
    posting_date=date(2026, 11, 17),
    due_on=date(2026, 11, 30),
    lines=(B, A),
    taxes=DRAFT.taxes,
    net=eur(-15000),
    tax=eur(-2250),
    open=eur(-17250),
    corrects="101",
)
