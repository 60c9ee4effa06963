"""What an activity needs of a tenant: its three systems and its policy."""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.ports import BillingPort, ErpPort, TicketingPort


@dataclass(frozen=True)
class Tenant:
    """`exception_hours` is the time in which each team answers an exception."""

    name: str
    billing: BillingPort
    erp: ErpPort
    support: TicketingPort
    tiers: tuple[str, ...]
    exception_hours: Mapping[str, float]


Tenants = Mapping[str, Tenant]
