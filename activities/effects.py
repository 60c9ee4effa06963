"""The effects of changes but documents: what each writes, how it is found again, how it is taken
back."""

from collections.abc import Awaitable, Callable

from activities.effect import Effect, effect_key, not_looked_up
from activities.tenants import Tenant
from canonical_models.amendment import AmendmentPlan, document_reference
from canonical_models.base import Canonical
from canonical_models.commerce import SyncMetadata
from canonical_models.entitlement import Grant
from canonical_models.ledgering import (
    SettlementDraft,
    SettlementEntry,
    UnbilledDraft,
    UnbilledShown,
)
from canonical_models.process import entitlement_processes
from connectors.attempts import Attempt
from persistence import grants, processes, settlements, unbilled
from persistence.connection import Connection
from persistence.ownership import Owner
from planning.unbilled import digest_of

SETTLEMENT = "erp.settlement"
UNBILLED = "erp.unbilled"
GRANTS = "entitlements.grants"
SUPPORT = "support.entitlement"
SYNC = "billing.sync"
UNDONE_SYNC = "billing.sync_undone"


class GrantsHeld(Canonical):
    """What a subscription gives, as it was written."""

    grants: tuple[Grant, ...]


def settlement_effect(
    tenant: Tenant,
    owner: Owner,
    draft: SettlementDraft,
    document_id: str | None,
    *,
    generation: int = 1,
) -> Effect[SettlementEntry]:
    """One movement on the customer's account; `document_id` is billing's document that it settles.
    What stood on the account and finds its document later is settled with it by a key of its own;
    so is what finds it anew, in the next `generation`, after an undo.
    """
    whole = draft.external_id
    if document_id:
        whole = f"{whole}/{document_reference(document_id, generation)}"
    key = f"settlement:{tenant.name}/{whole}"

    async def claimed(conn: Connection) -> None:
        await settlements.claim(conn, tenant.name, draft.external_id, effect_key=key)

    async def entered(conn: Connection, entry: SettlementEntry) -> None:
        await settlements.entered(
            conn, tenant.name, draft.external_id, entry=entry, document_id=document_id
        )

    return Effect(
        key=key,
        tenant=tenant.name,
        change_id=owner.change_id,
        step=f"{SETTLEMENT}/{draft.external_id}",
        system="erp",
        operation=f"enter {draft.kind.value.replace('_', ' ')}",
        request=draft,
        result=SettlementEntry,
        # Entering finds what is there, and settles what is not settled yet.
        probe=not_looked_up,
        write=lambda attempt: tenant.erp.settle(draft, attempt=attempt),
        named=lambda entry: (entry.number or entry.entry_id, entry.url),
        owner=owner,
        claimed=claimed,
        confirmed=entered,
        place=draft.legal_entity,
        lands_within=tenant.lands("erp"),
    )


def unbilled_effect(
    tenant: Tenant, owner: Owner, subscription_id: str, draft: UnbilledDraft
) -> Effect[UnbilledShown]:
    """What the ERP shows as not billed yet: the next plan replaces it."""

    async def shown(conn: Connection, made: UnbilledShown) -> None:
        await unbilled.put(
            conn,
            tenant.name,
            subscription_id,
            draft,
            digest=digest_of(draft),
            document_id=made.document_id,
        )

    return Effect(
        key=effect_key(owner.change_id, f"{UNBILLED}/{draft.legal_entity}"),
        tenant=tenant.name,
        change_id=owner.change_id,
        step=UNBILLED,
        system="erp",
        operation="show what is not billed yet",
        request=draft,
        result=UnbilledShown,
        probe=not_looked_up,
        write=lambda _: tenant.erp.show_unbilled(draft),
        named=lambda made: (made.document_id or "nothing", made.url),
        owner=owner,
        confirmed=shown,
        replaces=True,
        # The ERP makes another draft of each request.
        once=True,
        writes_set=f"unbilled:{tenant.name}/{draft.legal_entity}/{draft.external_id}",
        lands_within=tenant.lands("erp", lines=len(draft.lines)),
    )


def grants_effect(
    tenant: Tenant,
    plan: AmendmentPlan,
    *,
    before: tuple[Grant, ...] | None = None,
    owner: Owner | None = None,
) -> Effect[GrantsHeld]:
    """Ours to write, so it is written in the very transaction that confirms it. `before` is what an
    undo goes back to."""
    back = plan.access.grants_before if before is None else before

    async def intended(_: Attempt) -> GrantsHeld:
        return GrantsHeld(grants=plan.access.grants)

    async def give(conn: Connection, held: tuple[Grant, ...]) -> None:
        await grants.replace(conn, tenant.name, plan.subject, held, change_id=plan.change_id)
        customer = plan.amendment.customer_id
        await processes.news(conn, entitlement_processes(tenant.name, customer, tenant.targets))

    return Effect(
        key=effect_key(plan.change_id, GRANTS),
        tenant=tenant.name,
        change_id=plan.change_id,
        step=GRANTS,
        system="entitlements",
        operation="grant and withdraw",
        request=GrantsHeld(grants=plan.access.grants),
        result=GrantsHeld,
        probe=not_looked_up,
        write=intended,
        named=lambda held: (f"{len(held.grants)} grants", None),
        owner=owner,
        local=True,
        replaces=True,
        confirmed=lambda conn, held: give(conn, held.grants),
        reversed=lambda conn, _: give(conn, back),
    )


def sync_effect(
    tenant: Tenant,
    plan: AmendmentPlan,
    step: str,
    sync: SyncMetadata,
    *,
    confirmed: Callable[[Connection, SyncMetadata], Awaitable[None]] | None = None,
    owner: Owner | None = None,
) -> Effect[SyncMetadata]:
    """What people see on the subscription in billing; the last write of a change.

    `confirmed` is what must be true together with it.
    """
    key = effect_key(plan.change_id, step)

    async def shown() -> SyncMetadata | None:
        found = (await tenant.billing.snapshot(plan.subject)).sync
        return found if found == sync else None

    async def write(_: Attempt) -> SyncMetadata:
        await tenant.billing.record_sync(plan.subject, sync, key=key)
        return sync

    return Effect(
        key=key,
        tenant=tenant.name,
        change_id=plan.change_id,
        step=step,
        system="billing",
        operation="write back",
        request=sync,
        result=SyncMetadata,
        probe=shown,
        write=write,
        named=lambda written: (written.state, None),
        owner=owner,
        confirmed=confirmed,
        writes_set=f"sync:{tenant.name}/{plan.subject}",
        lands_within=tenant.lands("billing"),
    )
