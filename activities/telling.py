"""The canonical events that a settled change gives rise to."""

from collections.abc import Iterator

from activities.contracts.amendment import UndoneInput
from canonical_models.amendment import AmendmentPlan
from canonical_models.events import (
    EntitlementChanged,
    Event,
    InvoicePosted,
    SubscriptionChanged,
    SupportEntitlementPublished,
    SyncCompensated,
    entitlement_event,
    event,
    subscription_event,
)
from canonical_models.ledgering import Document
from canonical_models.views import ChangeView


def completed(tenant: str, plan: AmendmentPlan, document: Document | None) -> Iterator[Event]:
    change, subscription = plan.change_id, plan.subscription_id
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
        features: dict[str, int] = {}
        for grant in plan.grants:
            features[grant.feature] = features.get(grant.feature, 0) + grant.quantity
        entitled = EntitlementChanged(
            change_id=change,
            subscription_id=subscription,
            customer_id=plan.amendment.customer_id,
            features=features,
        )
        told = entitlement_event(held=bool(plan.grants_before), holds=bool(plan.grants))
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
    kind = subscription_event(plan.amendment.kind)
    for told in (kind, "sync.completed.v1"):
        yield event(tenant, told, key=change, subject=subscription, data=changed)


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
