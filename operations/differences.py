"""Where billing and the ERP do not say the same: documents, debts of their own, balances."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from canonical_models.base import Canonical, Instant
from canonical_models.mapping import AccountMapping
from canonical_models.money import Money
from canonical_models.records import DocumentRecord
from operations import reasons
from operations.context import AppContext
from operations.paging import Page, cursor, unreadable, words
from operations.reasons import Cause
from operations.sides import InvoiceSummary, summaries
from persistence import differences, documents, mappings
from persistence.connection import Connection
from persistence.differences import BalanceApart, Debt

ABOUT = ("document", "debt", "balance")
#: Rows that are read at a time, while those that are asked for are picked from them.
_PAGE = 200


class DifferenceView(Canonical):
    """`about` is a `document`; a `debt` that a refund or dispute left and no document shows; or a
    `balance` that the ERP was not told of. `key` is the document, what the debt is about, or the
    customer. `what` names the amounts: `gross`, `tax`, `open`, `debt` or `balance`; `content` where
    all of them agree and what the document says does not. `difference` is billing's less the
    ERP's. `cause` is a word, `sentence` says it to people; `by` is who decided it, `owner` the team
    that can mend it."""

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
    difference: Money
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
    """Documents by their date, then debts by theirs, then balances by customer."""
    found: list[DifferenceView] = []
    async with context.database.transaction() as conn:
        async for each in _all(context, conn, tenant, wanted, _position(after)):
            if wanted.takes(each):
                found.append(each)
            if len(found) > limit:
                break
    items = tuple(found[:limit])
    last = items[-1] if len(found) > limit else None
    following = cursor(last.about, last.since.isoformat(), _place(last)) if last else None
    return Page[DifferenceView](items=items, next=following)


_Position = tuple[str, datetime, str]


async def _all(
    context: AppContext,
    conn: Connection,
    tenant: str,
    wanted: Wanted,
    after: _Position | None,
) -> AsyncIterator[DifferenceView]:
    start = ABOUT.index(after[0]) if after else 0
    if start == 0:
        place = (after[1], after[2]) if after else None
        async for each in _documents(context, conn, tenant, place):
            yield each
    since, customer = context.cutover(tenant), wanted.customer_id
    if start <= 1:
        owed = await differences.debts(conn, tenant, since=since, customer_id=customer)
        for each in sorted(await _debts(conn, tenant, owed), key=_in_time):
            if after is None or start < 1 or _in_time(each) > (after[1], after[2]):
                yield each
    apart = await differences.balances(conn, tenant, since=since, customer_id=customer)
    for each in sorted(await _balances(conn, tenant, apart), key=_place):
        if after is None or start < 2 or _place(each) > after[2]:
            yield each


async def _documents(
    context: AppContext, conn: Connection, tenant: str, after: tuple[datetime, str] | None
) -> AsyncIterator[DifferenceView]:
    while True:
        found = await documents.differences(conn, tenant, after=after, limit=_PAGE)
        subjects = {record.subject for record in found}
        given = await reasons.around(conn, tenant, subjects)
        shown = await summaries(context, conn, tenant, found)
        for record, each in zip(found, shown, strict=True):
            yield _document(record, each, reasons.cause_of(record, each, given))
        if len(found) < _PAGE:
            return
        last = found[-1].document
        after = (last.issued_at, last.document_id)


async def _debts(conn: Connection, tenant: str, found: Collection[Debt]) -> list[DifferenceView]:
    given = await reasons.around(conn, tenant, {debt.subject for debt in found})
    accounts = await mappings.accounts_now(conn, tenant, {debt.customer_id for debt in found})
    known = await documents.named(conn, tenant, {debt.about for debt in found})
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
    given = await reasons.around(conn, tenant, {each.subject for each in found})
    accounts = await mappings.accounts_now(conn, tenant, {each.customer_id for each in found})
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
    return f"{found.key} {found.difference.currency}" if found.about == "balance" else found.key


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
    if about not in ABOUT or since.tzinfo is None:
        raise unreadable()
    return about, since, place
