"""Zendesk Support as the support platform (public API v2)."""

#: The name of this system in every failure.
SYSTEM = "zendesk"
