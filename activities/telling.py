"""The canonical events that a settled change gives rise to."""

from collections.abc import Iterator

from activities.contracts.amendment import UndoneInput
from canonical_models.amendment import AmendmentPlan
from canonical_models.entitlement import GrantState
from canonical_models.events import (
    EntitlementChanged,
    Event,
    InvoicePosted,
    PaymentMoved,
    SubscriptionChanged,
    SupportEntitlementPublished,
    SyncCompensated,
    entitlement_event,
    event,
    subscription_event,
)
from canonical_models.term import PaymentState
from canonical_models.views import ChangeView
from persistence.briefing import Outcome

_PAYMENT_EVENTS = {
    PaymentState.CONFIRMED: "payment.confirmed.v1",
    PaymentState.REFUNDED: "payment.refunded.v1",
    PaymentState.DISPUTED: "payment.disputed.v1",
    PaymentState.REINSTATED: "payment.confirmed.v1",
}


def completed(tenant: str, plan: AmendmentPlan, done: Outcome) -> Iterator[Event]:
    change, subscription = plan.change_id, plan.subscription_id
    document = done.document
    changed = SubscriptionChanged(
        change_id=change,
        subscription_id=subscription,
        customer_id=plan.amendment.customer_id,
        kind=plan.amendment.kind,
        summary=plan.amendment.summary,
        effective_at=plan.amendment.effective_at,
        amount=plan.document.net if plan.document else None,
        erp_document=document.number if document else None,
    )
    if document is not None:
        posted = InvoicePosted(
            change_id=change,
            subscription_id=subscription,
            document_id=document.document_id,
            number=document.number,
            legal_entity=document.legal_entity,
            net=document.net,
            tax=document.tax,
        )
        yield event(tenant, "invoice.posted.v1", key=change, subject=subscription, data=posted)
    if plan.changes_grants:
        active = [grant for grant in plan.grants if grant.state is GrantState.ACTIVE]
        features: dict[str, int] = {}
        for grant in active:
            features[grant.feature] = features.get(grant.feature, 0) + grant.quantity
        entitled = EntitlementChanged(
            change_id=change,
            subscription_id=subscription,
            customer_id=plan.amendment.customer_id,
            features=features,
        )
        held = any(grant.state is GrantState.ACTIVE for grant in plan.grants_before)
        told = entitlement_event(held=held, holds=bool(active))
        yield event(tenant, told, key=change, subject=subscription, data=entitled)
    if plan.support is not None:
        published = SupportEntitlementPublished(
            change_id=change,
            organization=plan.organization,
            tier=plan.support.tier,
            contract_end=plan.support.contract_end,
        )
        yield event(
            tenant,
            "support.entitlement_published.v1",
            key=change,
            subject=subscription,
            data=published,
        )
    yield from _payments(tenant, plan, done)
    if (kind := subscription_event(plan.amendment.kind)) is not None:
        yield event(tenant, kind, key=change, subject=subscription, data=changed)
    yield event(tenant, "sync.completed.v1", key=change, subject=subscription, data=changed)


def _payments(tenant: str, plan: AmendmentPlan, done: Outcome) -> Iterator[Event]:
    entered = {draft.reference for draft in plan.payments}
    for payment in done.snapshot.payments:
        if payment.payment_id not in entered:
            continue
        moved = PaymentMoved(
            payment_id=payment.payment_id,
            invoice_id=payment.invoice_id,
            subscription_id=plan.subscription_id,
            customer_id=plan.amendment.customer_id,
            amount=payment.moved,
            at=payment.at,
        )
        yield event(
            tenant,
            _PAYMENT_EVENTS[payment.state],
            key=payment.payment_id,
            subject=plan.subscription_id,
            data=moved,
        )


def undone(given: UndoneInput, change: ChangeView) -> Event:
    data = SyncCompensated(
        change_id=given.change_id,
        subscription_id=change.subscription_id,
        outcome=given.outcome,
        reason=given.reason,
    )
    return event(
        given.tenant,
        "sync.compensated.v1",
        key=given.change_id,
        subject=change.subscription_id,
        data=data,
    )
