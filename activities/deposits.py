"""A payout as effects in the ERP: booked, come back, taken back."""

from datetime import date

from activities.effect import Effect
from activities.tenants import Tenant
from canonical_models.base import Canonical
from canonical_models.cash import DepositDraft, DepositEntry, PayoutBooked
from canonical_models.money import Money
from canonical_models.process import Process
from connectors.attempts import Attempt

DEPOSIT = "erp.deposit"


def deposit_effect(tenant: Tenant, process: Process, draft: DepositDraft) -> Effect[DepositEntry]:
    """A move of the ERP for a payout. What becomes of the payout is said once it is compared."""
    return Effect(
        key=f"deposit:{tenant.name}/{draft.external_id}",
        tenant=tenant.name,
        change_id=process.workflow_id,
        step=f"{DEPOSIT}/{draft.external_id}",
        system="erp",
        operation="book payout",
        request=draft,
        result=DepositEntry,
        # Entering finds what is there, and finishes a draft; what is posted is adopted.
        probe=lambda: tenant.erp.find_deposit(draft),
        write=lambda attempt: tenant.erp.deposit(draft, attempt=attempt),
        named=lambda entry: (entry.number, None),
        place=draft.accounts.legal_entity,
        lands_within=tenant.lands("erp"),
    )


def booked_of(entry: DepositEntry, covered: int | None) -> PayoutBooked:
    """What is kept of a move; `covered` says of how many movements it is, where billing tells."""
    return PayoutBooked(
        entry_id=entry.entry_id,
        number=entry.number,
        posted_on=entry.posted_on,
        fee=entry.fee,
        fee_tax=entry.fee_tax,
        covered=covered,
        conversion=entry.conversion or None,
    )


async def take_back(
    tenant: Tenant, draft: DepositDraft, on: date, entry: DepositEntry, attempt: Attempt
) -> Canonical:
    """The same the other way round, on the day that it was decided: as it stands there, which may
    not be what the draft says."""
    await tenant.erp.drop_drafts(draft.external_id, draft.accounts.legal_entity)
    stands = await tenant.erp.find_deposit(draft) or entry
    out = stands.received + stands.fee + stands.fee_tax
    came = Money.total((each.came_as for each in draft.converted), out.currency)
    as_it_stands = draft.model_copy(
        update={
            "received": stands.received,
            "fee": stands.fee,
            "fee_tax": stands.fee_tax,
            "cleared": out - came,
        }
    )
    opposite = as_it_stands.reversed_as(f"{draft.external_id}/undo", on)
    return await tenant.erp.deposit(opposite, attempt=attempt)
