"""What is read from Stripe of payments: by the payment, never by the customer.

Source: https://docs.stripe.com/api/invoice-payment/list, https://docs.stripe.com/api/refunds/list,
https://docs.stripe.com/api/disputes/list.
"""

from connectors.stripe.errors import Kind, StripeRequest
from connectors.stripe.transport import Query, StripeTransport, path_part
from connectors.stripe.wire import Page
from connectors.stripe.wire_documents import Invoice
from connectors.stripe.wire_money import (
    Dispute,
    InvoicePayment,
    OfPayment,
    PaymentIntent,
    Refund,
)

#: What ids of charges, refunds and disputes begin with, of every payment method.
_FOLDERS = {
    "ch_": "charges",
    "py_": "charges",
    "re_": "refunds",
    "pyr_": "refunds",
    "dp_": "disputes",
    "du_": "disputes",
    "pdp_": "disputes",
}


class StripeMoney:
    """The reads of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def payments(self, invoice: Invoice) -> list[InvoicePayment]:
        """All payments of an invoice, of which the first came with it."""
        path, query = "/v1/invoice_payments", [("invoice", invoice.id)]
        context = self._transport.context(
            "list the payments of the invoice", invoice.id, kind=Kind.INVOICE
        )
        if invoice.payments is None:
            return await self._transport.list_all(path, query, Page[InvoicePayment], context)
        return await self._transport.rest(
            invoice.payments, path, query, Page[InvoicePayment], context
        )

    async def shares(self, kind: str, payment: str) -> list[InvoicePayment]:
        """All invoices that a payment went to; `kind` is `payment_intent` or `payment_record`."""
        return await self._transport.list_all(
            "/v1/invoice_payments",
            [("payment[type]", kind), (f"payment[{kind}]", payment)],
            Page[InvoicePayment],
            self._context("list the invoices of the payment", payment),
        )

    async def share(self, key: str) -> InvoicePayment:
        return await self._transport.get(
            f"/v1/invoice_payments/{path_part(key, Kind.PAYMENT)}",
            [],
            InvoicePayment,
            self._context("read the invoice payment", key),
        )

    async def refunds(self, payment: str) -> list[Refund]:
        """By payment intent or charge, whichever names the payment."""
        return await self._transport.list_all(
            "/v1/refunds",
            _by(payment),
            Page[Refund],
            self._context("list the refunds of the payment", payment),
        )

    async def disputes(self, payment: str) -> list[Dispute]:
        """By payment intent or charge, whichever names the payment."""
        return await self._transport.list_all(
            "/v1/disputes",
            _by(payment),
            Page[Dispute],
            self._context("list the disputes of the payment", payment),
        )

    async def intent(self, key: str) -> PaymentIntent:
        return await self._transport.get(
            f"/v1/payment_intents/{path_part(key, Kind.PAYMENT)}",
            [],
            PaymentIntent,
            self._context("read the payment intent", key),
        )

    async def of_payment(self, key: str) -> OfPayment | None:
        """The charge, refund or dispute of that id; None for what is none of them."""
        folder = _FOLDERS.get(key[: key.find("_") + 1])
        if folder is None:
            return None
        return await self._transport.get(
            f"/v1/{folder}/{path_part(key, Kind.PAYMENT)}",
            [],
            OfPayment,
            self._context("read what names the payment", key),
        )

    def _context(self, words: str, key: str) -> StripeRequest:
        return self._transport.context(words, key, kind=Kind.PAYMENT)


def _by(payment: str) -> Query:
    return [("payment_intent" if payment.startswith("pi_") else "charge", payment)]
