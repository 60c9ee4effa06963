"""A document of billing and the ERP's document for it, side by side."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

from canonical_models.base import Canonical, Instant
from canonical_models.documents import BillingDocument, DocumentKind, DocumentStatus
from canonical_models.exceptions import DocumentCorrection
from canonical_models.ledgering import ErpDocument
from canonical_models.mapping import AccountMapping
from canonical_models.money import Money
from canonical_models.records import DocumentRecord, Hold, RecordState
from operations.context import AppContext
from persistence import mappings
from persistence.connection import Connection
from planning.term import local_day


class Side(Canonical):
    """A document as one system has it. `on` is its date, `open` what is not settled of it; amounts
    have the document's sign."""

    number: str | None
    on: date | None
    due_on: date | None
    net: Money
    tax: Money
    gross: Money
    open: Money


class Apart(Canonical):
    """What counts in billing less what counts in the ERP: all zero where they agree."""

    net: Money
    tax: Money
    gross: Money
    open: Money

    @property
    def agrees(self) -> bool:
        return not (self.net or self.tax or self.gross or self.open)


class TaxRow(Canonical):
    """The tax of one rate, a fraction; `rate` is None where billing does not say. `codes` are what
    the ERP calls it."""

    rate: Decimal | None
    codes: tuple[str, ...]
    billing: Money
    erp: Money | None
    difference: Money | None


class InvoiceSummary(Canonical):
    """An invoice or credit note of billing, and what the ERP holds of it.

    `subject` is whose changes it belongs to. `erp` is None until it is posted; `difference` also
    where it belongs to the process before us. `kept_out` is whether `hold` stands today.
    `change_id` is the change that posted or linked it. `erp_status` is the ERP's word, read at
    `erp_status_at`; `erp_status_shown` what billing shows of that, empty before the
    first.
    """

    invoice_id: str
    kind: DocumentKind
    status: DocumentStatus
    state: RecordState
    customer_id: str
    subscription_id: str | None
    subject: str
    legal_entity: str | None
    generation: int
    billing: Side
    erp: Side | None
    erp_id: str | None
    erp_url: str | None
    difference: Apart | None
    hold: Hold | None
    kept_out: bool
    correction: DocumentCorrection | None
    linked_by: str | None
    change_id: str | None
    issued_at: Instant
    erp_status: str
    erp_status_at: Instant | None
    erp_status_shown: str


async def summaries(
    context: AppContext, conn: Connection, tenant: str, records: Collection[DocumentRecord]
) -> tuple[InvoiceSummary, ...]:
    """In the same order."""
    if not records:
        return ()
    customers = {record.document.customer_id for record in records}
    accounts = await mappings.accounts_now(conn, tenant, customers)
    return tuple(
        summary(record, zone_of(context, tenant, record, accounts), accounts) for record in records
    )


def zone_of(
    context: AppContext, tenant: str, record: DocumentRecord, accounts: Mapping[str, AccountMapping]
) -> str | None:
    """Where the days of the document begin; None for UTC."""
    account = accounts.get(record.document.customer_id)
    settings = context.tenants.get(tenant)
    if settings is None:
        return account.time_zone if account else None
    policy, entity = settings.policy, entity_of(record, accounts)
    books = policy.books.of(entity) if entity else policy.books
    return books.time_zone or (account.time_zone if account else None) or policy.time_zone


def entity_of(record: DocumentRecord, accounts: Mapping[str, AccountMapping]) -> str | None:
    """In whose books it is, or would be."""
    account = accounts.get(record.document.customer_id)
    return record.legal_entity or (account.legal_entity if account else None)


def summary(
    record: DocumentRecord, zone: str | None, accounts: Mapping[str, AccountMapping]
) -> InvoiceSummary:
    document, posted, hold = record.document, record.posted, record.hold
    today = local_day(datetime.now(UTC), zone)
    return InvoiceSummary(
        invoice_id=document.document_id,
        kind=document.kind,
        status=document.status,
        state=record.state,
        customer_id=document.customer_id,
        subscription_id=document.subscription_id,
        subject=record.subject,
        legal_entity=entity_of(record, accounts),
        generation=record.generation,
        billing=_of_billing(document, zone),
        erp=_of_erp(posted) if posted else None,
        erp_id=posted.document_id if posted else None,
        erp_url=posted.url if posted else None,
        difference=apart(record),
        hold=hold,
        kept_out=hold is not None and hold.stands(today),
        correction=record.correction,
        linked_by=record.linked_by,
        change_id=record.change_id,
        issued_at=document.issued_at,
        erp_status=record.erp_status,
        erp_status_at=record.erp_status_at,
        erp_status_shown=record.erp_status_shown,
    )


def apart(record: DocumentRecord) -> Apart | None:
    """A void document counts for nothing in billing, one that is not in the books for nothing
    there. None for what the process before us has, and for what is kept in another currency."""
    document = record.document
    posted = record.posted if record.in_books else None
    if posted is None and record.state is RecordState.BEFORE_CUTOVER:
        return None
    if posted is not None and posted.currency != document.currency:
        return None
    nothing = Money.zero(document.currency)
    ours = (
        (nothing,) * 4
        if document.void
        else (document.net, document.tax, document.gross, document.remaining)
    )
    theirs = (
        (nothing,) * 4 if posted is None else (posted.net, posted.tax, posted.gross, posted.open)
    )
    net, tax, gross, owed = (one - other for one, other in zip(ours, theirs, strict=True))
    return Apart(net=net, tax=tax, gross=gross, open=owed)


def tax_rows(document: BillingDocument, posted: ErpDocument | None) -> tuple[TaxRow, ...]:
    """By rate; where billing does not say the rate, last."""
    nothing = Money.zero(document.currency)
    ours: dict[Decimal | None, Money] = defaultdict(lambda: nothing)
    for line in document.lines:
        for tax in line.taxes or ():
            ours[tax.rate] += tax.amount
    theirs, codes = _erp_taxes(posted, nothing)
    rates = sorted({*ours, *theirs}, key=lambda rate: (rate is None, rate or Decimal(0)))
    return tuple(
        TaxRow(
            rate=rate,
            codes=tuple(codes[rate]),
            billing=ours[rate],
            erp=theirs[rate] if posted else None,
            difference=ours[rate] - theirs[rate] if posted else None,
        )
        for rate in rates
    )


def _erp_taxes(
    posted: ErpDocument | None, nothing: Money
) -> tuple[dict[Decimal | None, Money], dict[Decimal | None, list[str]]]:
    theirs: dict[Decimal | None, Money] = defaultdict(lambda: nothing)
    codes: dict[Decimal | None, list[str]] = defaultdict(list)
    taxes: Iterable[tuple[Decimal, str, Money]] = (
        (tax.rate, tax.code, tax.amount) for tax in (posted.taxes if posted else ())
    )
    for rate, code, amount in taxes:
        theirs[rate] += amount
        codes[rate].append(code)
    return theirs, codes


def _of_billing(document: BillingDocument, zone: str | None) -> Side:
    return Side(
        number=document.number,
        on=local_day(document.issued_at, zone),
        due_on=local_day(document.due_at, zone) if document.due_at else None,
        net=document.net,
        tax=document.tax,
        gross=document.gross,
        open=document.remaining,
    )


def _of_erp(posted: ErpDocument) -> Side:
    return Side(
        number=posted.number,
        on=posted.document_date,
        due_on=posted.due_on,
        net=posted.net,
        tax=posted.tax,
        gross=posted.gross,
        open=posted.open,
    )
