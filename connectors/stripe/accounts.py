"""A Stripe customer as the account that pays. Pure.

Source: https://docs.stripe.com/api/customers/object, https://docs.stripe.com/api/tax_ids.
"""

from collections.abc import Iterable

from canonical_models.commerce import AccountProfile, PostalAddress, TaxId
from canonical_models.failures import Rejection, RejectionCode
from connectors.stripe import SYSTEM, wire
from connectors.stripe.amounts import currency_code

_LONGEST_NAME = 255
_LONGEST_EMAIL = 320


def profile_of(holder: wire.Holder, tax_ids: Iterable[wire.TaxId]) -> AccountProfile:
    """Raises Rejection for a customer that was deleted or that nothing names."""
    if holder.deleted:
        raise _refused(holder, "was deleted at Stripe: make the account by hand, or abort")
    email = _said(holder.email)
    name = _said(holder.name) or _said(holder.business_name) or email
    if name is None:
        raise _refused(
            holder, "has neither a name nor an email address: give it a name in Stripe, then retry"
        )
    return AccountProfile(
        customer_id=holder.id,
        name=name[:_LONGEST_NAME],
        email=email if email and len(email) <= _LONGEST_EMAIL else None,
        currency=currency_code(holder.currency, subject=f"Customer {holder.id}")
        if holder.currency
        else None,
        address=_address(holder.address),
        tax_ids=tuple(TaxId(kind=found.type, value=found.value) for found in tax_ids),
    )


def _address(found: wire.HolderAddress | None) -> PostalAddress:
    if found is None:
        return PostalAddress()
    lines = (_said(found.line1), _said(found.line2))
    country = _said(found.country)
    return PostalAddress(
        lines=tuple(line for line in lines if line),
        postal_code=_said(found.postal_code),
        city=_said(found.city),
        # People type addresses; what is no country code says nothing.
        country=country if country and len(country) == 2 else None,
    )


def _said(text: str | None) -> str | None:
    """`text` without blanks around it; None where nothing is left."""
    return (text or "").strip() or None


def _refused(holder: wire.Holder, words: str) -> Rejection:
    return Rejection(
        RejectionCode.BILLING_REFUSED,
        f"Customer {holder.id} {words}",
        system=SYSTEM,
        subject=holder.id,
    )
