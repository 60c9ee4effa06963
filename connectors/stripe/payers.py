"""Which document a payment went to, by whatever names the payment."""

from connectors.stripe.client_documents import INVOICES, NOTES
from connectors.stripe.client_money import StripeMoney
from connectors.stripe.gathering import if_there
from connectors.stripe.moving import first_paid
from connectors.stripe.wire_money import InvoicePayment


class PaymentReader:
    """The payments of one connection. Raises the failures of `errors.REFUSALS`."""

    def __init__(self, money: StripeMoney) -> None:
        self._money = money

    async def document_of(self, payment: str) -> str | None:
        """By payment intent, charge, refund, dispute, payment record or invoice payment, and by
        the ids that settlements have; of several invoices the one that was paid first."""
        name = payment.partition("/")[0]
        if name.startswith((INVOICES, NOTES)):
            return name
        if name.startswith("inpay_"):
            share = await if_there(self._money.share(name))
            return share.invoice if share else None
        if name.startswith("pi_"):
            return _first(await if_there(self._money.shares("payment_intent", name)))
        if name.startswith("pr_"):
            return _first(await if_there(self._money.shares("payment_record", name)))
        found = await if_there(self._money.of_payment(name))
        if found is None:
            return None
        if found.payment_intent is not None:
            return _first(
                await if_there(self._money.shares("payment_intent", found.payment_intent))
            )
        # Of a refund or dispute the charge may know the intent that it does not name itself.
        if found.charge is not None and found.charge != name:
            return await self.document_of(found.charge)
        return None


def _first(shares: list[InvoicePayment] | None) -> str | None:
    """One that is not paid yet counts where none is."""
    if not shares:
        return None
    first = first_paid(shares)
    by_age = sorted(shares, key=lambda each: (each.created, each.id))
    return next((each.invoice for each in by_age if each.id == first), by_age[0].invoice)
