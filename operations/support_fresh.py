"""Billing, ERP and support desk, asked side by side for one customer, each within a bound. What one
of them does not say stays as it is kept, with the reason."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, Protocol, TypeVar

from canonical_models.commerce import AccountSnapshot, BillingSnapshot, Subscription
from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.failures import Failure
from canonical_models.ledgering import ErpStatus
from canonical_models.records import subject_of
from canonical_models.support import SupportDesk
from connectors.ports import BillingPort, ErpPort, TicketingPort
from operations.context import AppContext
from operations.support_kept import MOVEMENTS, Kept
from persistence.support_context import KeptDocument, KeptSubscription, Movement, Purchase
from planning.invoices import erp_status_of

#: Seconds that each system has: somebody waits at a telephone.
PATIENCE = 3.0
#: Subscriptions of a customer that billing is asked for.
MOST_SUBSCRIPTIONS = 5
#: Documents of the account that are so young are asked for, known or not.
_NEW = timedelta(days=7)

Value = TypeVar("Value")

#: By legal entity and the ERP's document.
Statuses = Mapping[tuple[str, str], ErpStatus]


@dataclass(frozen=True)
class Answer(Generic[Value]):
    """What a system said when it was asked at `at`; `problem` says why it did not, or not all."""

    at: datetime
    value: Value | None
    problem: str | None = None


@dataclass(frozen=True)
class BillingSays:
    account: AccountSnapshot
    subscriptions: tuple[BillingSnapshot, ...]

    @property
    def documents(self) -> dict[str, BillingDocument]:
        found = (*self.account.documents, *(d for s in self.subscriptions for d in s.documents))
        return {document.document_id: document for document in found}


@dataclass(frozen=True)
class Fresh:
    billing: Answer[BillingSays]
    erp: Answer[Statuses]
    #: Within an answer, None is that the desk has no such organisation.
    desk: Answer[tuple[SupportDesk | None]]


class _Port(Protocol):
    async def close(self) -> None: ...


Port = TypeVar("Port", bound=_Port)


async def ask(context: AppContext, tenant: str, kept: Kept) -> Fresh:
    """All three side by side; never raises for what they do or do not say."""
    billing, erp, desk = await asyncio.gather(
        asked("billing", context.billing(tenant), lambda port: _billing(port, kept)),
        asked("the ERP", context.erp(tenant), lambda port: _erp(port, kept)),
        asked("support", context.support(tenant), lambda port: _desk(port, kept)),
    )
    if billing.value is not None:
        billing = replace(billing, problem=_not_whole(billing.value, kept))
    return Fresh(billing, erp, desk)


def _not_whole(said: BillingSays, kept: Kept) -> str | None:
    """What of the customer billing was not asked for, or could not tell, in words."""
    running = sum(1 for held in kept.subscriptions if not _over(held.subscription))
    refused = {*said.account.refused, *(key for each in said.subscriptions for key in each.refused)}
    parts = []
    if running > MOST_SUBSCRIPTIONS:
        parts.append(f"only {MOST_SUBSCRIPTIONS} of {running} subscriptions were asked for")
    if refused:
        parts.append(f"billing could not tell all of {', '.join(sorted(refused)[:5])}")
    return "; ".join(parts) or None


async def asked(
    name: str, port: Port | None, question: Callable[[Port], Awaitable[Value]]
) -> Answer[Value]:
    """What the system says within the bound, and closes the port. Never raises for what it does
    not say."""
    at = datetime.now(UTC)
    if port is None:
        return Answer(at, None, f"{name} cannot be asked: no connection to it is configured here")
    try:
        async with asyncio.timeout(PATIENCE):
            return Answer(at, await question(port))
    except TimeoutError:
        return Answer(at, None, f"{name} gave no answer within {PATIENCE:g} seconds")
    except Failure as failure:
        return Answer(at, None, f"{name} could not say: {failure.message}")
    finally:
        await port.close()


async def _billing(port: BillingPort, kept: Kept) -> BillingSays:
    def owed(subject: str) -> list[str]:
        return [found.document_id for found in kept.documents if found.subject == subject]

    running = [
        held.subscription.subscription_id
        for held in kept.subscriptions
        if not _over(held.subscription)
    ][:MOST_SUBSCRIPTIONS]
    asked = set(running)
    # What belongs to a subscription that is not asked for is told by the account.
    rest = [found.document_id for found in kept.documents if found.subject not in asked]
    account, snapshots = await asyncio.gather(
        port.account_snapshot(kept.customer_id, documents=rest, since=datetime.now(UTC) - _NEW),
        asyncio.gather(*(port.snapshot(name, documents=owed(name)) for name in running)),
    )
    return BillingSays(account=account, subscriptions=tuple(snapshots))


async def _erp(port: ErpPort, kept: Kept) -> Statuses:
    wanted: dict[str, list[str]] = {}
    for found in kept.documents:
        if found.erp_document_id is not None and found.legal_entity is not None:
            wanted.setdefault(found.legal_entity, []).append(found.erp_document_id)
    answers = await asyncio.gather(
        *(port.statuses(documents, entity) for entity, documents in wanted.items())
    )
    return {
        (entity, status.document_id): status
        for entity, answer in zip(wanted, answers, strict=True)
        for status in answer
    }


async def _desk(port: TicketingPort, kept: Kept) -> tuple[SupportDesk | None]:
    if kept.organization is None:
        return (None,)
    return (await port.desk(kept.organization),)


def overlaid(kept: Kept, fresh: Fresh) -> Kept:
    """What is kept, with what billing and the ERP have just said in its place."""
    said = fresh.billing.value
    if said is not None:
        kept = _with_billing(kept, said, fresh.billing.at)
    statuses = fresh.erp.value
    if statuses is not None:
        documents = tuple(_with_erp(row, statuses, fresh.erp.at) for row in kept.documents)
        kept = replace(kept, documents=documents)
    return kept


def _with_billing(kept: Kept, said: BillingSays, at: datetime) -> Kept:
    shown = said.documents
    snapshots = {found.subscription.subscription_id: found for found in said.subscriptions}
    known = {row.document_id: row for row in kept.documents}
    documents = [row for row in kept.documents if row.document_id not in shown]
    documents += [
        _document(document, known.get(key), at)
        for key, document in shown.items()
        if document.remaining and document.status is not DocumentStatus.VOID
    ]
    missing = {*said.account.missing, *(key for each in snapshots.values() for key in each.missing)}
    entered = {row.settlement_id: row.entry for row in kept.movements}
    moved = {row.settlement_id: row for row in kept.movements}
    for movement in (*said.account.movements, *(s for d in shown.values() for s in d.settlements)):
        moved[movement.settlement_id] = Movement(
            settlement_id=movement.settlement_id,
            kind=movement.kind,
            amount=movement.amount,
            at=movement.at,
            document_id=movement.document_id or movement.about,
            entry=entered.get(movement.settlement_id),
            read_at=at,
        )
    bought = [row for row in kept.purchases if row.document_id not in shown]
    bought += [row for document in shown.values() for row in _purchases(document, at)]
    return replace(
        kept,
        subscriptions=tuple(
            _subscribed(row, snapshots.get(row.subscription.subscription_id), at)
            for row in kept.subscriptions
        ),
        documents=tuple(
            sorted(
                (row for row in documents if row.document_id not in missing),
                key=lambda row: (row.issued_at, row.document_id),
                reverse=True,
            )
        ),
        purchases=tuple(sorted(bought, key=lambda row: (row.issued_at, row.document_id))),
        movements=tuple(
            sorted(moved.values(), key=lambda row: (row.at, row.settlement_id), reverse=True)
        )[:MOVEMENTS],
        balance=said.account.balance,
        balance_read_at=at,
    )


def _subscribed(
    row: KeptSubscription, said: BillingSnapshot | None, at: datetime
) -> KeptSubscription:
    if said is None:
        return row
    now = said.subscription
    same = now.model_copy(update={"as_of": row.subscription.as_of}) == row.subscription
    if same:
        return row.model_copy(update={"read_at": at})
    # What was foreseen was of what billing sells no longer.
    over = _over(now) or now.ends_at is not None
    return row.model_copy(
        update={
            "subscription": now,
            "ends_at": now.ended_at or now.ends_at,
            "renews_at": None if over else now.period_end,
            "forecast": None,
            "forecast_amount": None,
            "forecast_problem": None,
            "read_at": at,
        }
    )


def _document(said: BillingDocument, known: KeptDocument | None, at: datetime) -> KeptDocument:
    return KeptDocument(
        document_id=said.document_id,
        subject=subject_of(said),
        subscription_id=said.subscription_id,
        kind=said.kind,
        status=said.status,
        number=said.number,
        gross=said.gross,
        remaining=said.remaining,
        issued_at=said.issued_at,
        due_at=said.due_at,
        overdue_since=said.overdue_since,
        url=said.url,
        read_at=at,
        legal_entity=known.legal_entity if known else None,
        erp_document_id=known.erp_document_id if known else None,
        erp_number=known.erp_number if known else None,
        erp_status=known.erp_status if known else "unposted",
        erp_open=known.erp_open if known else None,
        erp_read_at=known.erp_read_at if known else None,
        dunning=known.dunning if known else None,
    )


def _purchases(document: BillingDocument, at: datetime) -> list[Purchase]:
    return [
        Purchase(
            document_id=document.document_id,
            number=document.number,
            kind=document.kind,
            status=document.status,
            issued_at=document.issued_at,
            read_at=at,
            subscription_id=line.subscription_id,
            item_id=line.item_id,
            item=line.item,
            price=line.price,
            description=line.description,
            quantity=line.quantity,
            net=line.net,
            period_start=line.period_start,
            period_end=line.period_end,
            proration=line.proration,
            metadata=line.metadata,
        )
        for line in document.lines
    ]


def _with_erp(row: KeptDocument, statuses: Statuses, at: datetime) -> KeptDocument:
    """One that the ERP does not know any more is not posted."""
    if row.erp_document_id is None or row.legal_entity is None:
        return row
    said = statuses.get((row.legal_entity, row.erp_document_id))
    return row.model_copy(
        update={
            "erp_status": erp_status_of(said, at.date()).value,
            "erp_number": said.number if said else row.erp_number,
            "erp_open": said.open if said else None,
            "erp_read_at": at,
        }
    )


def _over(subscription: Subscription) -> bool:
    return subscription.ended_at is not None
