"""What is read from Stripe: one method a request, and the pages that did not fit into it.

Source: https://docs.stripe.com/api.
"""

from connectors.stripe.errors import Kind
from connectors.stripe.transport import Query, StripeTransport, path_part
from connectors.stripe.wire import Holder, Page, Subscription, SubscriptionItem, TaxId
from connectors.stripe.wire_invoices import (
    Charge,
    CreditNote,
    CreditNoteLine,
    Dispute,
    Invoice,
    InvoiceItem,
    InvoiceLine,
    InvoicePayment,
    InvoiceState,
    Refund,
)


class StripeClient:
    """The reads of one connection. Every method raises the failures of `errors.TABLE`."""

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def subscription(self, key: str) -> Subscription:
        return await self._transport.get(
            f"/v1/subscriptions/{path_part(key)}",
            [("expand[]", "customer"), ("expand[]", "test_clock")],
            Subscription,
            self._transport.errand("read the subscription", key),
        )

    async def items(self, subscription: Subscription) -> list[SubscriptionItem]:
        """The subscription's items, with those that did not fit into it."""
        return await self._transport.rest(
            subscription.items,
            "/v1/subscription_items",
            [("subscription", subscription.id)],
            Page[SubscriptionItem],
            self._transport.errand("list the items of the subscription", subscription.id),
        )

    async def pending_items(self, subscription: Subscription) -> list[InvoiceItem]:
        """The customer's invoice items that are on no invoice, of all subscriptions.

        Stripe cannot list them by subscription.
        """
        query: Query = [("customer", subscription.customer.id), ("pending", "true")]
        if subscription.automatic_tax.enabled:
            query.append(("expand[]", "data.pricing.price_details.price"))
        errand = self._transport.errand("list the pending invoice items", subscription.id)
        return await self._transport.list_all("/v1/invoiceitems", query, Page[InvoiceItem], errand)

    async def invoices(self, subscription: str, *, since: int | None) -> list[Invoice]:
        """The subscription's invoices of every status, made at or after `since` (Unix seconds)."""
        query: Query = [("subscription", subscription), ("expand[]", "data.payments")]
        errand = self._transport.errand("list the invoices", subscription)
        return await self._transport.list_all(
            "/v1/invoices", query + _made_after(since), Page[Invoice], errand
        )

    async def lines(self, invoice: Invoice, subscription: str) -> list[InvoiceLine]:
        """All lines of an invoice, whose first ten came with it."""
        errand = self._transport.errand(f"list the lines of invoice {invoice.id}", subscription)
        path = f"/v1/invoices/{path_part(invoice.id)}/lines"
        return await self._transport.rest(invoice.lines, path, [], Page[InvoiceLine], errand)

    async def payments(self, invoice: Invoice, subscription: str) -> list[InvoicePayment]:
        """All payments of an invoice, of which the first came with it."""
        if invoice.payments is None:
            return []
        return await self._transport.rest(
            invoice.payments,
            "/v1/invoice_payments",
            [("invoice", invoice.id)],
            Page[InvoicePayment],
            self._transport.errand(f"list the payments of invoice {invoice.id}", subscription),
        )

    async def charges(self, subscription: Subscription, *, since: int | None) -> list[Charge]:
        """The customer's charges made at or after `since` (Unix seconds), of everything that was
        sold to it: Stripe cannot list them by invoice."""
        query: Query = [("customer", subscription.customer.id), ("expand[]", "data.refunds")]
        errand = self._transport.errand("list the charges of the customer", subscription.id)
        return await self._transport.list_all(
            "/v1/charges", query + _made_after(since), Page[Charge], errand
        )

    async def credit_notes(
        self, subscription: Subscription, *, since: int | None
    ) -> list[CreditNote]:
        """The customer's credit notes made at or after `since` (Unix seconds), void ones too, of
        everything that was sold to it: Stripe cannot list them by subscription."""
        query: Query = [("customer", subscription.customer.id)]
        errand = self._transport.errand("list the credit notes of the customer", subscription.id)
        return await self._transport.list_all(
            "/v1/credit_notes", query + _made_after(since), Page[CreditNote], errand
        )

    async def credited(self, note: CreditNote, subscription: str) -> list[CreditNoteLine]:
        """All lines of a credit note, of which the first came with it."""
        errand = self._transport.errand(f"list the lines of credit note {note.id}", subscription)
        path = f"/v1/credit_notes/{path_part(note.id)}/lines"
        return await self._transport.rest(note.lines, path, [], Page[CreditNoteLine], errand)

    async def refunds(self, charge: Charge, subscription: str) -> list[Refund]:
        """All refunds of a charge, of which the newest came with it."""
        if charge.refunds is None:
            return []
        return await self._transport.rest(
            charge.refunds,
            "/v1/refunds",
            [("charge", charge.id)],
            Page[Refund],
            self._transport.errand(f"list the refunds of charge {charge.id}", subscription),
        )

    async def disputes(self, charge: Charge, subscription: str) -> list[Dispute]:
        """The disputes of a charge; asked for only where it says that there are any."""
        if not charge.disputed:
            return []
        errand = self._transport.errand(f"list the disputes of charge {charge.id}", subscription)
        return await self._transport.list_all(
            "/v1/disputes", [("charge", charge.id)], Page[Dispute], errand
        )

    async def holder(self, customer: str) -> Holder:
        return await self._transport.get(
            f"/v1/customers/{path_part(customer, Kind.CUSTOMER)}",
            [("expand[]", "tax_ids")],
            Holder,
            self._transport.errand("read the customer", customer, kind=Kind.CUSTOMER),
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
            self._transport.errand(
                "list the tax ids of the customer", holder.id, kind=Kind.CUSTOMER
            ),
        )

    async def invoice_state(self, invoice: str) -> InvoiceState:
        return await self._transport.get(
            f"/v1/invoices/{path_part(invoice, Kind.INVOICE)}",
            [],
            InvoiceState,
            self._transport.errand("read the invoice", invoice, kind=Kind.INVOICE),
        )


def _made_after(since: int | None) -> Query:
    return [] if since is None else [("created[gte]", str(since))]
