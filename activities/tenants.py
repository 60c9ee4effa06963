"""What an activity needs of a tenant: its systems and its policy."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from temporalio import activity

from canonical_models.ledgering import SECONDS_A_LINE
from canonical_models.mapping import AccountMapping
from canonical_models.policy import TenantPolicy
from connectors.attempts import LANDS_WITHIN
from connectors.governor import Governor
from connectors.ports import BillingPort, EntitlementTarget, ErpPort, TicketingPort
from connectors.shadow import is_shadowed


@dataclass(frozen=True)
class Tenant:
    """`connection` is the name of the billing connection, whose documents are ours to book from
    `books_from` on. `targets` are told what customers may use, by the names of their connections.
    """

    name: str
    connection: str
    books_from: datetime
    billing: BillingPort
    erp: ErpPort
    support: TicketingPort
    policy: TenantPolicy = field(default_factory=TenantPolicy)
    targets: Mapping[str, EntitlementTarget] = field(default_factory=dict)
    #: What the calls of each part pass: `billing`, `erp`, `support` and the targets by name.
    governors: Mapping[str, Governor] = field(default_factory=dict)
    #: Seconds after which a write to a part can no longer be carried out, by the same names.
    lands_within: Mapping[str, float] = field(default_factory=dict)
    #: Whether the ERP wants one to post for a legal entity at a time.
    one_writer: bool = False
    #: Whether its changes are planned and nothing of them is done. Its ports refuse to write.
    shadow: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError for one in shadow that could write."""
        systems = (self.billing, self.erp, self.support, *self.targets.values())
        if self.shadow and not all(map(is_shadowed, systems)):
            raise ValueError(f"tenant {self.name} is in shadow, and its ports would write")

    @property
    def books_cash(self) -> bool:
        """Whether payouts are booked."""
        return self.policy.books.cash is not None and not self.shadow

    def lands(self, part: str, *, lines: int = 0) -> float:
        """Of a document with so many lines: each adds to the time that it is given."""
        return self.lands_within.get(part, LANDS_WITHIN) + lines * SECONDS_A_LINE

    def lane(self, legal_entity: str | None) -> str | None:
        """Whose queue the postings for a legal entity wait in, if not the ERP's."""
        return f"erp/{legal_entity}" if self.one_writer and legal_entity else None

    def write_at_hand(self, part: str) -> None:
        """Before a write that is tried in its saga's own task: where the vendor has no place for
        it, or is slow, it waits in the vendor's queue. Raises NotNow; elsewhere nothing."""
        governor = self.governors.get(part)
        if governor is not None and activity.in_activity() and activity.info().is_local:
            governor.require_free(part)

    @property
    def parts(self) -> tuple[str, ...]:
        """The systems it has: each has a task queue of its own."""
        return ("billing", "erp", "support", *self.targets)

    @property
    def closing(self) -> tuple[Callable[[], Awaitable[None]], ...]:
        """Ends the connections of all its systems."""
        systems = (self.billing.close, self.erp.close, self.support.close)
        return (*systems, *(target.close for target in self.targets.values()))

    def zone(self, account: AccountMapping | None) -> str | None:
        """Where the contracts of this account end."""
        own = account.time_zone if account else None
        return own or self.policy.time_zone

    def zone_of_books(self, legal_entity: str, account: AccountMapping | None = None) -> str | None:
        """Where the days of an entity's books begin."""
        return self.policy.books.of(legal_entity).time_zone or self.zone(account)


Tenants = Mapping[str, Tenant]
