"""From a connection's vendor to its adapter: the one list of vendors."""

from collections.abc import Callable
from typing import TypeVar

from connectors.config import ConnectionConfig
from connectors.http import Observer
from connectors.ports import (
    BillingPort,
    EntitlementTarget,
    ErpPort,
    TicketingPort,
    WebhookTranslator,
)
from connectors.signed_http.adapter import SignedHttpTarget
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.webhooks import StripeWebhooks
from connectors.tryton.adapter import TrytonErp
from connectors.zendesk.adapter import ZendeskTicketing

_BILLING: dict[str, Callable[..., BillingPort]] = {"stripe": StripeBilling.connect}
_ERP: dict[str, Callable[..., ErpPort]] = {"tryton": TrytonErp.connect}
_SUPPORT: dict[str, Callable[..., TicketingPort]] = {"zendesk": ZendeskTicketing.connect}
_TARGETS: dict[str, Callable[..., EntitlementTarget]] = {"signed_http": SignedHttpTarget.connect}
_WEBHOOKS: dict[str, Callable[[], WebhookTranslator]] = {"stripe": StripeWebhooks}

Port = TypeVar("Port")


class UnknownVendor(Exception):
    """No adapter of that name plays that part."""


def billing(config: ConnectionConfig, observe: Observer) -> BillingPort:
    return _adapter(_BILLING, "billing", config)(config, observe=observe)


def erp(config: ConnectionConfig, observe: Observer) -> ErpPort:
    return _adapter(_ERP, "erp", config)(config, observe=observe)


def support(config: ConnectionConfig, observe: Observer) -> TicketingPort:
    return _adapter(_SUPPORT, "support", config)(config, observe=observe)


def target(config: ConnectionConfig, observe: Observer) -> EntitlementTarget:
    return _adapter(_TARGETS, "target", config)(config, observe=observe)


def webhooks(config: ConnectionConfig) -> WebhookTranslator | None:
    """None for a vendor that sends no webhooks to us."""
    make = _WEBHOOKS.get(config.vendor)
    return make() if make else None


def _adapter(
    known: dict[str, Callable[..., Port]], part: str, config: ConnectionConfig
) -> Callable[..., Port]:
    try:
        return known[config.vendor]
    except KeyError:
        raise UnknownVendor(
            f"connection {config.name!r}: no {part} adapter is called {config.vendor!r}; "
            f"there is {', '.join(known)}"
        ) from None
