"""From a connection's vendor to its adapter: the one list of vendors."""

from collections.abc import Callable
from typing import TypeVar

from connectors.config import ConnectionConfig
from connectors.governor import Governor
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

#: Calls at once that are tried first: as many as the reads of one step. An ERP may need long for a
#: write, and take as many of them as it has processes.
_START, _START_ERP = 8, 2

#: ERPs that lock their number sequences, so that two who post for a legal entity at once make each
#: other fail.
_ONE_WRITER = {"tryton"}

Port = TypeVar("Port")


class UnknownVendor(Exception):
    """No adapter of that name plays that part."""


def billing(
    config: ConnectionConfig, observe: Observer, governor: Governor | None = None
) -> BillingPort:
    make = _adapter(_BILLING, "billing", config)
    return make(config, observe=observe, governor=governor)


def erp(config: ConnectionConfig, observe: Observer, governor: Governor | None = None) -> ErpPort:
    make = _adapter(_ERP, "erp", config)
    return make(config, observe=observe, governor=governor)


def support(
    config: ConnectionConfig, observe: Observer, governor: Governor | None = None
) -> TicketingPort:
    make = _adapter(_SUPPORT, "support", config)
    return make(config, observe=observe, governor=governor)


def target(
    config: ConnectionConfig, observe: Observer, governor: Governor | None = None
) -> EntitlementTarget:
    make = _adapter(_TARGETS, "target", config)
    return make(config, observe=observe, governor=governor)


def governor(config: ConnectionConfig) -> Governor:
    """What all calls of the connection pass; one of it in a process."""
    return Governor(
        config.name,
        patience=config.timeout_seconds,
        most=config.most_at_once,
        start=_START_ERP if config.vendor in _ERP else _START,
    )


def one_writer(config: ConnectionConfig) -> bool:
    """Whether documents of one legal entity are to be posted one after another."""
    return config.vendor in _ONE_WRITER


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
