"""What comes of a decision on documents, written in the transaction that keeps it with them: the
change that acts on it, the event that tells of it, and who decided what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from canonical_models.amendment import ChangeKind
from canonical_models.decisions import DecisionMade, Entrance, Target
from canonical_models.events import Event, InvoiceDecided, event
from canonical_models.occasion import DocumentDecided
from canonical_models.records import DocumentRecord
from persistence import change_queue, decisions, outbox
from persistence.connection import Connection


@dataclass(frozen=True, slots=True)
class Said:
    """The decision in the words of who made it; `tax_code`, `posting_date` and `link` are what it
    corrects, where it does."""

    decision: str
    by: str
    reason: str
    until: date | None = None
    tax_code: str | None = None
    posting_date: date | None = None
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """A document as it was read before; what was kept of it by then, and what is from now on.
    `shown` is the digest of what was looked at, where somebody looked."""

    record: DocumentRecord
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    shown: str | None = None


async def write(
    conn: Connection,
    tenant: str,
    entrance: Entrance,
    said: Said,
    decided: Sequence[Decided],
    *,
    why: DocumentDecided,
    lane: int = change_queue.LIVE,
    once: str | None = None,
) -> str:
    """The id of the change. The documents are of one subject, and at least one; `once` is the
    caller's own name of the decision."""
    first = decided[0].record
    change_id = await change_queue.follow(
        conn,
        tenant,
        first.subject,
        why=why,
        kind=ChangeKind.BILLED,
        customer_id=first.document.customer_id,
        documents=[each.record.document.document_id for each in decided],
        lane=lane,
    )
    await outbox.publish(
        conn, tenant, [_told(tenant, each.record, said, change_id) for each in decided]
    )
    for each in decided:
        made = DecisionMade(
            by=said.by,
            action=said.decision,
            target_kind=Target.DOCUMENT,
            target_id=each.record.document.document_id,
            change_id=change_id,
            shown_digest=each.shown,
            before=dict(each.before),
            after=dict(each.after),
            reason=said.reason,
            once=once,
        )
        await decisions.record(conn, tenant, entrance, made)
    return change_id


def _told(tenant: str, record: DocumentRecord, said: Said, change_id: str) -> Event:
    document = record.document
    return event(
        tenant,
        "invoice.decided.v1",
        key=f"{change_id}/{document.document_id}",
        subject=document.document_id,
        data=InvoiceDecided(
            invoice_id=document.document_id,
            subscription_id=document.subscription_id,
            customer_id=document.customer_id,
            decision=said.decision,
            reason=said.reason,
            by=said.by,
            until=said.until.isoformat() if said.until else None,
            tax_code=said.tax_code,
            posting_date=said.posting_date.isoformat() if said.posting_date else None,
            link=said.link,
            change_id=change_id,
        ),
    )
