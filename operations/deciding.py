"""Decisions on documents, carried out: kept with the document, told, and acted on by a change of
its subject."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from canonical_models.base import Canonical
from canonical_models.decisions import Target
from canonical_models.occasion import DocumentDecided
from canonical_models.records import DocumentRecord, Hold, HoldKind
from operations.context import AppContext
from operations.decisions import Decision, Found, Wanted
from operations.errors import Conflict
from operations.handing import under_name
from operations.invoices import find
from operations.sides import InvoiceSummary, summaries, zone_of
from persistence import (
    access_holds,
    differences,
    document_decisions,
    documents,
    mappings,
)
from persistence.connection import Connection
from planning.term import local_day

_PAGE = 200
#: How planning says that a rule of the policy leaves a document out.
_BY_RULE = " by rule: "


class Decided(Canonical):
    """`changed` is False when it was so already; `change_id` is the change that acts on it, None
    where none is needed."""

    invoice: InvoiceSummary
    changed: bool
    change_id: str | None


class DecidedMany(Canonical):
    """`items` are the documents that the decision changes, as they are now: with `dry_run` as they
    would be found. `change_ids` are the changes that act on it, one a subject."""

    dry_run: bool
    items: tuple[InvoiceSummary, ...]
    change_ids: tuple[str, ...]


@dataclass(frozen=True)
class Selection:
    """Documents of one customer that were issued before a day, in the days of their books."""

    customer_id: str
    before: date


async def decide(
    context: AppContext, tenant: str, named: str, decision: Decision, *, key: str | None = None
) -> Decided:
    """By billing's id or a number. The same `key` decides once: again, it answers with the document
    as it has become.

    Raises NotFound, Invalid, and Conflict where the document does not take the decision, or where
    the key has decided something else.
    """
    async with context.database.transaction() as conn:
        record = await find(conn, tenant, named)
        target = Target.DOCUMENT, record.document.document_id
        await under_name(conn, tenant, key, target, decision.name)
        occasion = _occasion(record, decision, key)
        made = await _made_before(conn, tenant, record, occasion) if key is not None else None
        changed = False
        if made is None:
            (found,) = await _found(context, conn, tenant, [record])
            changed = await _write(conn, tenant, found, decision)
        if changed:
            made = await _act(context, conn, tenant, [found], decision, occasion, once=key)
        (shown,) = await _as_they_are(context, conn, tenant, [record])
    return Decided(invoice=shown, changed=changed, change_id=made)


async def decide_many(
    context: AppContext, tenant: str, of: Selection, decision: Decision, *, dry_run: bool
) -> DecidedMany:
    """All documents of the selection that take the decision and are not so already, the newest
    first, in one transaction. Raises Invalid."""
    async with context.database.transaction() as conn:
        records = await _issued_before(context, conn, tenant, of)
        known = await _found(context, conn, tenant, records)
        chosen = [found for found in known if _takes(found, decision)]
        change_ids = []
        if not dry_run:
            for found in chosen:
                await _write(conn, tenant, found, decision)
            for together in _by_subject(chosen):
                occasion = _occasion(together[0].record, decision, None)
                change_ids.append(await _act(context, conn, tenant, together, decision, occasion))
        shown = await _as_they_are(context, conn, tenant, [found.record for found in chosen])
    return DecidedMany(dry_run=dry_run, items=shown, change_ids=tuple(change_ids))


async def _issued_before(
    context: AppContext, conn: Connection, tenant: str, of: Selection
) -> list[DocumentRecord]:
    """Newest first."""
    accounts = await mappings.accounts_now(conn, tenant, [of.customer_id])
    records: list[DocumentRecord] = []
    before: tuple[datetime, str] | None = None
    while True:
        page = await documents.page(
            conn, tenant, customer_id=of.customer_id, before=before, limit=_PAGE
        )
        for record in page:
            zone = zone_of(context, tenant, record, accounts)
            if local_day(record.document.issued_at, zone) < of.before:
                records.append(record)
        if len(page) < _PAGE:
            return records
        last = page[-1].document
        before = (last.issued_at, last.document_id)


async def _found(
    context: AppContext, conn: Connection, tenant: str, records: list[DocumentRecord]
) -> list[Found]:
    """In the same order, each on its day and with what the policy says of it."""
    customers = {record.document.customer_id for record in records}
    accounts = await mappings.accounts_now(conn, tenant, customers)
    said = await differences.left_out(conn, tenant, {record.subject for record in records})
    now = datetime.now(UTC)
    return [
        Found(
            record=record,
            today=local_day(now, zone_of(context, tenant, record, accounts)),
            ruled=_BY_RULE in said.get(record.document.document_id, ""),
        )
        for record in records
    ]


def _takes(found: Found, decision: Decision) -> bool:
    try:
        wanted = decision.of(found)
    except Conflict:
        return False
    return wanted != Wanted(found.record.hold, found.record.correction)


async def _write(conn: Connection, tenant: str, found: Found, decision: Decision) -> bool:
    """Whether that changes anything."""
    record = found.record
    wanted, document_id = decision.of(found), record.document.document_id
    if wanted.hold != record.hold and not await _held(conn, tenant, record, wanted.hold):
        raise Conflict(
            f"{document_id} has been posted or taken back in the meantime",
            remedy="look at it again",
            see=("document", document_id),
        )
    if record.hold is not None and wanted.hold is None:
        # What was taken back with it is given again as well.
        await access_holds.lift(conn, tenant, record.subject)
    if wanted.correction is not None and wanted.correction != record.correction:
        await documents.correct(conn, tenant, wanted.correction)
    return wanted != Wanted(record.hold, record.correction)


async def _held(conn: Connection, tenant: str, record: DocumentRecord, hold: Hold | None) -> bool:
    document_id = record.document.document_id
    if hold is not None and hold.kind is HoldKind.ABORTED:
        return await documents.take_back(conn, tenant, document_id, hold)
    return await documents.hold(conn, tenant, document_id, hold)


async def _act(
    context: AppContext,
    conn: Connection,
    tenant: str,
    together: Sequence[Found],
    decision: Decision,
    occasion: DocumentDecided,
    *,
    once: str | None = None,
) -> str:
    """The change that acts on it, of the one subject of these documents."""
    corrects = decision.corrects
    said = document_decisions.Said(
        decision=decision.name,
        by=decision.by,
        reason=decision.reason,
        until=decision.until,
        tax_code=corrects.tax_code,
        posting_date=corrects.posting_date,
        link=decision.linked,
    )
    decided = [
        document_decisions.Decided(
            found.record,
            before=_kept(Wanted(found.record.hold, found.record.correction)),
            after=_kept(decision.of(found)),
            shown=found.record.document.approval,
        )
        for found in together
    ]
    return await document_decisions.write(
        conn, tenant, context.entrance, said, decided, why=occasion, once=once
    )


def _kept(wanted: Wanted) -> dict[str, Any]:
    said = {"hold": wanted.hold, "correction": wanted.correction}
    return {name: kept.model_dump(mode="json") if kept else None for name, kept in said.items()}


def _occasion(record: DocumentRecord, decision: Decision, key: str | None) -> DocumentDecided:
    asking = hashlib.sha256(key.encode()).hexdigest()[:24] if key else secrets.token_hex(8)
    return DocumentDecided(asking, decision.name, decision.digest, record.document.document_id)


async def _made_before(
    conn: Connection, tenant: str, record: DocumentRecord, occasion: DocumentDecided
) -> str | None:
    """The change that the same key has asked for. Raises Conflict where it decided otherwise."""
    known = await differences.decided(conn, tenant, record.subject, occasion.of_asking)
    if known is None:
        return None
    change_id, before = known
    if before != str(occasion):
        raise Conflict(
            "this idempotency key has decided something else before",
            remedy="send a key of its own with every new decision",
        )
    return change_id


def _by_subject(chosen: Iterable[Found]) -> list[list[Found]]:
    """In the order in which each subject comes first."""
    grouped: dict[str, list[Found]] = {}
    for found in chosen:
        grouped.setdefault(found.record.subject, []).append(found)
    return list(grouped.values())


async def _as_they_are(
    context: AppContext, conn: Connection, tenant: str, records: list[DocumentRecord]
) -> tuple[InvoiceSummary, ...]:
    ids = [record.document.document_id for record in records]
    now = await documents.named(conn, tenant, ids)
    return await summaries(context, conn, tenant, [now[document_id] for document_id in ids])
