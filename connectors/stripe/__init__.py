"""Stripe as the billing platform (API version 2026-10-28)."""

#: The name of this system in every failure.
SYSTEM = "stripe"

#: Pinned, so that an upgrade of the account's default cannot change what we read.
API_VERSION = "2026-10-28.endive"
