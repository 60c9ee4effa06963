"""Invoice status: what the ERP says of documents flows back to billing and to those who ask us."""

from datetime import UTC, datetime

from temporalio import activity

from activities.contracts.life import InvoiceActivities, SweepPart, Swept
from activities.failing import failures_told
from activities.ledger import Effect, EffectLedger, written_again
from activities.tenants import Tenant, Tenants
from canonical_models.base import Canonical
from canonical_models.events import InvoiceStatusChanged, event
from canonical_models.failures import ContractDrift, Failure, Rejection
from canonical_models.ledgering import DocumentStanding
from persistence import invoices, lines, outbox
from persistence.database import Database
from persistence.invoices import InvoiceView
from planning.invoices import due_on, open_of, standing_of
from planning.term import local_day

#: Invoices of one part: few enough that a part ends within seconds.
PART = 50


class Told(Canonical):
    """What billing carries of an invoice's standing."""

    note: dict[str, str]


class Invoicing(InvoiceActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)

    @activity.defn(name="invoices.sweep")
    async def sweep(self, part: SweepPart) -> Swept:
        with failures_told():
            tenant = self._tenants[part.sweep.tenant]
            async with self._database.statement() as raw:
                if part.sweep.invoice_ids:
                    found = [
                        view
                        for key in part.sweep.invoice_ids
                        if (view := await invoices.get(raw, tenant.name, key)) is not None
                        and (view.standing_at is None or view.standing_at < part.before)
                    ]
                else:
                    found = [
                        *await invoices.moving(raw, tenant.name, before=part.before, limit=PART)
                    ]
                documents = await lines.documents_of(
                    raw, tenant.name, [view.invoice.invoice_id for view in found]
                )
            standings, unread, problems = await _standings(tenant, documents)
            changed = 0
            for view in found:
                key = view.invoice.invoice_id
                if any(document in unread for document, _ in documents.get(key, ())):
                    async with self._database.statement() as raw:
                        await invoices.looked_up(raw, tenant.name, key)
                    continue
                said = tuple(
                    standings[document]
                    for document, _ in documents.get(key, ())
                    if document in standings
                )
                changed += await self._stands(tenant, view, said)
                try:
                    await self._tell(tenant, view, said)
                except Failure as failure:
                    # One invoice that billing refuses must not keep the others from being told.
                    problems.append(failure.message[:300])
            return Swept(looked_at=len(found), changed=changed, problems=tuple(problems))

    async def _stands(
        self, tenant: Tenant, view: InvoiceView, said: tuple[DocumentStanding, ...]
    ) -> bool:
        standing = _standing(tenant, said)
        async with self._database.work() as raw:
            changed = await invoices.stands(
                raw,
                tenant.name,
                view.invoice.invoice_id,
                standing=standing,
                documents=said,
                tell_again=standing != "unposted" and _anew(view, standing, said),
            )
            if changed:
                day = due_on(said)
                told = InvoiceStatusChanged(
                    invoice_id=view.invoice.invoice_id,
                    subscription_id=view.subscription_id,
                    customer_id=view.invoice.customer_id,
                    standing=standing,
                    numbers=tuple(d.number for d in said if d.number),
                    open=open_of(said) if said else None,
                    due_on=day.isoformat() if day else None,
                )
                occasion = f"{view.invoice.invoice_id}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
                await outbox.publish(
                    raw,
                    tenant.name,
                    [
                        event(
                            tenant.name,
                            "invoice.status_changed.v1",
                            key=occasion,
                            subject=view.invoice.invoice_id,
                            data=told,
                        )
                    ],
                )
        return changed

    async def _tell(
        self, tenant: Tenant, view: InvoiceView, said: tuple[DocumentStanding, ...]
    ) -> None:
        standing, key = _standing(tenant, said), view.invoice.invoice_id
        if standing == "unposted" and view.told in ("", "unposted"):
            return
        if standing == view.told and not _anew(view, standing, said):
            return
        note = _note(standing, said)
        occasion = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"

        async def write() -> Told:
            await tenant.billing.record_standing(key, note, key=f"{key}/standing/{occasion}")
            return Told(note=note)

        await self._ledger.perform(
            Effect(
                tenant=tenant.name,
                change_id=f"invoice/{key}",
                step=f"billing.standing/{occasion}",
                system="billing",
                operation="note the ERP's status",
                request=Told(note=note),
                result=Told,
                # A set may be repeated; what was lost is told by the next sweep.
                probe=written_again,
                write=write,
                named=lambda told: (told.note["erp_status"], None),
                confirmed=lambda raw, _: invoices.told(raw, tenant.name, key, standing),
            )
        )


def _note(standing: str, said: tuple[DocumentStanding, ...]) -> dict[str, str]:
    """What billing shows of it."""
    day = due_on(said)
    return {
        "erp_status": standing,
        "erp_number": ", ".join(d.number for d in said if d.number)[:450],
        "erp_due_on": day.isoformat() if day else "",
    }


def _anew(view: InvoiceView, standing: str, said: tuple[DocumentStanding, ...]) -> bool:
    """Whether billing would show something else than what was read before."""
    return _note(standing, said) != _note(view.standing, view.documents)


def _standing(tenant: Tenant, said: tuple[DocumentStanding, ...]) -> str:
    return standing_of(said, local_day(datetime.now(UTC), tenant.policy.time_zone))


async def _standings(
    tenant: Tenant, documents: dict[str, tuple[tuple[str, str], ...]]
) -> tuple[dict[str, DocumentStanding], set[str], list[str]]:
    """(what was said by document id, documents of which nothing could be read, why): one question
    an entity of the ERP, and one that is refused does not keep the others from being read."""
    wanted: dict[str, list[str]] = {}
    for carried in documents.values():
        for document, legal_entity in carried:
            wanted.setdefault(legal_entity, []).append(document)
    found: dict[str, DocumentStanding] = {}
    unread: set[str] = set()
    problems: list[str] = []
    for legal_entity, ids in wanted.items():
        try:
            read = await tenant.erp.standings(list(dict.fromkeys(ids)), legal_entity)
        except (Rejection, ContractDrift) as failure:
            unread.update(ids)
            problems.append(failure.message[:300])
            continue
        found |= {standing.document_id: standing for standing in read}
    return found, unread, problems
