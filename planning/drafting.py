"""From a document of billing to the document that the ERP is to hold. Pure."""

from collections.abc import Mapping
from datetime import date

from canonical_models.amendment import document_reference
from canonical_models.documents import BillingDocument, BillingLine
from canonical_models.failures import RejectionCode
from canonical_models.ledgering import (
    DocumentDraft,
    DraftLine,
    LedgerAnswer,
    LedgerQuestion,
    TaxCode,
)
from canonical_models.mapping import AccountMapping
from canonical_models.records import DocumentRecord, RecordState
from planning.choosing import before_cutover, linked
from planning.figures import require_sound
from planning.given import BooksInput
from planning.mapping import mapped
from planning.refusals import named, refused
from planning.taxes import TaxedLine, taxed_line, totals
from planning.term import local_day, service_days


def posting_question(
    given: BooksInput, account: AccountMapping, record: DocumentRecord
) -> LedgerQuestion:
    """Raises Rejection for a document that need not be asked about, as it is not sound, names an
    item that nobody has mapped, or corrects what nobody knows."""
    document, correction = record.document, record.correction
    require_sound(document, agreed_currency(given))
    corrected(given, document)
    items = {mapped(line, given.items).erp_item for line in document.lines}
    return LedgerQuestion(
        legal_entity=account.legal_entity,
        party=account.erp_party,
        currency=document.currency,
        on=_asked_on(given, account, record),
        items=tuple(sorted(items)),
        tax_codes=(correction.tax_code,) if correction and correction.tax_code else (),
        closed_period=given.books.closed_period,
    )


def _asked_on(given: BooksInput, account: AccountMapping, record: DocumentRecord) -> date:
    """Of a document made by hand nothing is posted, so its own day may be closed."""
    said = record.correction.posting_date if record.correction else None
    if said is None and linked(record):
        return given.today
    return said or issued_on(given, account, record.document)


def draft_of(
    given: BooksInput, account: AccountMapping, record: DocumentRecord, answer: LedgerAnswer
) -> DocumentDraft:
    """Of a document that could be asked about. Raises Rejection for what is wrong with taxes."""
    document, books, policy = record.document, given.books, given.policy.books
    on = issued_on(given, account, document)
    terms = {found.item: found for found in answer.items}
    forced = _forced(record, answer)
    lines = [
        taxed_line(document, line, terms[_item(given, line)], books, on, forced=forced)
        for line in document.lines
    ]
    said = given.said_of(document)
    return DocumentDraft(
        external_id=document_reference(document.document_id, generation_of(record)),
        kind=document.kind,
        legal_entity=account.legal_entity,
        party=account.erp_party,
        currency=document.currency,
        number=document.number,
        issued_on=on,
        posting_date=answer.posting_date,
        due_on=local_day(document.due_at, _zone(given, account)) if document.due_at else None,
        lines=tuple(
            draft_line(given, account, taxed.line, said, codes=_names(taxed)) for taxed in lines
        ),
        taxes=totals(document, lines, books.rounding_limit),
        corrects=corrected(given, document),
        agent=_said(said, policy.agent, 255),
        purchase_order=document.purchase_order or _said(said, policy.purchase_order, 140),
        memo=_said(said, policy.memo, 500),
        url=document.url,
        late_number=books.late_number,
    )


def draft_line(
    given: BooksInput,
    account: AccountMapping,
    line: BillingLine,
    said: Mapping[str, str],
    *,
    codes: tuple[str, ...] | None,
) -> DraftLine:
    """`said` are the metadata around the line. Its service period is told whatever is deferred of
    it: the customer is to see when the service was rendered, and the ERP knows what it spreads."""
    days = None
    if line.period_start and line.period_end:
        days = service_days(line.period_start, line.period_end, _zone(given, account))
    fields = given.policy.books.dimensions
    around = {**said, **line.metadata}
    return DraftLine(
        line_id=line.line_id,
        item=_item(given, line),
        description=line.description,
        quantity=line.quantity,
        net=line.net,
        discount=line.discount,
        tax_codes=codes,
        service_from=days[0] if days else None,
        service_to=days[1] if days else None,
        corrects=line.corrects,
        dimensions={name: around[field] for name, field in fields.items() if around.get(field)},
    )


def generation_of(record: DocumentRecord) -> int:
    """What was reversed and is posted again begins anew."""
    return record.generation + (record.state is RecordState.REVERSED)


def issued_on(given: BooksInput, account: AccountMapping, document: BillingDocument) -> date:
    return local_day(document.issued_at, _zone(given, account))


def agreed_currency(given: BooksInput) -> str | None:
    return given.agreed_currency or (given.subscription.currency if given.subscription else None)


def corrected(given: BooksInput, document: BillingDocument) -> str | None:
    """The ERP's document that a credit note corrects; None where it corrects none, and where that
    one is posted before it. Raises Rejection (before_cutover) where nobody knows it."""
    if document.corrects is None:
        return None
    found = given.known.get(document.corrects)
    if found is not None and found.in_books and found.posted is not None:
        return found.posted.document_id
    if found is None or (before_cutover(given, found) and not linked(found)):
        raise refused(
            RejectionCode.BEFORE_CUTOVER,
            f"{named(document)} corrects {named(found.document) if found else document.corrects}, "
            "which was issued before the cutover and is not known in the ERP: say which document "
            "of the ERP it is, or skip the credit note",
            document.document_id,
        )
    return None


def _forced(record: DocumentRecord, answer: LedgerAnswer) -> TaxCode | None:
    """The tax code that a person has decided."""
    code = record.correction.tax_code if record.correction else None
    if code is None:
        return None
    found = next((tax for tax in answer.taxes if tax.code == code), None)
    if found is None:
        raise refused(
            RejectionCode.TAX_UNDETERMINED,
            f"{named(record.document)}: the ERP has no tax code {code}: correct it to one that it "
            "has",
            record.document.document_id,
        )
    return found


def _item(given: BooksInput, line: BillingLine) -> str:
    return mapped(line, given.items).erp_item


def _zone(given: BooksInput, account: AccountMapping) -> str | None:
    return given.zone(account.legal_entity)


def _names(taxed: TaxedLine) -> tuple[str, ...]:
    return tuple(code.code for code in taxed.codes)


def _said(said: Mapping[str, str], field: str | None, most: int) -> str | None:
    """What the metadata say under a field that the policy names, cut to what a document takes."""
    return (said.get(field, "")[:most] or None) if field else None
