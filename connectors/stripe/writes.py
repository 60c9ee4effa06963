"""What is written at Stripe. Every write may be repeated; one that lost its reply is uncertain.

Source: https://docs.stripe.com/api.
"""

from collections.abc import Mapping

from canonical_models.documents import DocumentStatus
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.money import Money
from connectors.stripe import SYSTEM
from connectors.stripe.amounts import money
from connectors.stripe.client import StripeClient
from connectors.stripe.client_documents import NOTES, StripeDocuments
from connectors.stripe.documents import OUR_PREFIX
from connectors.stripe.errors import Kind
from connectors.stripe.thin import NOTE_KEY
from connectors.stripe.transport import StripeTransport, path_part

_ENDED = frozenset({"canceled", "incomplete_expired"})

#: The last part of the path that brings an invoice there.
_CLOSINGS = {DocumentStatus.VOID: "void", DocumentStatus.UNCOLLECTIBLE: "mark_uncollectible"}


class StripeWrites:
    """The writes of one connection. Every method raises the failures of `errors.REFUSALS`."""

    def __init__(
        self, transport: StripeTransport, reads: StripeClient, documents: StripeDocuments
    ) -> None:
        self._transport = transport
        self._reads = reads
        self._documents = documents

    async def note_on_subscription(
        self, subscription: str, metadata: Mapping[str, str], *, key: str
    ) -> None:
        """Set metadata by whole names. Stripe allows it on a subscription that has ended, too."""
        await self._transport.post(
            f"/v1/subscriptions/{path_part(subscription)}",
            {f"metadata[{name}]": value for name, value in metadata.items()},
            self._transport.context(
                "note the synchronisation on the subscription", subscription, writes=True
            ),
            key=f"{NOTE_KEY}{key}",
        )

    async def note_on_document(self, document: str, notes: Mapping[str, str], *, key: str) -> None:
        """Set metadata by names without our prefix. Stripe allows it on final documents, too."""
        kind, folder = Kind.INVOICE, "invoices"
        if document.startswith(NOTES):
            kind, folder = Kind.CREDIT_NOTE, "credit_notes"
        await self._transport.post(
            f"/v1/{folder}/{path_part(document, kind)}",
            {f"metadata[{OUR_PREFIX}{name}]": value for name, value in notes.items()},
            self._transport.context(
                f"note the ERP's status on the {kind}", document, kind=kind, writes=True
            ),
            key=f"{NOTE_KEY}{key}",
        )

    async def cancel(self, subscription: str) -> None:
        """End the subscription now, without an invoice and without a credit."""
        path = f"/v1/subscriptions/{path_part(subscription)}"
        context = self._transport.context("cancel the subscription", subscription, writes=True)
        try:
            await self._transport.delete(
                path, [("invoice_now", "false"), ("prorate", "false")], context
            )
        except Rejection:
            # Stripe shows a subscription that has ended, but knows none that could be cancelled.
            if (await self._reads.subscription_state(subscription)).status not in _ENDED:
                raise

    async def close_invoice(self, invoice: str, outcome: DocumentStatus, *, key: str) -> None:
        """Bring an open invoice to `outcome`, VOID or UNCOLLECTIBLE; ValueError for another."""
        if outcome not in _CLOSINGS:
            raise ValueError(f"an invoice is closed as void or uncollectible, not as {outcome}")
        if await self._is_closed(invoice, outcome):
            return
        context = self._transport.context(
            f"close the invoice {invoice} as {outcome}", invoice, kind=Kind.INVOICE, writes=True
        )
        path = f"/v1/invoices/{path_part(invoice, Kind.INVOICE)}/{_CLOSINGS[outcome]}"
        try:
            await self._transport.post(path, {}, context, key=key)
        except Rejection:
            # Someone was faster, who closed it as well or paid it.
            if not await self._is_closed(invoice, outcome):
                raise

    async def pay_elsewhere(self, invoice: str, amount: Money, *, key: str) -> None:
        """Mark an open invoice as paid past Stripe, which takes all that remains and no part.

        Source: https://docs.stripe.com/api/invoices/pay#pay_invoice-paid_out_of_band.
        """
        if await self._is_paid(invoice, amount):
            return
        context = self._transport.context(
            f"mark the invoice {invoice} as paid elsewhere",
            invoice,
            kind=Kind.INVOICE,
            writes=True,
        )
        path = f"/v1/invoices/{path_part(invoice, Kind.INVOICE)}/pay"
        try:
            await self._transport.post(path, {"paid_out_of_band": "true"}, context, key=key)
        except Rejection:
            # Someone was faster, who marked it as well or paid it.
            if not await self._is_paid(invoice, amount):
                raise

    async def _is_paid(self, invoice: str, amount: Money) -> bool:
        """Whether it is paid already. Raises Rejection where it cannot be said to be by that."""
        now = await self._documents.invoice_state(invoice)
        if now.status == "paid":
            return True
        left = money(now.amount_remaining, now.currency, subject=f"Invoice {invoice}")
        if now.status != "open":
            why = f"is {now.status}: look what was paid, and by whom"
        elif now.collection_method != "send_invoice":
            why = "is charged automatically: end that in Stripe first, or it may be paid twice"
        elif left != amount:
            why = (
                f"still asks for {left}, and {amount} was paid: Stripe takes no part of an invoice"
            )
        else:
            return False
        raise Rejection(
            RejectionCode.BILLING_REFUSED,
            f"Invoice {invoice} {why}",
            system=SYSTEM,
            subject=invoice,
        )

    async def _is_closed(self, invoice: str, outcome: DocumentStatus) -> bool:
        """Whether it is so already. Raises Rejection where it cannot become so any more."""
        status = (await self._documents.invoice_state(invoice)).status
        if status == outcome.value:
            return True
        match status:
            case "open" | "uncollectible":
                return False
            case "paid":
                advice = "refund the payment or credit the invoice in Stripe, or abort"
            case "void":
                advice = "nothing is owed on it any more; abort"
            case "draft":
                advice = "finalise or delete it in Stripe, then retry"
        raise Rejection(
            RejectionCode.BILLING_REFUSED,
            f"Invoice {invoice} is {status} at Stripe and cannot be closed as {outcome}: {advice}",
            system=SYSTEM,
            subject=invoice,
        )
