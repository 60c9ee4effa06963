"""Words of Stripe's lists that nothing depends on, as of `API_VERSION`: see connectors/words.py.

What is on the other side of the books is no list of ours: types of tax ids and payment methods are
passed on as they are. Source: https://docs.stripe.com/api.
"""

from typing import Annotated

from connectors.words import known

BILLING_REASONS = frozenset(
    {
        "automatic_pending_invoice_item_invoice",
        "manual",
        "quote_accept",
        "subscription",
        "subscription_create",
        "subscription_cycle",
        "subscription_threshold",
        "subscription_update",
        "upcoming",
    }
)
BILLING_SCHEMES = frozenset({"per_unit", "tiered"})
INVOICE_STATUSES = frozenset({"draft", "open", "paid", "uncollectible", "void"})
PARENTS_OF_INVOICES = frozenset({"quote_details", "subscription_details"})
PARENTS_OF_LINES = frozenset({"invoice_item_details", "subscription_item_details"})
TAX_EXEMPT = frozenset({"exempt", "none", "reverse"})
TAXABILITY = frozenset(
    """
    customer_exempt not_available not_collecting not_subject_to_tax not_supported
    portion_product_exempt portion_reduced_rated portion_standard_rated product_exempt
    product_exempt_holiday proportionally_rated reduced_rated reverse_charge standard_rated
    taxable_basis_reduced zero_rated
    """.split()  # noqa: SIM905 - a list that people read
)
TAX_TYPES = frozenset(
    """
    admissions_tax amusement_tax attendance_tax communications_tax digital_excise_tax
    entertainment_tax get_fund gross_receipts_tax gst hospitality_tax hst igst jct lease_tax
    luxury_tax mass_transit_parking_tax nhil parking_tax pst qst resort_tax retail_delivery_fee rst
    sales_tax service_tax tourism_tax utility_users_tax vat
    """.split()  # noqa: SIM905 - a list that people read
)
USAGE_TYPES = frozenset({"licensed", "metered"})
#: Of the families that are heard (`charge.…`), the types that are not: what they say other events
#: say as well, or it concerns nobody here.
EVENTS_NOT_HEARD = frozenset(
    """
    charge.captured charge.expired charge.failed charge.pending charge.succeeded charge.updated
    customer.created customer.discount.created customer.discount.deleted customer.discount.updated
    customer.source.created customer.source.deleted customer.source.expiring customer.source.updated
    customer.subscription.pending_update_applied customer.subscription.pending_update_expired
    customer.subscription.trial_will_end invoice.finalization_failed invoice.payment_action_required
    invoice.payment_attempt_required invoice.payment_succeeded invoice.sent invoice.upcoming
    invoice.will_be_due
    """.split()  # noqa: SIM905 - a list that people read
)

_UNPRICED = "no price a unit is shown"

BillingReason = Annotated[
    str | None, known("billing_reason", BILLING_REASONS, "read as no renewal")
]
BillingScheme = Annotated[str, known("billing_scheme", BILLING_SCHEMES, _UNPRICED)]
InvoiceStatus = Annotated[
    str | None, known("status", INVOICE_STATUSES, "the invoice is read, which says more")
]
ParentOfInvoice = Annotated[
    str | None, known("parent.type", PARENTS_OF_INVOICES, "read as of no subscription")
]
ParentOfLine = Annotated[
    str | None, known("parent.type", PARENTS_OF_LINES, "read as of no subscription")
]
TaxExempt = Annotated[str | None, known("tax_exempt", TAX_EXEMPT, "read as taxed")]
Taxability = Annotated[
    str | None,
    known("taxability_reason", TAXABILITY, "tax codes of the policy are looked for by that word"),
]
TaxType = Annotated[
    str | None, known("tax_type", TAX_TYPES, "tax codes of the policy are looked for by that word")
]
UsageType = Annotated[str | None, known("usage_type", USAGE_TYPES, _UNPRICED)]
