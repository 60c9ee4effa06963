"""What is read from Stripe of invoices and credit notes: one method a request, and the pages that
did not fit into it.

Source: https://docs.stripe.com/api/invoices, https://docs.stripe.com/api/credit_notes.
"""

from connectors.stripe.errors import Kind, StripeRequest
from connectors.stripe.transport import Query, StripeTransport, expanding, path_part
from connectors.stripe.wire import Page
from connectors.stripe.wire_documents import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    InvoiceState,
)

#: How ids of invoices and of credit notes begin.
INVOICES = "in_"
NOTES = "cn_"

#: A note with its invoice, refunds and balance transaction is all that its document needs.
_NOTE = ("invoice", "refunds.refund", "customer_balance_transaction")


class StripeDocuments:
    """The reads of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(self, transport: StripeTransport) -> None:
        self._transport = transport

    async def drafts(self, subscription: str) -> list[Invoice]:
        return await self._transport.list_all(
            "/v1/invoices",
            [("subscription", subscription), ("status", "draft")],
            Page[Invoice],
            self._transport.context("list the draft invoices", subscription),
        )

    async def newest(self, subscription: str) -> list[Invoice]:
        """The subscription's newest invoices, of any status."""
        page = await self._transport.page(
            "/v1/invoices",
            [("subscription", subscription), *expanding("data.payments")],
            Page[Invoice],
            self._transport.context("list the newest invoices", subscription),
            size=10,
        )
        return page.data

    async def invoices(self, kind: Kind, key: str, *, since: int) -> list[Invoice]:
        """Invoices of every status made from `since` on (Unix seconds), of a subscription or of a
        customer."""
        return await self._transport.list_all(
            "/v1/invoices",
            [(kind.value, key), ("created[gte]", str(since)), *expanding("data.payments")],
            Page[Invoice],
            self._transport.context(f"list the invoices of the {kind}", key, kind=kind),
        )

    async def credit_notes(self, customer: str, *, since: int) -> list[CreditNote]:
        """The customer's credit notes made from `since` on (Unix seconds), void ones too: Stripe
        cannot list them by subscription."""
        return await self._transport.list_all(
            "/v1/credit_notes",
            [("customer", customer), ("created[gte]", str(since)), *expanding(*_in_list(_NOTE))],
            Page[CreditNote],
            self._of_customer("list the credit notes of the customer", customer),
        )

    async def notes_of(self, invoice: str) -> list[CreditNote]:
        """The credit notes of an invoice, void ones too, with the refunds behind them."""
        return await self._transport.list_all(
            "/v1/credit_notes",
            [("invoice", invoice), *expanding("data.refunds.refund")],
            Page[CreditNote],
            self._of_invoice("list the credit notes of the invoice", invoice),
        )

    async def invoice(self, key: str) -> Invoice:
        return await self._transport.get(
            f"/v1/invoices/{path_part(key, Kind.INVOICE)}",
            expanding("payments"),
            Invoice,
            self._of_invoice("read the invoice", key),
        )

    async def shipped(self, invoice: str) -> Invoice:
        """The invoice with the taxes of its shipping."""
        return await self._transport.get(
            f"/v1/invoices/{path_part(invoice, Kind.INVOICE)}",
            expanding("shipping_cost.taxes"),
            Invoice,
            self._of_invoice("read the shipping of the invoice", invoice),
        )

    async def invoice_state(self, key: str) -> InvoiceState:
        return await self._transport.get(
            f"/v1/invoices/{path_part(key, Kind.INVOICE)}",
            [],
            InvoiceState,
            self._of_invoice("read the invoice", key),
        )

    async def lines(self, invoice: Invoice) -> list[InvoiceLine]:
        """All lines of an invoice, whose first ten came with it."""
        return await self._transport.rest(
            invoice.lines,
            f"/v1/invoices/{path_part(invoice.id, Kind.INVOICE)}/lines",
            [],
            Page[InvoiceLine],
            self._of_invoice("list the lines of the invoice", invoice.id),
        )

    async def credit_note(self, key: str) -> CreditNote:
        """With the invoice that it corrects."""
        return await self._transport.get(
            f"/v1/credit_notes/{path_part(key, Kind.CREDIT_NOTE)}",
            expanding(*_NOTE),
            CreditNote,
            self._of_note("read the credit note", key),
        )

    async def shipped_note(self, note: str) -> CreditNote:
        """The credit note with the taxes of its shipping."""
        return await self._transport.get(
            f"/v1/credit_notes/{path_part(note, Kind.CREDIT_NOTE)}",
            expanding("shipping_cost.taxes"),
            CreditNote,
            self._of_note("read the shipping of the credit note", note),
        )

    async def credited(self, note: CreditNote) -> list[CreditNoteLine]:
        """All lines of a credit note, of which the first came with it."""
        return await self._transport.rest(
            note.lines,
            f"/v1/credit_notes/{path_part(note.id, Kind.CREDIT_NOTE)}/lines",
            [],
            Page[CreditNoteLine],
            self._of_note("list the lines of the credit note", note.id),
        )

    async def invoices_between(self, since: int, before: int | None) -> Page[Invoice]:
        """As many invoices of the whole account made in a span (Unix seconds) as fit a page."""
        query = [*_made(since, before), *expanding("data.payments")]
        return await self._transport.page("/v1/invoices", query, Page[Invoice], self._of_all())

    async def notes_between(self, since: int, before: int | None) -> Page[CreditNote]:
        """The same of credit notes."""
        query = [*_made(since, before), *expanding(*_in_list(_NOTE))]
        return await self._transport.page(
            "/v1/credit_notes", query, Page[CreditNote], self._of_all()
        )

    async def more_invoices(
        self, page: Page[Invoice], since: int, before: int | None
    ) -> list[Invoice]:
        """Those of `invoices_between` with all pages after its first."""
        query = [*_made(since, before), *expanding("data.payments")]
        return await self._transport.rest(
            page, "/v1/invoices", query, Page[Invoice], self._of_all()
        )

    async def more_notes(
        self, page: Page[CreditNote], since: int, before: int | None
    ) -> list[CreditNote]:
        """Those of `notes_between` with all pages after its first."""
        query = [*_made(since, before), *expanding(*_in_list(_NOTE))]
        return await self._transport.rest(
            page, "/v1/credit_notes", query, Page[CreditNote], self._of_all()
        )

    def _of_all(self) -> StripeRequest:
        return self._transport.context("list the documents of", "the account", kind=Kind.INVOICE)

    def _of_customer(self, words: str, key: str) -> StripeRequest:
        return self._transport.context(words, key, kind=Kind.CUSTOMER)

    def _of_invoice(self, words: str, key: str) -> StripeRequest:
        return self._transport.context(words, key, kind=Kind.INVOICE)

    def _of_note(self, words: str, key: str) -> StripeRequest:
        return self._transport.context(words, key, kind=Kind.CREDIT_NOTE)


def _made(since: int, before: int | None) -> Query:
    until = [] if before is None else [("created[lt]", str(before))]
    return [("created[gte]", str(since)), *until]


def _in_list(members: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"data.{member}" for member in members)
