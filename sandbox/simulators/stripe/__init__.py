"""A wire-level stand-in for Stripe (API 2026-10-28), driven by the official SDK unchanged."""
