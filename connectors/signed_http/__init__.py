"""An entitlement target of the tenant's own: JSON over HTTP, signed as Standard Webhooks are."""

#: The name of this system in every failure.
SYSTEM = "signed_http"
