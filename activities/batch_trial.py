"""A batch of trials: each change is planned as things are and as they would be, one right after the
other, and where both plans differ is kept. Nothing is done."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from activities.gather import each_of
from activities.preview import Foreseeing
from activities.tenants import Tenant
from canonical_models.batch import Batch, ItemOutcome
from canonical_models.policy import TenantPolicy
from canonical_models.preview import Comes, Overlay
from persistence import batches, trials
from persistence.batches import ToDo
from persistence.database import Database
from planning.shadowing import plan_differences

_AT_ONCE = 2
#: Before what was seen last: a transaction commits after the time that it writes.
_OVERLAP = timedelta(minutes=5)


class TryingMany:
    at_once = 10
    together: int | None = None

    def __init__(self, database: Database) -> None:
        self._database = database
        self._foreseeing = Foreseeing(database)

    async def list_on(self, tenant: Tenant, batch: Batch) -> None:
        """First what has happened; then, where it keeps on, what has settled meanwhile."""
        keeps_on = bool(batch.given["keep_on"])
        async with self._database.transaction() as conn:
            at = await batches.position(conn, tenant.name, batch.batch_id)
            if at is None:
                since = datetime.fromisoformat(batch.given["since"])
                await trials.freeze(conn, tenant.name, batch.batch_id, since)
            else:
                before = datetime.fromisoformat(at) - _OVERLAP
                begun = max(before, batch.begun_at)
                await trials.follow(conn, tenant.name, batch.batch_id, begun)
            now = await (await conn.execute("select now()")).fetchone()
            following = now[0].isoformat() if keeps_on and now else None
            await batches.list_on(conn, tenant.name, batch.batch_id, following)

    async def carry_out(self, tenant: Tenant, batch: Batch, items: Sequence[ToDo]) -> None:
        overlay = Overlay.model_validate(batch.given["overlay"], strict=False)
        since = datetime.fromisoformat(batch.given["since"])
        policy: dict[str, Any] | None = batch.given["policy"]
        other = replace(tenant, policy=TenantPolicy.model_validate(policy)) if policy else tenant

        async def one(item: ToDo) -> None:
            subject = str(item.given["subject"])
            holds = await self._foreseeing.of_subject(tenant, subject, (), Overlay(), anew=since)
            tried = await self._foreseeing.of_subject(other, subject, (), overlay, anew=since)
            why = next((each.why for each in (holds, tried) if each.comes is Comes.UNTOLD), None)
            outcome = ItemOutcome.DONE if why is None else ItemOutcome.FAILED
            differences = plan_differences(holds, tried) if why is None else ()
            async with self._database.statement() as conn:
                await batches.stands(
                    conn,
                    tenant.name,
                    batch.batch_id,
                    item.number,
                    outcome,
                    reason=why,
                    found={"differences": [each.model_dump(mode="json") for each in differences]},
                )

        await each_of(items, one, at_once=_AT_ONCE)
