"""The exact plan of a change: its books and its access, what it is called, and the term. Pure."""

from datetime import datetime

from canonical_models.amendment import (
    AccessPlan,
    Amendment,
    AmendmentPlan,
    BooksPlan,
    ChangeKind,
)
from canonical_models.commerce import Subscription
from canonical_models.documents import SettlementKind
from canonical_models.entitlement import Grant, GrantState
from planning.access import AccessInput, plan_access
from planning.books import BooksInput, plan_books
from planning.choosing import Choice, choices
from planning.classify import classify, describe
from planning.mapping import mapped_item
from planning.summaries import summary_of
from planning.term import contract_of

#: Movements that are no money.
_OF_BALANCE = (SettlementKind.BALANCE, SettlementKind.GOODWILL)


def plan_amendment(
    change_id: str, *, books: BooksInput, access: AccessInput, previous: Subscription | None
) -> AmendmentPlan:
    """Of a subscription. `previous` is as all systems last agreed on it, None before the first
    time. Raises no Rejection: each half is a value or refused."""
    # Access may be held at what was sold before.
    now = books.subscription or access.subscription
    booked, given = plan_books(books), plan_access(access)
    made = choices(books)
    told = _told(made, booked, given)
    kind = classify(previous, now)
    if kind in (ChangeKind.NONE, ChangeKind.OTHER):
        kind = _of_access(given, now) or kind
    if kind is ChangeKind.NONE:
        kind = _of_books(made, booked, rest=ChangeKind.OTHER if told else kind)
        summary = told or describe(kind, previous, now, {})
    else:
        changed = describe(kind, previous, now, _names(access, previous))
        summary = f"{changed}; {told}" if told else changed
    return AmendmentPlan(
        change_id=change_id,
        subject=books.subject,
        amendment=Amendment(
            kind=kind,
            summary=summary,
            customer_id=now.customer.customer_id,
            effective_at=now.ended_at or now.as_of,
        ),
        books=booked,
        access=given,
        contract=contract_of(now, access.time_zone),
    )


def plan_account(change_id: str, *, books: BooksInput, at: datetime) -> AmendmentPlan:
    """Of a customer's account, as billing held it at that time. Raises no Rejection."""
    booked, made = plan_books(books), choices(books)
    told = _told(made, booked, AccessPlan())
    kind = _of_books(made, booked, rest=ChangeKind.ACCOUNT if told else ChangeKind.NONE)
    return AmendmentPlan(
        change_id=change_id,
        subject=books.subject,
        amendment=Amendment(
            kind=kind,
            summary=told or "already agreed everywhere",
            customer_id=books.customer_id,
            effective_at=at,
        ),
        books=booked,
    )


def _told(made: tuple[Choice, ...], booked: BooksPlan, access: AccessPlan) -> str:
    """Empty where nothing is to do and nothing to ask."""
    held_up = booked.refused or access.refused
    return summary_of(made, booked) or (f"held up: {held_up.code}" if held_up else "")


def _of_books(made: tuple[Choice, ...], booked: BooksPlan, *, rest: ChangeKind) -> ChangeKind:
    if any(choice.due for choice in made):
        return ChangeKind.BILLED
    money = any(step.settlement.kind not in _OF_BALANCE for step in booked.settlements)
    return ChangeKind.PAYMENT if money else rest


def _of_access(access: AccessPlan, now: Subscription) -> ChangeKind | None:
    """Being held back or given again is told where nothing commercial happened besides."""
    if now.ended_at is not None and access.grants_before and not access.grants:
        # Billing closed it earlier, and its last day is over now.
        return ChangeKind.CANCELLATION
    were, are = _held_back(access.grants_before), _held_back(access.grants)
    if are - were:
        return ChangeKind.SUSPENSION
    return ChangeKind.RESTORATION if were - are and access.grants else None


def _held_back(grants: tuple[Grant, ...]) -> set[tuple[str, str]]:
    return {(g.source_id, g.feature) for g in grants if g.state is GrantState.SUSPENDED}


def _names(access: AccessInput, previous: Subscription | None) -> dict[str, str]:
    """The ERP's items by the products that are and were subscribed."""
    items = (*access.subscription.items, *(previous.items if previous else ()))
    mapped = {item.plan.item: mapped_item(item, access.items) for item in items}
    return {product: mapping.erp_item for product, mapping in mapped.items() if mapping}
