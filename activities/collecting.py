"""Money that has moved, entered in the ERP: each movement once, ever."""

from activities.ledger import Effect, EffectLedger, effect_key
from activities.tenants import Tenant
from canonical_models.ledgering import PaymentDraft, PaymentEntry
from canonical_models.term import Payment
from persistence import lines, payments
from persistence.briefing import Outcome
from persistence.database import Database
from persistence.raw import Raw

STEP = "erp.payment"


async def enter_payments(
    database: Database, ledger: EffectLedger, tenant: Tenant, outcome: Outcome
) -> None:
    """In the order in which the money moved: a refund comes after what it gives back."""
    plan = outcome.plan
    known = {payment.payment_id: payment for payment in outcome.snapshot.payments}
    async with database.statement() as raw:
        # What was just posted has not been agreed on yet, and so not been linked to its invoice.
        await lines.invoiced(raw, tenant.name, plan.subscription_id, outcome.snapshot.lines)
        documents = await lines.documents_of(
            raw, tenant.name, {known[draft.reference].invoice_id for draft in plan.payments}
        )
    for draft in plan.payments:
        payment = known[draft.reference]
        paid = tuple(
            document
            for document, legal_entity in documents.get(payment.invoice_id, ())
            if legal_entity == draft.legal_entity
        )
        whole = draft.model_copy(update={"documents": paid})
        await ledger.perform(
            payment_effect(tenant, plan.change_id, plan.subscription_id, payment, whole)
        )


def payment_effect(
    tenant: Tenant, change_id: str, subscription_id: str, payment: Payment, draft: PaymentDraft
) -> Effect[PaymentEntry]:
    """One movement on the customer's account."""
    step = f"{STEP}/{draft.reference}"

    async def claimed(raw: Raw) -> None:
        await payments.claim(
            raw, tenant.name, subscription_id, payment, effect_key=effect_key(change_id, step)
        )

    async def confirmed(raw: Raw, entry: PaymentEntry) -> None:
        await payments.entered(raw, tenant.name, payment.payment_id, entry.entry_id)

    async def made() -> PaymentEntry | None:
        # Entering finds what is there, and settles what is not settled yet.
        return None

    return Effect(
        tenant=tenant.name,
        change_id=change_id,
        step=step,
        system="erp",
        operation=f"enter {draft.kind.value.replace('_', '-')}",
        request=draft,
        result=PaymentEntry,
        probe=made,
        write=lambda: tenant.erp.enter(draft),
        named=lambda entry: (entry.number or entry.entry_id, entry.url),
        claimed=claimed,
        confirmed=confirmed,
    )
