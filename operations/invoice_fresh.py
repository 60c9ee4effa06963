"""One document, asked of billing and the ERP just now; what one of them does not say stays as it is
kept, with its age and why."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

from canonical_models.base import Instant
from canonical_models.documents import BillingDocument
from canonical_models.ledgering import ErpDocument, ErpStatus
from canonical_models.records import DocumentRecord
from connectors.ports import BillingPort, ErpPort
from operations.aging import Aging
from operations.context import AppContext
from operations.support_fresh import Answer, asked
from operations.support_views import Away, Source
from planning.invoices import erp_status_of
from planning.term import local_day


class ReadAt(Aging):
    """When a system said what is told of it: at `as_of`, `age_seconds` ago; both are None where it
    has not been asked yet. `problem` says why it is not newer."""

    as_of: Instant | None
    age_seconds: float | None
    problem: str | None

    def unaged(self) -> Self:
        return self.model_copy(update={"age_seconds": None})


class Sources(Aging):
    billing: ReadAt
    erp: ReadAt

    def unaged(self) -> Self:
        return self.model_copy(update={"billing": self.billing.unaged(), "erp": self.erp.unaged()})


@dataclass(frozen=True)
class Said:
    """The ERP is asked of what is posted alone: `erp` is None where nothing is."""

    billing: Answer[BillingDocument]
    erp: Answer[ErpDocument] | None


async def ask(context: AppContext, tenant: str, known: DocumentRecord) -> Said:
    """Both side by side; never raises for what they do or do not say."""
    posted = known.posted
    billing = asked("billing", context.billing(tenant), lambda port: _billing(port, known))
    if posted is None:
        return Said(billing=_told(await billing, known), erp=None)
    erp = asked("the ERP", context.erp(tenant), lambda port: _erp(port, posted))
    said, read = await asyncio.gather(billing, erp)
    return Said(billing=_told(said, known), erp=read)


async def _billing(port: BillingPort, known: DocumentRecord) -> tuple[BillingDocument, ...]:
    return await port.documents([known.document.document_id])


async def _erp(port: ErpPort, posted: ErpDocument) -> ErpDocument:
    return await port.read(posted.document_id, posted.legal_entity)


def _told(
    said: Answer[tuple[BillingDocument, ...]], known: DocumentRecord
) -> Answer[BillingDocument]:
    if said.value:
        return Answer(said.at, said.value[0].kept())
    gone = f"billing shows no final document {known.document.document_id} any more"
    return Answer(said.at, None, said.problem or gone)


def overlaid(known: DocumentRecord, said: Said, zone: str | None) -> DocumentRecord:
    """The record with what was said in its place. Where the ERP was not heard its word stays whole:
    status, amounts and when it said so."""
    new: dict[str, object] = {}
    if said.billing.value is not None:
        new["document"] = said.billing.value
    if said.erp is not None and said.erp.value is not None:
        found, today = said.erp.value, local_day(datetime.now(UTC), zone)
        new |= {
            "posted": found,
            "erp_status": erp_status_of(_status(found), today).value,
            "erp_status_at": said.erp.at,
        }
    return known.model_copy(update=new)


def _status(found: ErpDocument) -> ErpStatus:
    return ErpStatus(
        document_id=found.document_id,
        number=found.number,
        state=found.state,
        document_date=found.document_date,
        due_on=found.due_on,
        net=found.net,
        tax=found.tax,
        open=found.open,
    )


def sources(
    record: DocumentRecord, seen_at: datetime | None, said: Said | None, away: tuple[Away, ...]
) -> Sources:
    """`record` is as it is told; `seen_at` is when billing said what is kept."""
    if said is None:
        gone = {each.source: each.words for each in away}
        return Sources(
            billing=_read(seen_at, gone.get(Source.BILLING)),
            erp=_read(record.erp_status_at, gone.get(Source.ERP)),
        )
    billing = said.billing
    read = _read(billing.at if billing.value is not None else seen_at, billing.problem)
    return Sources(
        billing=read,
        erp=_read(record.erp_status_at, said.erp.problem if said.erp else None),
    )


def _read(at: datetime | None, problem: str | None) -> ReadAt:
    # Times that a source has ahead of us are of age zero.
    age = None if at is None else max(0.0, round((datetime.now(UTC) - at).total_seconds(), 3))
    return ReadAt(as_of=at, age_seconds=age, problem=problem)
