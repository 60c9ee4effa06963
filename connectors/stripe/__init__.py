"""Stripe as the billing platform (API version 2026-10-28)."""

#: The name of this system in every failure.
SYSTEM = "stripe"
