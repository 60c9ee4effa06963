"""Where systems do not say the same: documents, debts of their own, balances; and what the last
reconciliation has found that our own records do not show."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from canonical_models.base import Canonical, Instant
from canonical_models.mapping import AccountMapping
from canonical_models.money import Money
from canonical_models.reconciliation import FoundDifference
from canonical_models.records import DocumentRecord
from operations import reasons
from operations.context import AppContext
from operations.paging import Page, cursor, unreadable, words
from operations.reasons import Cause
from operations.reconciling import sentence_of
from operations.sides import InvoiceSummary, summaries
from persistence import differences, documents, mappings, reconciliations
from persistence.comparing import Comparison
from persistence.connection import Connection
from persistence.differences import BalanceApart, Debt
from persistence.together import together

#: What is told, in this order; the last is what a reconciliation has found.
STAGES = ("document", "debt", "balance", "found")
_DEBTS, _BALANCES = 1, 2
#: Rows that are read at a time, while those that are asked for are picked from them.
_PAGE = 200


class DifferenceView(Canonical):
    """`about` is a `document`; a `debt` that a refund or dispute left and no document shows; a
    `balance` that the ERP was not told of; or a `receivable`, a month's `revenue`, a
    `subscription`, `support` or a `target` as the last reconciliation has found it. `key` is the
    document, what the debt is about, or the customer.
    `what` names the amounts: `gross`, `tax`, `open`, `debt` or `balance`; `content` where all of
    them agree and what the document says does not; of what a reconciliation has found, the system
    and its word, as in `support:tier`. `difference` is billing's less the ERP's; None where it is
    not about an amount. `cause` is a word, `sentence` says it to people; `by` is who decided it,
    `owner` the team that can mend it."""

    about: str
    key: str
    number: str | None
    erp_number: str | None
    customer_id: str
    subject: str
    legal_entity: str | None
    what: str
    billing: Money | None
    erp: Money | None
    difference: Money | None
    cause: str
    sentence: str
    owner: str
    by: str | None
    exception_id: str | None
    change_id: str | None
    since: Instant


@dataclass(frozen=True)
class Wanted:
    """None for all."""

    customer_id: str | None = None
    legal_entity: str | None = None
    owner: str | None = None

    def takes(self, found: DifferenceView) -> bool:
        pairs = (
            (self.customer_id, found.customer_id),
            (self.legal_entity, found.legal_entity),
            (self.owner, found.owner),
        )
        return all(wanted in (None, had) for wanted, had in pairs)


async def list_(
    context: AppContext,
    tenant: str,
    wanted: Wanted,
    *,
    after: str | None = None,
    limit: int = 50,
) -> Page[DifferenceView]:
    """Documents by their date, then debts by theirs, then balances by customer, then what a
    reconciliation has found, by what it is about."""
    found: list[tuple[str, DifferenceView]] = []
    async with context.database.transaction() as conn:
        async for stage, each in _all(context, conn, tenant, wanted, _position(after)):
            if wanted.takes(each):
                found.append((stage, each))
            if len(found) > limit:
                break
    following = None
    if len(found) > limit:
        stage, last = found[limit - 1]
        place = _found_place(last) if stage == STAGES[-1] else _place(last)
        following = cursor(stage, last.since.isoformat(), place)
    return Page[DifferenceView](items=tuple(each for _, each in found[:limit]), next=following)


async def of_entity(
    context: AppContext, conn: Connection, tenant: str, legal_entity: str
) -> tuple[DifferenceView, ...]:
    """All that our own records show of the books of a legal entity: documents, debts and
    balances."""
    wanted = Wanted(legal_entity=legal_entity)
    return tuple(
        [
            each
            async for stage, each in _all(context, conn, tenant, wanted, None)
            if stage != STAGES[-1] and wanted.takes(each)
        ]
    )


_Position = tuple[str, datetime, str]


async def _all(
    context: AppContext,
    conn: Connection,
    tenant: str,
    wanted: Wanted,
    after: _Position | None,
) -> AsyncIterator[tuple[str, DifferenceView]]:
    start = STAGES.index(after[0]) if after else 0
    if start == 0:
        place = (after[1], after[2]) if after else None
        async for each in _documents(context, conn, tenant, place):
            yield "document", each
    since, customer = context.cutover(tenant), wanted.customer_id
    of = Comparison(tenant=tenant, since=since, customer_id=customer)
    seen = _found_position(after) if start > _BALANCES else None
    owed, apart, found = await together(
        conn,
        partial(_debts_of, of=of if start <= _DEBTS else None),
        partial(_balances_of, of=of if start <= _BALANCES else None),
        partial(_reconciled, of=of, after=seen),
    )
    for each in owed:
        if after is None or start < _DEBTS or _in_time(each) > (after[1], after[2]):
            yield "debt", each
    for each in apart:
        if after is None or start < _BALANCES or _place(each) > after[2]:
            yield "balance", each
    while True:
        for one in found:
            yield "found", _of_found(one)
        if len(found) < _PAGE:
            return
        last = found[-1]
        seen = (last.about.value, last.key, last.what, last.system)
        found = await _reconciled(conn, of=of, after=seen)


async def _debts_of(conn: Connection, of: Comparison | None) -> list[DifferenceView]:
    """In their order; none where they were read before."""
    if of is None:
        return []
    owed = await differences.debts(conn, of.tenant, since=of.since, customer_id=of.customer_id)
    return sorted(await _debts(conn, of.tenant, owed), key=_in_time)


async def _balances_of(conn: Connection, of: Comparison | None) -> list[DifferenceView]:
    if of is None:
        return []
    apart = await differences.balances(conn, of.tenant, since=of.since, customer_id=of.customer_id)
    return sorted(await _balances(conn, of.tenant, apart), key=_place)


async def _reconciled(
    conn: Connection, of: Comparison, after: tuple[str, str, str, str] | None
) -> tuple[FoundDifference, ...]:
    return await reconciliations.page(conn, of, after=after, limit=_PAGE, beside_documents=True)


async def _documents(
    context: AppContext, conn: Connection, tenant: str, after: tuple[datetime, str] | None
) -> AsyncIterator[DifferenceView]:
    while True:
        found = await documents.differences(conn, tenant, after=after, limit=_PAGE)
        subjects = {record.subject for record in found}
        given, shown = await together(
            conn,
            partial(reasons.around, tenant=tenant, subjects=subjects),
            partial(_summaries, context, tenant, found),
        )
        for record, each in zip(found, shown, strict=True):
            yield _document(record, each, reasons.cause_of(record, each, given))
        if len(found) < _PAGE:
            return
        last = found[-1].document
        after = (last.issued_at, last.document_id)


async def _summaries(
    context: AppContext, tenant: str, records: tuple[DocumentRecord, ...], conn: Connection
) -> tuple[InvoiceSummary, ...]:
    return await summaries(context, conn, tenant, records)


async def _debts(conn: Connection, tenant: str, found: Collection[Debt]) -> list[DifferenceView]:
    if not found:
        return []
    given, accounts, known = await together(
        conn,
        lambda on: reasons.around(on, tenant, {debt.subject for debt in found}),
        lambda on: mappings.accounts_now(on, tenant, {debt.customer_id for debt in found}),
        lambda on: documents.named(on, tenant, {debt.about for debt in found}),
    )
    views = []
    for debt in found:
        record = known.get(debt.about)
        cause = reasons.debt_cause(given, debt.subject, debt.about, debt.movements)
        views.append(
            DifferenceView(
                about="debt",
                key=debt.about,
                number=record.document.number if record else None,
                erp_number=record.posted.number if record and record.posted else None,
                customer_id=debt.customer_id,
                subject=debt.subject,
                legal_entity=debt.legal_entity or _entity(accounts, debt.customer_id),
                what="debt",
                # No document of billing asks for it.
                billing=Money.zero(debt.owed.currency),
                erp=debt.entered,
                difference=-debt.owed,
                since=debt.since,
                **_said(cause),
            )
        )
    return views


async def _balances(
    conn: Connection, tenant: str, found: Collection[BalanceApart]
) -> list[DifferenceView]:
    if not found:
        return []
    given, accounts = await together(
        conn,
        lambda on: reasons.around(on, tenant, {each.subject for each in found}),
        lambda on: mappings.accounts_now(on, tenant, {each.customer_id for each in found}),
    )
    return [
        DifferenceView(
            about="balance",
            key=each.customer_id,
            number=None,
            erp_number=None,
            customer_id=each.customer_id,
            subject=each.subject,
            legal_entity=_entity(accounts, each.customer_id),
            what="balance",
            billing=each.balance,
            erp=each.balance - each.missing if each.balance is not None else None,
            difference=each.missing,
            since=each.since,
            **_said(reasons.balance_cause(given, each.subject, each.movements)),
        )
        for each in found
    ]


def _document(record: DocumentRecord, shown: InvoiceSummary, cause: Cause) -> DifferenceView:
    what, ours, theirs = _amounts(record)
    return DifferenceView(
        about="document",
        key=shown.invoice_id,
        number=shown.billing.number,
        erp_number=shown.erp.number if shown.erp else None,
        customer_id=shown.customer_id,
        subject=shown.subject,
        legal_entity=shown.legal_entity,
        what=what,
        billing=ours,
        erp=theirs,
        # Made by hand in another currency: nothing can be set off.
        difference=ours - theirs if ours.currency == theirs.currency else ours,
        since=shown.issued_at,
        **_said(cause),
    )


def _amounts(record: DocumentRecord) -> tuple[str, Money, Money]:
    """The first amount that differs, as it counts in billing and in the ERP."""
    document, nothing = record.document, Money.zero(record.document.currency)
    posted = record.posted if record.in_books else None
    if posted is None:
        return "gross", document.gross, nothing
    if document.void:
        return "gross", nothing, posted.gross
    if document.gross != posted.gross:
        return "gross", document.gross, posted.gross
    if document.tax != posted.tax:
        return "tax", document.tax, posted.tax
    if document.remaining != posted.open:
        return "open", document.remaining, posted.open
    return "content", document.gross, posted.gross


def _of_found(each: FoundDifference) -> DifferenceView:
    billing, erp = each.billing, each.erp
    apart = None
    if billing is not None and erp is not None and billing.currency == erp.currency:
        apart = billing - erp
    return DifferenceView(
        about=each.about.value,
        key=each.key,
        number=each.number,
        erp_number=each.erp_number,
        customer_id=each.customer_id,
        subject=each.subject,
        legal_entity=each.legal_entity,
        what=f"{each.system}:{each.what}",
        billing=billing,
        erp=erp,
        difference=apart,
        cause=each.cause.value,
        sentence=sentence_of(each),
        owner=each.owner.value,
        by=None,
        exception_id=each.exception_id,
        change_id=each.change_id,
        since=each.opened_at,
    )


def _entity(accounts: Mapping[str, AccountMapping], customer_id: str) -> str | None:
    account = accounts.get(customer_id)
    return account.legal_entity if account else None


def _said(cause: Cause) -> dict[str, Any]:
    return {
        "cause": cause.word,
        "sentence": cause.sentence,
        "owner": cause.owner,
        "by": cause.by,
        "exception_id": cause.exception_id,
        "change_id": cause.change_id,
    }


def _place(found: DifferenceView) -> str:
    """What tells it from others of its time: a balance is by customer and currency alone."""
    amount = found.difference
    return f"{found.key} {amount.currency}" if found.about == "balance" and amount else found.key


def _found_place(found: DifferenceView) -> str:
    system, _, what = found.what.partition(":")
    return " ".join((found.about, found.key, what, system))


def _found_position(after: _Position | None) -> tuple[str, str, str, str] | None:
    if after is None:
        return None
    match after[2].split(" "):
        case [about, key, what, system]:
            return about, key, what, system
    raise unreadable()


def _in_time(found: DifferenceView) -> tuple[datetime, str]:
    return found.since, _place(found)


def _position(after: str | None) -> _Position | None:
    position = words(after, 3)
    if position is None:
        return None
    about, at, place = position
    try:
        since = datetime.fromisoformat(at)
    except ValueError:
        raise unreadable() from None
    if about not in STAGES or since.tzinfo is None:
        raise unreadable()
    return about, since, place
