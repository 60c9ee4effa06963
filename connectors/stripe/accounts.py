"""A Stripe customer as the account that pays, and as an invoice names it. Pure.

Source: https://docs.stripe.com/api/customers/object, https://docs.stripe.com/api/tax_ids,
https://docs.stripe.com/tax/customers-tax-ids#validation.
"""

from collections.abc import Iterable

from canonical_models.commerce import AccountProfile
from canonical_models.documents import BilledParty, PostalAddress, TaxId, TaxStatus
from canonical_models.failures import Rejection, RejectionCode
from connectors.stripe import SYSTEM
from connectors.stripe import wire_customers as wire
from connectors.stripe.amounts import currency_code
from connectors.stripe.wire_documents import Invoice

_LONGEST_NAME = 255
_LONGEST_EMAIL = 320
_LONGEST_TAX_ID = 60

_TAX_STATUS = {"exempt": TaxStatus.EXEMPT, "reverse": TaxStatus.REVERSE_CHARGE}

#: What Stripe's check of a tax id found; it has no finding while it waits or cannot check.
_VERIFIED = {"verified": True, "unverified": False}


def profile_of(holder: wire.Holder, tax_ids: Iterable[wire.TaxId]) -> AccountProfile:
    """Raises Rejection for a customer that was deleted or that nothing names."""
    if holder.deleted:
        raise _refused(
            RejectionCode.ACCOUNT_UNMAPPED,
            holder,
            "was deleted at Stripe: make the account by hand, or abort",
        )
    email = _said(holder.email)
    name = _said(holder.name) or _said(holder.business_name) or email
    if name is None:
        raise _refused(
            RejectionCode.BILLING_REFUSED,
            holder,
            "has neither a name nor an email address: give it a name in Stripe, then retry",
        )
    return AccountProfile(
        customer_id=holder.id,
        name=name[:_LONGEST_NAME],
        email=_email(email),
        currency=currency_code(holder.currency, subject=f"Customer {holder.id}")
        if holder.currency
        else None,
        address=_address(holder.address),
        tax_ids=tuple(map(_tax_id, tax_ids)),
        tax_status=_tax_status(holder.tax_exempt),
        metadata=dict(holder.metadata or {}),
    )


def billed_party(invoice: Invoice) -> BilledParty:
    """Whom an invoice names: the customer as it was when the invoice became final."""
    name = _said(invoice.customer_name)
    return BilledParty(
        name=name[:_LONGEST_NAME] if name else None,
        email=_email(_said(invoice.customer_email)),
        address=_address(invoice.customer_address),
        tax_ids=tuple(
            TaxId(kind=found.type, value=found.value[:_LONGEST_TAX_ID])
            for found in invoice.customer_tax_ids or ()
            if found.value
        ),
        tax_status=_tax_status(invoice.customer_tax_exempt),
    )


def country_of(found: wire.Customer) -> str | None:
    """Where Stripe taxes the customer, else where it lives."""
    location = found.tax.location if found.tax else None
    return _country(location.country if location else None) or _address(found.address).country


def _tax_id(found: wire.TaxId) -> TaxId:
    status = found.verification.status if found.verification else None
    return TaxId(
        kind=found.type,
        value=found.value,
        country=_country(found.country),
        verified=_VERIFIED.get(status or ""),
    )


def _tax_status(told: str | None) -> TaxStatus:
    return _TAX_STATUS.get(told or "", TaxStatus.TAXED)


def _address(found: wire.Address | None) -> PostalAddress:
    if found is None:
        return PostalAddress()
    lines = (_said(found.line1), _said(found.line2))
    return PostalAddress(
        lines=tuple(line for line in lines if line),
        postal_code=_said(found.postal_code),
        city=_said(found.city),
        country=_country(found.country),
    )


def _country(told: str | None) -> str | None:
    """People type addresses; what is no country code says nothing."""
    said = _said(told)
    return said if said and len(said) == 2 else None


def _email(told: str | None) -> str | None:
    return told if told and len(told) <= _LONGEST_EMAIL else None


def _said(text: str | None) -> str | None:
    """`text` without blanks around it; None where nothing is left."""
    return (text or "").strip() or None


def _refused(reason: RejectionCode, holder: wire.Holder, words: str) -> Rejection:
    return Rejection(reason, f"Customer {holder.id} {words}", system=SYSTEM, subject=holder.id)
