"""What is read from Stripe of subscriptions, customers and the catalogue: one method a request, and
the pages that did not fit into it. Documents are in `client_documents.py`, money in
`client_money.py`.

Source: https://docs.stripe.com/api.
"""

from enum import StrEnum

from connectors.stripe.errors import Kind, StripeRequest
from connectors.stripe.transport import Query, StripeTransport, expanding, path_part
from connectors.stripe.wire import Page, Price, TaxRate, TestClock
from connectors.stripe.wire_customers import Account, BalanceMovement, Holder, OfCustomer, TaxId
from connectors.stripe.wire_documents import InvoiceItem
from connectors.stripe.wire_previews import Preview
from connectors.stripe.wire_subscriptions import (
    Subscription,
    SubscriptionItem,
    SubscriptionState,
)


class Owned(StrEnum):
    """What customers have, in people's words."""

    SUBSCRIPTIONS = "subscriptions"
    OPEN_INVOICES = "open invoices"


_OWNED: dict[Owned, tuple[str, Query]] = {
    Owned.SUBSCRIPTIONS: ("/v1/subscriptions", [("status", "all")]),
    Owned.OPEN_INVOICES: ("/v1/invoices", [("status", "open")]),
}


class StripeClient:
    """The reads of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def subscription(self, key: str) -> Subscription:
        """With its customer and its newest invoice."""
        return await self._transport.get(
            f"/v1/subscriptions/{path_part(key)}",
            expanding("customer", "test_clock", "latest_invoice.payments"),
            Subscription,
            self._transport.context("read the subscription", key),
        )

    async def preview(self, key: str, change: Query) -> Preview:
        """What a change would have billed: at once, or by the next invoice."""
        held = "parent.subscription_details.subscription"
        return await self._transport.ask(
            "/v1/invoices/create_preview",
            [
                ("subscription", key),
                *change,
                *expanding(f"{held}.customer", f"{held}.test_clock"),
            ],
            Preview,
            self._transport.context("preview a change of the subscription", key),
        )

    async def subscription_state(self, key: str) -> SubscriptionState:
        return await self._transport.get(
            f"/v1/subscriptions/{path_part(key)}",
            [],
            SubscriptionState,
            self._transport.context("read the subscription", key),
        )

    async def items(self, subscription: Subscription) -> list[SubscriptionItem]:
        """The subscription's items, with those that did not fit into it."""
        return await self._transport.rest(
            subscription.items,
            "/v1/subscription_items",
            [("subscription", subscription.id)],
            Page[SubscriptionItem],
            self._transport.context("list the items of the subscription", subscription.id),
        )

    async def pending_items(self, customer: str) -> list[InvoiceItem]:
        """The customer's invoice items that are on no invoice, of all subscriptions: Stripe cannot
        list them by subscription."""
        return await self._transport.list_all(
            "/v1/invoiceitems",
            [("customer", customer), ("pending", "true")],
            Page[InvoiceItem],
            self._of_customer("list the pending invoice items of the customer", customer),
        )

    async def account(self, customer: str) -> Account:
        """With its balance by currency."""
        return await self._transport.get(
            f"/v1/customers/{path_part(customer, Kind.CUSTOMER)}",
            expanding("invoice_credit_balance"),
            Account,
            self._of_customer("read the customer", customer),
        )

    async def balance(
        self, customer: str, *, invoice: str | None = None, since: int | None = None
    ) -> list[BalanceMovement]:
        """What moved the customer's balance: by one invoice, or from `since` on (Unix seconds)."""
        query: Query = [("invoice", invoice)] if invoice else []
        if since is not None:
            query.append(("created[gte]", str(since)))
        return await self._transport.list_all(
            f"/v1/customers/{path_part(customer, Kind.CUSTOMER)}/balance_transactions",
            query,
            Page[BalanceMovement],
            self._of_customer("list the balance transactions of the customer", customer),
        )

    async def holder(self, customer: str) -> Holder:
        return await self._transport.get(
            f"/v1/customers/{path_part(customer, Kind.CUSTOMER)}",
            expanding("tax_ids"),
            Holder,
            self._of_customer("read the customer", customer),
        )

    async def tax_ids(self, holder: Holder) -> list[TaxId]:
        """All tax ids of a customer, of which the first came with it."""
        if holder.tax_ids is None:
            return []
        return await self._transport.rest(
            holder.tax_ids,
            f"/v1/customers/{path_part(holder.id, Kind.CUSTOMER)}/tax_ids",
            [],
            Page[TaxId],
            self._of_customer("list the tax ids of the customer", holder.id),
        )

    async def tax_rate(self, key: str) -> TaxRate:
        return await self._transport.get(
            f"/v1/tax_rates/{path_part(key, Kind.TAX_RATE)}",
            [],
            TaxRate,
            self._transport.context("read the tax rate", key, kind=Kind.TAX_RATE),
        )

    async def price(self, key: str) -> Price:
        return await self._transport.get(
            f"/v1/prices/{path_part(key, Kind.PRICE)}",
            [],
            Price,
            self._transport.context("read the price", key, kind=Kind.PRICE),
        )

    async def clock(self, key: str) -> TestClock:
        return await self._transport.get(
            f"/v1/test_helpers/test_clocks/{path_part(key, Kind.CLOCK)}",
            [],
            TestClock,
            self._transport.context("read the test clock", key, kind=Kind.CLOCK),
        )

    async def some_of(self, what: Owned, *, after: str | None, size: int) -> Page[OfCustomer]:
        """A page of the whole account's subscriptions of every status, or of its open invoices, by
        whom they are of."""
        path, query = _OWNED[what]
        if after:
            query = [*query, ("starting_after", after)]
        context = self._transport.context(f"list the {what} of", "the account")
        return await self._transport.page(path, query, Page[OfCustomer], context, size=size)

    async def all_of_customer(self, what: Owned, customer: str) -> list[OfCustomer]:
        """All of one customer, the newest first."""
        path, query = _OWNED[what]
        return await self._transport.list_all(
            path,
            [*query, ("customer", customer)],
            Page[OfCustomer],
            self._of_customer(f"list the {what} of the customer", customer),
        )

    def _of_customer(self, words: str, key: str) -> StripeRequest:
        return self._transport.context(words, key, kind=Kind.CUSTOMER)
