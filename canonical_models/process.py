"""What waits on time or on people beside the changes of a subscription."""

from enum import StrEnum

from canonical_models.base import Canonical, Identifier


class ProcessKind(StrEnum):
    #: The next renewal of a subscription: tried out ahead, asked for when it is late.
    RENEWAL = "renewal"
    #: An invoice that is asked for in vain.
    DUNNING = "dunning"
    #: What a customer may use, told to every target, also when time alone changes it.
    ENTITLEMENT = "entitlement"


class Process(Canonical):
    """One process, and the input of its workflow. `key` is the subscription, invoice or customer
    that it is about; no personal data."""

    kind: ProcessKind
    tenant: str
    key: Identifier
    subscription_id: Identifier | None = None
    customer_id: Identifier | None = None

    @property
    def workflow_id(self) -> str:
        """One runs at a time under it."""
        return f"{self.kind.value}/{self.tenant}/{self.key}"
