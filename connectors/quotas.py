"""What vendors allow, and what a write takes of it, for estimates. What a vendor takes at once is
found out by calling it (limiter.py)."""

#: Requests a second that the vendor documents, of the smallest plan. Stripe: 25 in a sandbox, 100
#: live (docs.stripe.com/rate-limits). Zendesk: 200 a minute on Team, up to 700 on larger plans
#: (developer.zendesk.com/api-reference/introduction/rate-limits).
_QUOTAS = {"stripe": 25.0, "zendesk": 200 / 60}
#: Requests of one write, as the adapter makes them: a document of the ERP is looked for, made,
#: compared, posted and read back; an organisation is found, then updated, and where an update says
#: nothing of what it did, read before and after.
_OF_A_WRITE = {"tryton": 6, "zendesk": 2, "request_tracker": 4}


def quota(vendor: str) -> float | None:
    """Requests a second that the vendor documents; None where it documents none."""
    return _QUOTAS.get(vendor)


def requests_of_a_write(vendor: str) -> int:
    return _OF_A_WRITE.get(vendor, 1)
