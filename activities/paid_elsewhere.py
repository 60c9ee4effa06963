"""Billing is told that an invoice was paid past it, once, and only where money in the ERP proves
that. Its own events then bring the movement back, which adopts what people have entered."""

from activities.effect import Effect
from activities.ledger import EffectLedger
from activities.tenants import Tenant
from canonical_models.base import Canonical, Identifier
from canonical_models.documents import DocumentStatus
from canonical_models.failures import ContractDrift, CredentialsRefused, Rejection
from canonical_models.money import Money
from canonical_models.records import DocumentRecord
from connectors.attempts import Attempt
from persistence import documents, effects, reconciliations
from persistence.database import Database


class PaidElsewhere(Canonical):
    """What billing is told of an invoice, and the ERP's entries that prove it."""

    document_id: Identifier
    amount: Money
    entries: tuple[str, ...]


class Telling:
    def __init__(self, database: Database, ledger: EffectLedger) -> None:
        self._database, self._ledger = database, ledger

    async def tell(self, tenant: Tenant, document_id: str) -> bool:
        """Whether billing knows it now. Where nothing proves it, or billing refuses, the difference
        says so and is people's."""
        async with self._database.statement() as conn:
            record = await documents.get(conn, tenant.name, document_id)
        try:
            told = await _proven(tenant, record)
            if told is not None:
                await self._ledger.perform(_effect(tenant, told))
                return True
            why = "settled there by something else than money"
        except (Rejection, ContractDrift, CredentialsRefused) as refused:
            # Others are told all the same.
            why = refused.message
        async with self._database.statement() as conn:
            await reconciliations.not_told(conn, tenant.name, document_id, why)
        return False

    async def end_doubts(self, tenant: Tenant) -> None:
        """What was told without an answer, and may not be told again as nothing proves it any more
        or billing refuses it, is looked for: billing shows it as paid, or was never told."""
        async with self._database.statement() as conn:
            keys = await effects.in_doubt(conn, tenant.name, _change(tenant))
            known = await documents.named(conn, tenant.name, [_document_of(key) for key in keys])
        for document_id, record in known.items():
            left = record.document.remaining
            told = PaidElsewhere(document_id=document_id, amount=left, entries=())
            await self._ledger.end_doubt(_effect(tenant, told))


async def _proven(tenant: Tenant, record: DocumentRecord | None) -> PaidElsewhere | None:
    """None where what people have entered is not what billing waits for, to the last cent."""
    if record is None or not record.in_books or record.posted is None:
        return None
    left, posted = record.document.remaining, record.posted
    (now,) = await tenant.erp.statuses((posted.document_id,), posted.legal_entity) or (None,)
    if now is None or now.open:
        return None
    paid = await tenant.erp.paid_by_hand(posted.document_id, posted.legal_entity)
    if {each.amount.currency for each in paid} != {left.currency}:
        return None
    if Money.total((each.amount for each in paid), left.currency) != left:
        return None
    return PaidElsewhere(
        document_id=record.document.document_id,
        amount=left,
        entries=tuple(each.number or each.entry_id for each in paid),
    )


def _change(tenant: Tenant) -> str:
    return f"reconciliation/{tenant.name}"


def _document_of(key: str) -> str:
    return key.partition("/")[2]


def _effect(tenant: Tenant, told: PaidElsewhere) -> Effect[PaidElsewhere]:
    key = f"paid_elsewhere:{tenant.name}/{told.document_id}"

    async def known() -> PaidElsewhere | None:
        found = await tenant.billing.documents([told.document_id])
        paid = any(document.status is DocumentStatus.PAID for document in found)
        return told if paid else None

    async def tell(_: Attempt) -> PaidElsewhere:
        await tenant.billing.pay_elsewhere(told.document_id, told.amount, key=key)
        return told

    return Effect(
        key=key,
        tenant=tenant.name,
        change_id=_change(tenant),
        step="billing.paid_elsewhere",
        system="billing",
        operation="tell paid elsewhere",
        request=told,
        result=PaidElsewhere,
        probe=known,
        write=tell,
        named=lambda said: (said.document_id, None),
        lands_within=tenant.lands("billing"),
    )
