"""Billing, ERP and support platform in memory, behind the real ports, answering at once.

For what only a scripted system can do: fail at exactly one call, lose exactly one answer, take no
time at all. What a vendor really does is tested against the vendor, or its wire simulator.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.tenants import Tenant
from canonical_models.policy import TenantPolicy
from connectors.shadow import Port, shadowed
from tests.harness.script import Fault, Planned, Script, lost, refused
from tests.harness.scripted_billing import Billing
from tests.harness.scripted_erp import Erp
from tests.harness.scripted_support import Support, Target

__all__ = [
    "Billing",
    "Erp",
    "Fault",
    "Planned",
    "Script",
    "Support",
    "Systems",
    "Target",
    "lost",
    "now",
    "refused",
]


#: Long before anything that tests issue.
CUTOVER = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Systems:
    """All three behind one tenant, `acme`, driven by one script."""

    script: Script = field(default_factory=Script)
    policy: TenantPolicy = TenantPolicy()  # noqa: RUF009 - frozen
    targets: dict[str, Target] = field(default_factory=dict)
    books_from: datetime = CUTOVER
    #: Seconds: a scripted system carries nothing out any more once its answer is lost.
    lands_within: float = 0.3
    shadow: bool = False

    def __post_init__(self) -> None:
        self.billing = Billing(self.script)
        self.erp = Erp(self.script)
        self.support = Support(self.script)
        self.lands = dict.fromkeys(("billing", "erp", "support"), self.lands_within)
        self.tenant = Tenant(
            name="acme",
            connection="stripe",
            books_from=self.books_from,
            billing=self._port(self.billing, "billing"),
            erp=self._port(self.erp, "erp"),
            support=self._port(self.support, "support"),
            policy=self.policy,
            # Tests take them away later; in shadow those that there are now.
            targets={name: shadowed(each, "target") for name, each in self.targets.items()}
            if self.shadow
            else self.targets,
            lands_within=self.lands,
            shadow=self.shadow,
        )

    def _port(self, port: Port, part: str) -> Port:
        return shadowed(port, part) if self.shadow else port


def now() -> datetime:
    """Whole seconds, as billing platforms tell time."""
    return datetime.now(UTC).replace(microsecond=0)
