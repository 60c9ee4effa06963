"""Billing, ERP and support platform in memory, behind the real ports, answering at once.

For what only a scripted system can do: fail at exactly one call, lose exactly one answer, take no
time at all. What a vendor really does is tested against the vendor, or its wire simulator.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.tenants import Tenant
from canonical_models.policy import TenantPolicy
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

    def __post_init__(self) -> None:
        self.billing = Billing(self.script)
        self.erp = Erp(self.script)
        self.support = Support(self.script)
        self.tenant = Tenant(
            name="acme",
            connection="stripe",
            books_from=self.books_from,
            billing=self.billing,
            erp=self.erp,
            support=self.support,
            policy=self.policy,
            targets=self.targets,
            lands_within=dict.fromkeys(("billing", "erp", "support"), self.lands_within),
        )


def now() -> datetime:
    """Whole seconds, as billing platforms tell time."""
    return datetime.now(UTC).replace(microsecond=0)
