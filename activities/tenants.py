"""What an activity needs of a tenant: its systems and its policy."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from canonical_models.ledgering import AccountMapping
from canonical_models.policy import TenantPolicy
from connectors.ports import BillingPort, EntitlementTarget, ErpPort, TicketingPort


@dataclass(frozen=True)
class Tenant:
    """`targets` are told what customers may use, by the names of their connections."""

    name: str
    billing: BillingPort
    erp: ErpPort
    support: TicketingPort
    policy: TenantPolicy = field(default_factory=TenantPolicy)
    targets: Mapping[str, EntitlementTarget] = field(default_factory=dict)

    @property
    def closing(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Ends the connections of all its systems."""
        systems = (self.billing.close, self.erp.close, self.support.close)
        return (*systems, *(target.close for target in self.targets.values()))

    def zone(self, account: AccountMapping) -> str | None:
        """Where the contracts of this account end, and its documents are dated."""
        return account.time_zone or self.policy.time_zone


Tenants = Mapping[str, Tenant]
