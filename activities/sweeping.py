"""What landed late: once a request that was never answered can no longer be carried out, it is
looked once more for what of ours carries the same reference, and that is taken back.

Drafts of an overtaken attempt are the usual find, harmless until somebody posts them by hand. A
row of the ledger says when to look (`lands_until`), and that it was done (`swept_at`).
"""

from collections.abc import Awaitable, Callable

from activities.deposits import DEPOSIT
from activities.document_effects import DOCUMENT, VOID, take_back_twin
from activities.effects import SETTLEMENT
from activities.tenants import Tenant
from canonical_models.effects import EffectState
from canonical_models.failures import ContractDrift, Failure, Rejection
from canonical_models.ledgering import ErpDocument
from persistence import effects
from persistence.database import Database
from persistence.effects import Stray

#: So many rows a look: each is a few questions to the ERP.
MOST = 50

#: Looks for what landed late under the effect, and takes it back. What it cannot is told.
Clearing = Callable[[Stray], Awaitable[str | None]]


async def sweep_effects(
    database: Database, tenant: str, clear: Clearing, *, most: int = MOST
) -> tuple[str, ...]:
    """Looks once more after at most so many effects, the oldest first; what could not be taken
    back. One whose system is away is looked after by the next sweep."""
    async with database.statement() as conn:
        found = await effects.to_sweep(conn, tenant, systems=("erp",), limit=most)
    problems = []
    for stray in found:
        try:
            problem = await clear(stray)
        except (Rejection, ContractDrift) as refused:
            problem = refused.message
        except Failure as away:
            problems.append(away.message[:300])
            break
        async with database.statement() as conn:
            await effects.swept(conn, stray.key, error=problem)
        if problem is not None:
            problems.append(problem[:300])
    return tuple(problems)


def clearing(tenant: Tenant) -> Clearing:
    """In the tenant's ERP."""

    async def clear(stray: Stray) -> str | None:
        what, _, reference = stray.step.partition("/")
        if stray.place is None or what not in (DEPOSIT, DOCUMENT, SETTLEMENT, VOID):
            return None
        await tenant.erp.drop_drafts(reference, stray.place)
        if stray.state is EffectState.UNCERTAIN:
            # What is final is for the next change of the document to find.
            return None
        if what in (DEPOSIT, SETTLEMENT):
            return await _entries(tenant, stray, reference, stray.place)
        for found in await tenant.erp.find(reference, stray.place):
            if found.ours and found.live and not found.credits and not _stands(stray, found):
                await take_back_twin(tenant, found)
        return None

    return clear


def _stands(stray: Stray, found: ErpDocument) -> bool:
    return stray.state is EffectState.CONFIRMED and stray.result_id == found.document_id


async def _entries(tenant: Tenant, stray: Stray, reference: str, entity: str) -> str | None:
    """A posted movement is never taken back by a machine: what it settles would be open again."""
    found = await tenant.erp.find_entries(reference, entity)
    extra = [entry for entry in found if entry.entry_id != stray.result_id]
    if not extra:
        return None
    named = ", ".join(entry.number or entry.entry_id for entry in extra[:5])
    return (
        f"movement {reference} stands in the ERP more than once: cancel {named} there, for the "
        f"ledger says {stray.result_id or 'none'}"
    )
