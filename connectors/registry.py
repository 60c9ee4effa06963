"""From a connection's vendor to its adapter: the one list of vendors."""

from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from canonical_models.closing import ClosedMonths
from connectors.config import ConnectionConfig
from connectors.contracts import watched
from connectors.governor import Governor
from connectors.http import Observer
from connectors.ports import (
    BillingPort,
    ConnectionPort,
    EntitlementTarget,
    ErpPort,
    SetupPort,
    TicketingPort,
    WebhookTranslator,
)
from connectors.request_tracker.adapter import RequestTrackerTicketing
from connectors.request_tracker.checking import RequestTrackerConnection
from connectors.shadow import READS, shadowed
from connectors.signed_http.adapter import SignedHttpTarget
from connectors.signed_http.checking import TargetConnection
from connectors.stripe.adapter import StripeBilling
from connectors.stripe.checking import StripeConnection
from connectors.stripe.options import StripeOptions
from connectors.stripe.webhooks import StripeWebhooks
from connectors.tryton.adapter import TrytonErp
from connectors.tryton.checking import TrytonConnection
from connectors.zendesk.adapter import ZendeskTicketing
from connectors.zendesk.checking import ZendeskConnection
from connectors.zendesk.webhooks import ZendeskWebhooks

_BILLING: dict[str, Callable[..., BillingPort]] = {"stripe": StripeBilling.connect}
_ERP: dict[str, Callable[..., ErpPort]] = {"tryton": TrytonErp.connect}
_SUPPORT: dict[str, Callable[..., TicketingPort]] = {
    "zendesk": ZendeskTicketing.connect,
    "request_tracker": RequestTrackerTicketing.connect,
}
_TARGETS: dict[str, Callable[..., EntitlementTarget]] = {"signed_http": SignedHttpTarget.connect}
_SETUPS: dict[str, Callable[..., SetupPort]] = {
    "stripe": StripeConnection.connect,
    "zendesk": ZendeskConnection.connect,
    "request_tracker": RequestTrackerConnection.connect,
}
_CHECKS: dict[str, Callable[..., ConnectionPort]] = {
    **_SETUPS,
    "tryton": TrytonConnection.connect,
    "signed_http": TargetConnection.connect,
}
_WEBHOOKS: dict[str, Callable[[ConnectionConfig], WebhookTranslator]] = {
    "stripe": lambda config: StripeWebhooks(StripeOptions.of(config)),
    "zendesk": lambda _: ZendeskWebhooks(),
}

#: Calls at once that are tried first: as many as the reads of one step. An ERP may need long for a
#: write, and take as many of them as it has processes.
_START, _START_ERP = 8, 2

#: ERPs that lock their number sequences, so that two who post for a legal entity at once make each
#: other fail.
_ONE_WRITER = {"tryton"}

Port = TypeVar("Port")
Seen = TypeVar("Seen", BillingPort, ErpPort, TicketingPort, EntitlementTarget)


class UnknownVendor(Exception):
    """No adapter of that name plays that part."""


class Misconfigured(UnknownVendor):
    """The options of a connection do not fit."""


def billing(
    config: ConnectionConfig, observe: Observer, governor: Governor | None = None
) -> BillingPort:
    made = _adapter(_BILLING, "billing", config)(config, observe=observe, governor=governor)
    return _seen(made, "billing", config, governor)


def erp(
    config: ConnectionConfig,
    observe: Observer,
    governor: Governor | None = None,
    *,
    closed: ClosedMonths | None = None,
) -> ErpPort:
    """`closed` tells the months into which nothing is dated; without it the ERP's own alone."""
    make = _adapter(_ERP, "erp", config)
    made = make(config, observe=observe, governor=governor, closed=closed)
    return _seen(made, "erp", config, governor)


def support(
    config: ConnectionConfig, observe: Observer, governor: Governor | None = None
) -> TicketingPort:
    made = _adapter(_SUPPORT, "support", config)(config, observe=observe, governor=governor)
    return _seen(made, "support", config, governor)


def target(
    config: ConnectionConfig, observe: Observer, governor: Governor | None = None
) -> EntitlementTarget:
    made = _adapter(_TARGETS, "target", config)(config, observe=observe, governor=governor)
    return _seen(made, "target", config, governor)


def playing(config: ConnectionConfig, part: str, transport: httpx.AsyncBaseTransport) -> Any:
    """An adapter whose vendor is `transport`; `part` is one of READS. Raises as the others do."""
    known: dict[str, dict[str, Callable[..., Any]]] = {
        "billing": {**_BILLING},
        "erp": {**_ERP},
        "support": {**_SUPPORT},
        "target": {**_TARGETS},
    }
    return _adapter(known[part], part, config)(config, transport=transport)


def check(config: ConnectionConfig, observe: Observer) -> ConnectionPort:
    """What looks at the connection, whatever part it plays."""
    make = _adapter(_CHECKS, "checked", config)
    return make(config, observe=observe)


def setup(config: ConnectionConfig, observe: Observer) -> SetupPort:
    """What has the vendor tell us as it should. Raises UnknownVendor for one that needs none."""
    make = _adapter(_SETUPS, "set-up", config)
    return make(config, observe=observe)


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


def hears(vendor: str) -> bool:
    """Whether it sends webhooks to us, and so has a signing secret."""
    return vendor in _WEBHOOKS


def webhooks(config: ConnectionConfig) -> WebhookTranslator | None:
    """None for a vendor that sends no webhooks to us. Raises Misconfigured."""
    make = _WEBHOOKS.get(config.vendor)
    if make is None:
        return None
    try:
        return make(config)
    except ValueError as fault:
        raise Misconfigured(str(fault)) from fault


def _seen(port: Seen, part: str, config: ConnectionConfig, governor: Governor | None) -> Seen:
    """Answers that do not fit are noted where there is a governor, and one in shadow writes
    nothing."""
    seen = port if governor is None else watched(port, governor.contract, READS[part])
    return shadowed(seen, part) if config.shadow else seen


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
