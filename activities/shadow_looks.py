"""What would have been done is looked for in the systems that others keep."""

from datetime import UTC, datetime, timedelta

from activities.contracts.invoices import SweepPart, Swept
from activities.gather import each_of
from activities.shadowing import Shadowing
from activities.tenants import Tenant
from canonical_models.entitlement import SupportEntitlement
from canonical_models.failures import ContractDrift, Failure, Rejection
from canonical_models.shadow import ExpectedDocument, ExpectedFeatures, ShadowAbout, ShadowState
from persistence import shadow_items, shadows
from persistence.database import Database
from persistence.shadow_items import Due
from planning.shadowing import Seen, document_seen, support_seen, target_seen

#: Of one part, and at a time.
PART, _AT_ONCE = 50, 4
#: What would have been asked is planned anew after so long, so many a look.
_AGAIN, _MOST = timedelta(minutes=15), 20


class ShadowLooks:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._shadowing = Shadowing(database)

    async def sweep(self, tenant: Tenant, part: SweepPart) -> Swept:
        """Look for the next of them, as a part of the look at invoices. One that is refused keeps
        no other from being looked for. Raises what passes, so that the part is tried again."""
        async with self._database.statement() as conn:
            due = await shadow_items.due(
                conn, tenant.name, before=part.before, keys=part.sweep.invoice_ids, limit=PART
            )
        problems: list[str] = []
        changed = 0

        async def one(item: Due) -> None:
            nonlocal changed
            try:
                seen = await _seen(tenant, item)
            except (Rejection, ContractDrift) as refused:
                problems.append(refused.message[:300])
                async with self._database.statement() as conn:
                    await shadow_items.not_looked(conn, tenant.name, item.about, item.key)
                return
            changed += seen.state is not ShadowState.WAITING
            async with self._database.statement() as conn:
                await shadow_items.looked(
                    conn,
                    tenant.name,
                    item.about,
                    item.key,
                    state=seen.state,
                    differences=seen.differences,
                    found=seen.found,
                )

        await each_of(due, one, at_once=_AT_ONCE)
        if not due and not part.sweep.invoice_ids:
            problems += await self._plan_again(tenant)
        return Swept(looked_at=len(due), changed=changed, problems=tuple(problems))

    async def _plan_again(self, tenant: Tenant) -> list[str]:
        """At the end of a look: what would have waited for a person may go through by now."""
        before = datetime.now(UTC) - _AGAIN
        async with self._database.statement() as conn:
            asking = await shadows.asking(conn, tenant.name, before=before, limit=_MOST)
        problems: list[str] = []
        for change_id in asking:
            try:
                await self._shadowing.again(tenant, change_id)
            except Failure as failure:
                problems.append(failure.message[:300])
        return problems


async def _seen(tenant: Tenant, item: Due) -> Seen:
    match item.about:
        case ShadowAbout.DOCUMENT:
            document = ExpectedDocument.model_validate_json(item.expected)
            number = document.number or document.document_id
            found = await tenant.erp.find_number(number, document.legal_entity)
            return document_seen(document, found)
        case ShadowAbout.SUPPORT:
            wanted = SupportEntitlement.model_validate_json(item.expected)
            organization = await tenant.support.organization(wanted.organization)
            return support_seen(wanted, organization.entitlement if organization else None)
        case ShadowAbout.TARGET:
            features = ExpectedFeatures.model_validate_json(item.expected)
            target = tenant.targets.get(features.target)
            if target is None:
                # It was configured when the change was planned.
                return Seen(ShadowState.WAITING)
            return target_seen(features, await target.held(features.customer_id))
