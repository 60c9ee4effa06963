"""Everything of a Stripe account as facts: its invoices, credit notes, subscriptions and what it
keeps for customers, list by list, then what has changed by the list of events.

A list shows a hundred objects a request, and an event the object as it was after it: neither needs
a request for each. Stripe keeps events for 30 days; whoever comes later begins anew.
Source: https://docs.stripe.com/api/events/list.
"""

from collections.abc import Sequence
from typing import Any

from canonical_models.documents import DocumentKind
from canonical_models.reconciliation import BalanceFact, DocumentFact, Facts, SubscriptionFact
from connectors.stripe import API_VERSION
from connectors.stripe.amounts import currency_code, instant, money, shown_money
from connectors.stripe.client_facts import LISTS, Listed, StripeFacts
from connectors.stripe.errors import UnknownObject
from connectors.stripe.mapping import status_of, units_of
from connectors.stripe.refunds import moved
from connectors.stripe.wire_facts import (
    ListedCustomer,
    ListedInvoice,
    ListedNote,
    ListedSubscription,
)
from connectors.stripe.wire_money import Refund

_WHOLE, _CHANGES = "whole", "changes"


class FactReader:
    """The facts of one connection. Raises the failures of `errors.REFUSALS`."""

    def __init__(self, reads: StripeFacts) -> None:
        self._reads = reads

    async def page(self, after: str | None) -> Facts:
        """Raises ValueError for what is no cursor."""
        if after is None:
            # What changes while the lists are read is told by events from here on.
            newest = await self._reads.newest_event()
            return await self._listed(0, newest or "", "", requests=2)
        kind, _, rest = after.partition(" ")
        if kind == _WHOLE:
            place, mark, last = rest.split(" ")
            return await self._listed(int(place), mark, last)
        if kind != _CHANGES or not rest:
            raise ValueError(f"{after[:80]!r} is no cursor of facts")
        return await self._changed(rest)

    async def _listed(self, place: int, mark: str, last: str, *, requests: int = 1) -> Facts:
        listed = await self._reads.some_of(LISTS[place], after=last or None)
        if listed.has_more and listed.data:
            following, more = f"{_WHOLE} {place} {mark} {listed.data[-1].id}", True
        elif place + 1 < len(LISTS):
            following, more = f"{_WHOLE} {place + 1} {mark} ", True
        else:
            # Of an account without events nothing tells what changes: it is begun anew.
            following, more = f"{_CHANGES} {mark}" if mark else "", False
        return _facts(listed.data, following or None, more=more, requests=requests)

    async def _changed(self, last: str) -> Facts:
        try:
            found = await self._reads.events_after(last)
        except UnknownObject:
            return await self.page(None)
        objects: dict[str, Listed] = {}
        gone: list[str] = []
        requests = 1
        for event in found.data:
            held = event.data.object
            key = str(held.get("id", ""))
            objects.pop(key, None)
            told = self._reads.in_event(held) if event.api_version == API_VERSION else None
            # Inside of an event nothing is shown of what a note names, or of what is kept.
            if told is None or isinstance(told, ListedNote | ListedCustomer):
                requests += 1
                told = await self._reads.one(held)
            if told is None:
                gone.append(key)
            else:
                objects[key] = told
        following = f"{_CHANGES} {found.data[-1].id if found.data else last}"
        told_last = tuple(objects.values())
        page = _facts(told_last, following, more=found.has_more, requests=requests)
        return page.model_copy(update={"gone": tuple(dict.fromkeys(gone))})


def _facts(listed: Sequence[Listed], following: str | None, *, more: bool, requests: int) -> Facts:
    documents: list[DocumentFact] = []
    subscriptions: list[SubscriptionFact] = []
    balances: list[BalanceFact] = []
    for each in listed:
        match each:
            case ListedInvoice():
                if each.final and (fact := _invoice(each)) is not None:
                    documents.append(fact)
            case ListedNote():
                documents.append(_note(each))
            case ListedSubscription():
                subscriptions.append(_subscription(each))
            case ListedCustomer():
                balances.append(_balance(each))
    return Facts(
        documents=tuple(documents),
        subscriptions=tuple(subscriptions),
        balances=tuple(balances),
        next=following,
        more=more,
        requests=requests,
    )


def _invoice(found: ListedInvoice) -> DocumentFact | None:
    customer = found.customer or found.customer_account
    if customer is None:
        return None
    words = f"Invoice {found.id}"
    void = found.status == "void"
    ended = void or (
        found.status != "open" and found.status_transitions.marked_uncollectible_at is not None
    )
    made_for = found.parent.subscription_details if found.parent else None
    return DocumentFact(
        key=found.id,
        kind=DocumentKind.INVOICE,
        stands=not void,
        account=customer,
        subscription_id=made_for.subscription if made_for else None,
        number=found.number or None,
        gross=money(found.total, found.currency, subject=words),
        tax=_tax(found.total, found.total_excluding_tax, found.currency, words),
        open=money(0 if ended else found.amount_remaining, found.currency, subject=words),
        collected=found.collection_method != "send_invoice",
        issued_at=instant(found.issued),
    )


def _note(found: ListedNote) -> DocumentFact:
    words = f"Credit note {found.id}"
    void = found.status == "void"
    failed = sum(
        part.amount_refunded
        for part in found.refunds
        if isinstance(part.refund, Refund) and not moved(part.refund)
    )
    return DocumentFact(
        key=found.id,
        kind=DocumentKind.CREDIT_NOTE,
        stands=not void,
        account=found.customer,
        subscription_id=found.of_subscription,
        number=found.number or None,
        gross=money(-found.total, found.currency, subject=words),
        tax=_tax(-found.total, _negative(found.total_excluding_tax), found.currency, words),
        open=money(0 if void else -failed, found.currency, subject=words),
        issued_at=instant(found.issued),
    )


def _subscription(found: ListedSubscription) -> SubscriptionFact:
    currency_code(found.currency, subject=f"Subscription {found.id}")
    items = sorted((item.price.product, units_of(item.quantity)) for item in found.items.data)
    return SubscriptionFact(
        subscription_id=found.id,
        customer_id=found.customer,
        status=status_of(found.status, found.pause_collection),
        items=None if found.items.has_more else tuple(items),
    )


def _balance(found: ListedCustomer) -> BalanceFact:
    told = (shown_money(amount, currency) for currency, amount in sorted(found.kept.items()))
    return BalanceFact(customer_id=found.id, amounts=tuple(amount for amount in told if amount))


def _negative(amount: int | None) -> int | None:
    return None if amount is None else -amount


def _tax(total: int, without: int | None, currency: str, words: str) -> Any:
    """None where Stripe does not say what it is without tax."""
    return None if without is None else money(total - without, currency, subject=words)
