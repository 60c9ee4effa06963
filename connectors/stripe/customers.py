"""Who is billed at all: customers by their subscriptions, then by open invoices that stand alone.

Stripe lists customers with all that never bought anything, and without those that were deleted; so
the pages are of subscriptions and of open invoices, newest first, and each customer is told where
its oldest one is listed: one that is sold during the walk is on no page any more.
"""

from collections.abc import Sequence

from canonical_models.commerce import BilledCustomer, CustomerPage
from connectors.stripe.client import Owned, StripeClient
from connectors.stripe.gathering import each_of, gathering, if_there
from connectors.stripe.wire_customers import OfCustomer

#: What is listed first, and what follows; the cursor says which, and after what.
_ORDER = (Owned.SUBSCRIPTIONS, Owned.OPEN_INVOICES)
_NAMES = {"s": Owned.SUBSCRIPTIONS, "d": Owned.OPEN_INVOICES}
_MOST = 100


class CustomerReader:
    """The customers of one connection. Raises the failures of `errors.REFUSALS`."""

    def __init__(self, reads: StripeClient) -> None:
        self._reads = reads

    async def page(self, after: str | None, limit: int) -> CustomerPage:
        """Raises ValueError for what is no cursor."""
        what, last = _position(after)
        listed = await self._reads.some_of(what, after=last, size=max(1, min(limit, _MOST)))
        owners = dict.fromkeys(each.customer for each in listed.data if each.customer)
        found = await each_of(lambda owner: self._told(what, owner, listed.data), owners)
        return CustomerPage(
            customers=tuple(each for each in found if each is not None),
            next=_following(what, listed.data[-1].id if listed.has_more else None),
        )

    async def only(self, customer: str) -> CustomerPage:
        subscriptions, invoices = await self._owned(customer)
        told = _billed(customer, subscriptions or [], invoices or [])
        return CustomerPage(customers=(told,) if told.subscriptions or told.open_documents else ())

    async def _told(
        self, what: Owned, customer: str, listed: Sequence[OfCustomer]
    ) -> BilledCustomer | None:
        """None for a customer that another page tells."""
        subscriptions, invoices = await self._owned(customer)
        here = [each for each in listed if each.customer == customer]
        if what is Owned.OPEN_INVOICES:
            # Whoever has subscriptions was told with them.
            if subscriptions or _oldest(invoices, here).id not in {each.id for each in here}:
                return None
            return _billed(customer, [], invoices or here)
        if _oldest(subscriptions, here).id not in {each.id for each in here}:
            return None
        return _billed(customer, subscriptions or here, invoices or [])

    async def _owned(
        self, customer: str
    ) -> tuple[list[OfCustomer] | None, list[OfCustomer] | None]:
        """Subscriptions and open invoices; None where Stripe does not know the customer."""
        async with gathering() as reads:
            subscriptions, invoices = (
                reads.create_task(if_there(self._reads.all_of_customer(what, customer)))
                for what in _ORDER
            )
        return subscriptions.result(), invoices.result()


def _oldest(owned: list[OfCustomer] | None, here: list[OfCustomer]) -> OfCustomer:
    """Of a customer that Stripe lists nothing of any more, what is on this page."""
    return (owned or here)[-1]


def _billed(
    customer: str, subscriptions: Sequence[OfCustomer], invoices: Sequence[OfCustomer]
) -> BilledCustomer:
    return BilledCustomer(
        customer_id=customer,
        subscriptions=tuple(each.id for each in subscriptions),
        open_documents=tuple(each.id for each in invoices),
    )


def _position(cursor: str | None) -> tuple[Owned, str | None]:
    if cursor is None:
        return _ORDER[0], None
    kind, dot, last = cursor.partition(".")
    if kind not in _NAMES or not dot:
        raise ValueError(f"{cursor[:80]!r} is no cursor of a page of customers")
    return _NAMES[kind], last or None


def _following(what: Owned, last: str | None) -> str | None:
    """After the last one that was listed, else where the next list begins."""
    if what is Owned.SUBSCRIPTIONS:
        return "d." if last is None else f"s.{last}"
    return None if last is None else f"d.{last}"
