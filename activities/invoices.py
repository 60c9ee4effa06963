"""Invoice status: what the ERP says of documents flows back to billing and to those who ask us."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.contracts.invoices import InvoiceActivities, SweepPart, Swept
from activities.effect import Effect, not_looked_up
from activities.error_mapping import mapped_failures
from activities.ledger import EffectLedger
from activities.shadow_looks import ShadowLooks
from activities.sweeping import clearing, sweep_effects
from activities.tenants import Tenant, Tenants
from canonical_models.base import Canonical
from canonical_models.events import InvoiceStatusChanged, event
from canonical_models.failures import ContractDrift, Failure, Rejection
from canonical_models.ledgering import ErpStatus
from canonical_models.mends import DECIDED_ALONE
from canonical_models.records import DocumentRecord, RecordState
from connectors.attempts import Attempt
from persistence import documents, outbox, waking
from persistence.database import Database
from planning.invoices import erp_status_of
from planning.term import local_day

#: Invoices of one part: few enough that a part ends within seconds.
PART = 50
#: A cause is tried so often, with one case of it, whether it was mended where nobody tells us; and
#: so many causes a look, since each plans a change anew.
LOOK_AGAIN, MOST_LOOKS = timedelta(minutes=15), 20


class Told(Canonical):
    """What billing carries of an invoice's status in the ERP."""

    note: dict[str, str]


class Invoicing(InvoiceActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)
        self._looks = ShadowLooks(database)

    @activity.defn(name="invoices.sweep")
    async def sweep(self, part: SweepPart) -> Swept:
        with mapped_failures():
            tenant = self._tenants[part.sweep.tenant]
            if tenant.shadow:
                return await self._looks.sweep(tenant, part)
            async with self._database.statement() as conn:
                if part.sweep.invoice_ids:
                    named = await documents.named(conn, tenant.name, part.sweep.invoice_ids)
                    found = [
                        record
                        for record in named.values()
                        if record.erp_status_at is None or record.erp_status_at < part.before
                    ]
                else:
                    found = [
                        *await documents.moving(conn, tenant.name, before=part.before, limit=PART)
                    ]
            erp_statuses, unread, problems = await _erp_statuses(tenant, found)
            changed = 0
            for record in found:
                posted = record.posted.document_id if record.posted else None
                if posted in unread:
                    async with self._database.statement() as conn:
                        await documents.looked_up(conn, tenant.name, record.document.document_id)
                    continue
                said = erp_statuses.get(posted) if posted else None
                changed += await self._stands(tenant, record, said)
                try:
                    await self._tell(tenant, record, said)
                except Failure as failure:
                    # One document that billing refuses must not keep the others from being told.
                    problems.append(failure.message[:300])
            if not found and not part.sweep.invoice_ids:
                # The last part of a regular look: nothing else of it is left to read.
                problems += await sweep_effects(self._database, tenant.name, clearing(tenant))
                async with self._database.transaction() as conn:
                    await waking.look_again(
                        conn, tenant.name, but=DECIDED_ALONE, since=LOOK_AGAIN, limit=MOST_LOOKS
                    )
            return Swept(looked_at=len(found), changed=changed, problems=tuple(problems))

    async def _stands(self, tenant: Tenant, record: DocumentRecord, said: ErpStatus | None) -> bool:
        erp_status, key = _erp_status(tenant, record, said), record.document.document_id
        async with self._database.transaction() as conn:
            changed = await documents.stands(
                conn,
                tenant.name,
                key,
                erp_status=erp_status,
                said=said,
                tell_again=erp_status != "unposted" and _anew(record, erp_status, said),
            )
            if changed:
                told = InvoiceStatusChanged(
                    invoice_id=key,
                    subscription_id=record.document.subscription_id,
                    customer_id=record.document.customer_id,
                    erp_status=erp_status,
                    numbers=(said.number,) if said and said.number else (),
                    open=said.open if said else None,
                    due_on=said.due_on.isoformat() if said and said.due_on else None,
                )
                occasion = f"{key}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
                await outbox.publish(
                    conn,
                    tenant.name,
                    [
                        event(
                            tenant.name,
                            "invoice.status_changed.v1",
                            key=occasion,
                            subject=key,
                            data=told,
                        )
                    ],
                )
        return changed

    async def _tell(self, tenant: Tenant, record: DocumentRecord, said: ErpStatus | None) -> None:
        erp_status, key = _erp_status(tenant, record, said), record.document.document_id
        if erp_status == "unposted" and record.erp_status_shown in ("", "unposted"):
            return
        if erp_status == record.erp_status_shown and not _anew(record, erp_status, said):
            return
        note, step = _note(erp_status, said), "billing.erp_status"

        async def write(_: Attempt) -> Told:
            # The same may be noted again later, so that each try is a request of its own.
            tried = f"{key}/{step}/{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
            await tenant.billing.record_erp_status(key, note, key=tried)
            return Told(note=note)

        await self._ledger.perform(
            Effect(
                key=f"erp_status:{tenant.name}/{key}",
                tenant=tenant.name,
                change_id=f"invoice/{key}",
                step=step,
                system="billing",
                operation="note the ERP's status",
                request=Told(note=note),
                result=Told,
                # A set may be repeated; what was lost is told by the next sweep.
                probe=not_looked_up,
                write=write,
                named=lambda told: (told.note["erp_status"], None),
                writes_set=f"erp_status:{tenant.name}/{key}",
                replaces=True,
                lands_within=tenant.lands("billing"),
            )
        )
        async with self._database.statement() as conn:
            await documents.shown(conn, tenant.name, key, erp_status)


def _note(erp_status: str, said: ErpStatus | None) -> dict[str, str]:
    """What billing shows of it."""
    return {
        "erp_status": erp_status,
        "erp_number": (said.number or "") if said else "",
        "erp_due_on": said.due_on.isoformat() if said and said.due_on else "",
    }


def _anew(record: DocumentRecord, erp_status: str, said: ErpStatus | None) -> bool:
    """Whether billing would show something else than what was read before."""
    before = record.posted
    return erp_status != record.erp_status or (
        said is not None
        and before is not None
        and (said.number, said.due_on) != (before.number, before.due_on)
    )


def _erp_status(tenant: Tenant, record: DocumentRecord, said: ErpStatus | None) -> str:
    """What was taken back is settled by the document that did so: nobody has paid it."""
    zone = tenant.zone_of_books(record.legal_entity) if record.legal_entity else None
    erp_status = erp_status_of(said, local_day(datetime.now(UTC), zone or tenant.policy.time_zone))
    taken_back = record.state is RecordState.REVERSED and erp_status == "paid"
    return "credited" if taken_back else erp_status


async def _erp_statuses(
    tenant: Tenant, records: list[DocumentRecord]
) -> tuple[dict[str, ErpStatus], set[str], list[str]]:
    """(what was said by the ERP's id, ids of which nothing could be read, why): one question an
    entity of the ERP, and one that is refused does not keep the others from being read."""
    wanted: dict[str, list[str]] = {}
    for record in records:
        if record.posted is not None:
            wanted.setdefault(record.posted.legal_entity, []).append(record.posted.document_id)
    found: dict[str, ErpStatus] = {}
    unread: set[str] = set()
    problems: list[str] = []
    for legal_entity, ids in wanted.items():
        try:
            read = await tenant.erp.statuses(list(dict.fromkeys(ids)), legal_entity)
        except (Rejection, ContractDrift) as failure:
            unread.update(ids)
            problems.append(failure.message[:300])
            continue
        found |= {erp_status.document_id: erp_status for erp_status in read}
    return found, unread, problems
