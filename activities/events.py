"""The canonical events that a settled change gives rise to."""

from collections.abc import Iterator

from activities.contracts.amendment import UndoneInput
from canonical_models.amendment import customer_of
from canonical_models.documents import SettlementKind
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
from canonical_models.records import DocumentRecord
from canonical_models.views import ChangeView
from persistence.change_runs import Done

_PAYMENT_EVENTS = {
    SettlementKind.PAYMENT: "payment.confirmed.v1",
    SettlementKind.PAID_ELSEWHERE: "payment.confirmed.v1",
    SettlementKind.REFUND: "payment.refunded.v1",
    SettlementKind.DISPUTE: "payment.disputed.v1",
    SettlementKind.DISPUTE_WON: "payment.confirmed.v1",
}


def completed(tenant: str, done: Done) -> Iterator[Event]:
    plan = done.plan
    change, subject = plan.change_id, plan.subject
    of_account = customer_of(subject) is not None
    subscription = None if of_account else subject
    changed = SubscriptionChanged(
        change_id=change,
        subscription_id=subject,
        customer_id=plan.amendment.customer_id,
        kind=plan.amendment.kind,
        summary=plan.amendment.summary,
        effective_at=plan.amendment.effective_at,
        amount=plan.books.amount,
        erp_document=done.newest_number,
    )
    for record in done.posted:
        yield _posted(tenant, change, subscription, subject, record)
    if plan.access.grants != plan.access.agreed_grants:
        active = [grant for grant in plan.access.grants if grant.state is GrantState.ACTIVE]
        features: dict[str, int] = {}
        for grant in active:
            features[grant.feature] = features.get(grant.feature, 0) + grant.quantity
        entitled = EntitlementChanged(
            change_id=change,
            subscription_id=subject,
            customer_id=plan.amendment.customer_id,
            features=features,
        )
        held = any(grant.state is GrantState.ACTIVE for grant in plan.access.agreed_grants)
        told = entitlement_event(held=held, holds=bool(active))
        yield event(tenant, told, key=change, subject=subject, data=entitled)
    if plan.access.support is not None and plan.access.organization is not None:
        published = SupportEntitlementPublished(
            change_id=change,
            organization=plan.access.organization,
            tier=plan.access.support.tier,
            contract_end=plan.access.support.contract_end,
        )
        yield event(
            tenant, "support.entitlement_published.v1", key=change, subject=subject, data=published
        )
    yield from _payments(tenant, subscription, subject, done)
    if not of_account and (kind := subscription_event(plan.amendment.kind)) is not None:
        yield event(tenant, kind, key=change, subject=subject, data=changed)
    yield event(tenant, "sync.completed.v1", key=change, subject=subject, data=changed)


def _posted(
    tenant: str, change: str, subscription: str | None, subject: str, record: DocumentRecord
) -> Event:
    made = record.posted
    if made is None:
        raise AssertionError("a document that was posted has the ERP's")
    data = InvoicePosted(
        change_id=change,
        invoice_id=record.document.document_id,
        subscription_id=subscription,
        customer_id=record.document.customer_id,
        document_id=made.document_id,
        number=made.number,
        legal_entity=made.legal_entity,
        net=made.net,
        tax=made.tax,
    )
    return event(
        tenant, "invoice.posted.v1", key=f"{change}/{made.document_id}", subject=subject, data=data
    )


def _payments(tenant: str, subscription: str | None, subject: str, done: Done) -> Iterator[Event]:
    for entered in done.moved:
        movement = entered.settlement
        kind = _PAYMENT_EVENTS.get(movement.kind)
        if kind is None:
            continue
        moved = PaymentMoved(
            payment_id=movement.settlement_id,
            invoice_id=movement.document_id or movement.about,
            subscription_id=subscription,
            customer_id=entered.customer_id,
            amount=movement.amount,
            at=movement.at,
        )
        yield event(tenant, kind, key=movement.settlement_id, subject=subject, data=moved)


def undone(given: UndoneInput, change: ChangeView) -> Event:
    data = SyncCompensated(
        change_id=given.change_id,
        subscription_id=change.subject,
        outcome=given.outcome,
        reason=given.reason,
    )
    return event(
        given.tenant,
        "sync.compensated.v1",
        key=given.change_id,
        subject=change.subject,
        data=data,
    )
