"""The movements of an invoice, read by what came with it.

Its figures say whether there are credit notes or balance transactions at all, so that a normal
invoice costs one request for the refunds and one for the disputes of its payment.
"""

from connectors.stripe.client import StripeClient
from connectors.stripe.client_documents import StripeDocuments
from connectors.stripe.client_money import StripeMoney
from connectors.stripe.documents import customer_of
from connectors.stripe.gathering import each_of, gathering, if_there
from connectors.stripe.whole import Moved, Taken
from connectors.stripe.wire_customers import BalanceMovement
from connectors.stripe.wire_documents import CreditNote, Invoice
from connectors.stripe.wire_money import InvoicePayment


class MovementReader:
    """The movements of one connection's invoices. Raises the failures of `errors.REFUSALS`."""

    def __init__(self, reads: StripeClient, documents: StripeDocuments, money: StripeMoney) -> None:
        self._reads = reads
        self._documents = documents
        self._money = money

    async def moved(self, invoice: Invoice) -> Moved:
        payments = await self._money.payments(invoice)
        paid = [each for each in payments if each.status == "paid" and each.amount_paid]
        async with gathering() as reads:
            taken = reads.create_task(each_of(self._taken, paid))
            notes = reads.create_task(self._notes(invoice))
            movements = reads.create_task(self._movements(invoice, paid))
            processing = reads.create_task(self._processing(invoice, payments))
        return Moved(taken.result(), notes.result(), movements.result(), processing.result())

    async def _taken(self, share: InvoicePayment) -> Taken:
        payment = share.payment.at_stripe
        if payment is None:
            return Taken(share, [], [])
        async with gathering() as reads:
            refunds = reads.create_task(if_there(self._money.refunds(payment)))
            disputes = reads.create_task(if_there(self._money.disputes(payment)))
            first = reads.create_task(self._first(share))
        return Taken(share, refunds.result() or [], disputes.result() or [], first.result())

    async def _first(self, share: InvoicePayment) -> bool:
        """Whether this is the first invoice that the payment went to. The default payment of an
        invoice was made for it alone, only others may be shared."""
        intent = share.payment.payment_intent
        if share.is_default or intent is None:
            return True
        shares = await if_there(self._money.shares("payment_intent", intent))
        return first_paid(shares or [share]) == share.id

    async def _notes(self, invoice: Invoice) -> list[CreditNote]:
        noted = invoice.pre_payment_credit_notes_amount or invoice.post_payment_credit_notes_amount
        return await self._documents.notes_of(invoice.id) if noted else []

    async def _movements(
        self, invoice: Invoice, paid: list[InvoicePayment]
    ) -> list[BalanceMovement] | None:
        """None where Stripe shows no balance any more, as of a customer that was deleted."""
        given = sum(each.amount_paid or 0 for each in paid)
        given += invoice.pre_payment_credit_notes_amount
        kept = invoice.starting_balance != (invoice.ending_balance or 0)
        if not kept and invoice.total - given == invoice.amount_remaining:
            return []
        return await if_there(self._reads.balance(customer_of(invoice), invoice=invoice.id))

    async def _processing(self, invoice: Invoice, payments: list[InvoicePayment]) -> bool:
        """Whether a payment is under way that nobody has refused yet, such as a direct debit in
        its first days: Stripe calls such an invoice attempted as well."""
        if (
            invoice.status != "open"
            or invoice.collection_method != "charge_automatically"
            or not invoice.attempted
            or invoice.attempt_count > 1
        ):
            return False
        intents = [
            each.payment.payment_intent
            for each in payments
            if each.status == "open" and each.payment.payment_intent is not None
        ]
        found = await each_of(lambda key: if_there(self._money.intent(key)), intents)
        return any(intent is not None and intent.status == "processing" for intent in found)


def first_paid(shares: list[InvoicePayment]) -> str | None:
    """The oldest share of a payment that went through."""
    paid = [each for each in shares if each.status == "paid"]
    return min(paid, key=lambda each: (each.created, each.id)).id if paid else None
