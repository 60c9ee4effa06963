"""Lists of a whole Stripe account, and the events that tell what has changed since.

Source: https://docs.stripe.com/api/events/list, https://docs.stripe.com/api/pagination,
https://docs.stripe.com/api/customers/object#customer_object-invoice_credit_balance.
"""

from typing import Any

from connectors.refusals import contract
from connectors.stripe import API_VERSION, SYSTEM
from connectors.stripe.errors import Kind, StripeRequest
from connectors.stripe.gathering import if_there
from connectors.stripe.transport import Query, StripeTransport, expanding, path_part
from connectors.stripe.wire import Page
from connectors.stripe.wire_facts import (
    ChangedEvent,
    ListedCustomer,
    ListedInvoice,
    ListedNote,
    ListedSubscription,
)

_INVOICES, _NOTES = "/v1/invoices", "/v1/credit_notes"
_SUBSCRIPTIONS, _CUSTOMERS, _EVENTS = "/v1/subscriptions", "/v1/customers", "/v1/events"

#: What is listed, in this order.
LISTS = (_INVOICES, _NOTES, _SUBSCRIPTIONS, _CUSTOMERS)

#: Its refunds tell what is still owed by it, its invoice whose subscription it is of.
_NOTE = ("refunds.refund", "invoice")
#: What a customer keeps with us in each currency.
_KEPT = ("invoice_credit_balance",)
_QUERY: dict[str, Query] = {
    _INVOICES: [],
    _NOTES: expanding(*(f"data.{member}" for member in _NOTE)),
    _SUBSCRIPTIONS: [("status", "all")],
    _CUSTOMERS: expanding(*(f"data.{member}" for member in _KEPT)),
}
Listed = ListedInvoice | ListedNote | ListedSubscription | ListedCustomer
_MODELS: dict[str, type[Listed]] = {
    _INVOICES: ListedInvoice,
    _NOTES: ListedNote,
    _SUBSCRIPTIONS: ListedSubscription,
    _CUSTOMERS: ListedCustomer,
}
_OBJECTS = {
    "invoice": _INVOICES,
    "credit_note": _NOTES,
    "subscription": _SUBSCRIPTIONS,
    "customer": _CUSTOMERS,
}
_KINDS = {
    _INVOICES: Kind.INVOICE,
    _NOTES: Kind.CREDIT_NOTE,
    _SUBSCRIPTIONS: Kind.SUBSCRIPTION,
    _CUSTOMERS: Kind.CUSTOMER,
}
#: Of everything that changes one of them, one at least is sent.
_TYPES = (
    *(f"invoice.{what}" for what in ("finalized", "updated", "paid", "voided", "deleted")),
    "invoice.marked_uncollectible",
    *(f"credit_note.{what}" for what in ("created", "updated", "voided")),
    *(f"customer.subscription.{what}" for what in ("created", "updated", "deleted")),
    *(f"customer.subscription.{what}" for what in ("paused", "resumed")),
    *(f"customer.{what}" for what in ("created", "updated", "deleted")),
)


class StripeFacts:
    """The reads of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def some_of(
        self, what: str, *, after: str | None
    ) -> Page[ListedInvoice] | Page[ListedNote] | Page[ListedSubscription] | Page[ListedCustomer]:
        """A page of one of `LISTS`, the newest first."""
        query = [*_QUERY[what], *([("starting_after", after)] if after else [])]
        context = self._context(f"list {what} of", "the account", _KINDS[what])
        match what:
            case "/v1/invoices":
                return await self._transport.page(what, query, Page[ListedInvoice], context)
            case "/v1/credit_notes":
                return await self._transport.page(what, query, Page[ListedNote], context)
            case "/v1/customers":
                return await self._transport.page(what, query, Page[ListedCustomer], context)
            case _:
                return await self._transport.page(what, query, Page[ListedSubscription], context)

    async def newest_event(self) -> str | None:
        """Its id; None where there is none."""
        page = await self._transport.page(
            _EVENTS,
            _types(),
            Page[ChangedEvent],
            self._context("find the newest event of", "the account", Kind.EVENT),
            size=1,
        )
        return page.data[0].id if page.data else None

    async def events_after(self, last: str) -> Page[ChangedEvent]:
        """The ones that came next, the oldest first. Raises UnknownObject for one that Stripe does
        not keep any more."""
        query = [*_types(), ("ending_before", last)]
        context = self._context("list what has changed since", last, Kind.EVENT)
        page = await self._transport.page(_EVENTS, query, Page[ChangedEvent], context)
        # Backwards, too, a page is shown with the newest first.
        return page.model_copy(update={"data": page.data[::-1]})

    def in_event(self, held: dict[str, Any]) -> Listed | None:
        """None for what is nothing that is listed, or was deleted."""
        what = _OBJECTS.get(str(held.get("object")))
        if what is None or held.get("deleted"):
            return None
        remedy = f"compare the API version {API_VERSION} with Stripe's changelog"
        with contract(
            "Stripe's event", SYSTEM, f"read what has changed of {held.get('id')}", remedy
        ):
            return _MODELS[what].model_validate(held)

    async def one(self, held: dict[str, Any]) -> Listed | None:
        """What an event is about, as it is now; None for what is not there any more."""
        what = _OBJECTS.get(str(held.get("object")))
        if what is None:
            return None
        key = str(held.get("id"))
        kind = _KINDS[what]
        path, context = (
            f"{what}/{path_part(key, kind)}",
            self._context(f"read the {kind}", key, kind),
        )
        get = self._transport.get
        match kind:
            case Kind.INVOICE:
                return await if_there(get(path, [], ListedInvoice, context))
            case Kind.CREDIT_NOTE:
                return await if_there(get(path, expanding(*_NOTE), ListedNote, context))
            case Kind.CUSTOMER:
                found = await if_there(get(path, expanding(*_KEPT), ListedCustomer, context))
                return None if found is None or found.deleted else found
            case _:
                return await if_there(get(path, [], ListedSubscription, context))

    def _context(self, words: str, subject: str, kind: Kind) -> StripeRequest:
        return self._transport.context(words, subject, kind=kind)


def _types() -> Query:
    return [("types[]", each) for each in _TYPES]
