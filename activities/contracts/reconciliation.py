"""What a reconciliation may ask for."""

from abc import ABC, abstractmethod
from typing import Literal

from temporalio import activity

from canonical_models.base import Canonical
from canonical_models.reconciliation import Cause, Reconciled, Scope

#: What is compared, one after another; `unknown` is what billing never issued, `entries` what
#: people have moved on accounts of revenue.
Part = Literal[
    "documents", "unknown", "receivables", "revenue", "entries", "subscriptions", "support"
]


class ReconcileInput(Canonical):
    """Of a tenant, or of a part of it. `whole` reads every system from the beginning. What has one
    of the causes of `repair` is set right, as far as a machine can; None is what policy says."""

    tenant: str
    scope: Scope = Scope()
    asked_by: str = "schedule"
    whole: bool = False
    repair: tuple[Cause, ...] | None = None


class ReconcileRun(Canonical):
    """One of them; `run_id` names it."""

    run_id: str
    given: ReconcileInput


class ReconcileSource(Canonical):
    """A system to read; `place` is the legal entity of an ERP."""

    system: str
    place: str = ""


class ReconcileBegun(Canonical):
    """`targets` are compared customer by customer."""

    sources: tuple[ReconcileSource, ...]
    targets: tuple[str, ...]


class ReadPart(Canonical):
    """Go on to read a system; the `first` part begins, from the beginning where that is due."""

    run: ReconcileRun
    source: ReconcileSource
    first: bool = True


class PartRead(Canonical):
    facts: int
    requests: int
    more: bool


class ComparePart(Canonical):
    """The slice of `part` behind `after`; `place` is the legal entity that is looked through for
    what billing never issued."""

    run: ReconcileRun
    part: Part
    place: str = ""
    after: str = ""


class PartCompared(Canonical):
    """`after` is where it goes on; None at the end, when what is gone was `closed`. `left_out` is
    how many could not be compared."""

    looked_at: int
    after: str | None
    closed: int = 0
    left_out: int = 0


class TargetPart(Canonical):
    run: ReconcileRun
    target: str
    after: str = ""


class TargetCompared(Canonical):
    looked_at: int
    after: str | None
    closed: int = 0
    problems: tuple[str, ...] = ()


class RepairsAsked(Canonical):
    """`documents` are to be looked up in the ERP before what is asked for is carried out."""

    repairs: int
    documents: tuple[str, ...] = ()


class ReconcileEnd(Canonical):
    run: ReconcileRun
    result: Reconciled


class ReconciliationActivities(ABC):
    @abstractmethod
    @activity.defn(name="reconciliation.begin")
    async def begin(self, run: ReconcileRun) -> ReconcileBegun:
        """Note that it has begun, and find what there is to read."""

    @abstractmethod
    @activity.defn(name="reconciliation.read")
    async def read(self, part: ReadPart) -> PartRead:
        """Some pages of what a system holds, into facts."""

    @abstractmethod
    @activity.defn(name="reconciliation.compare")
    async def compare(self, part: ComparePart) -> PartCompared:
        """A slice of facts, laid beside each other; differences are kept as they are now."""

    @abstractmethod
    @activity.defn(name="reconciliation.target")
    async def target(self, part: TargetPart) -> TargetCompared:
        """Some customers at a target that has no list of what it holds."""

    @abstractmethod
    @activity.defn(name="reconciliation.to_look_up")
    async def to_look_up(self, run: ReconcileRun) -> RepairsAsked:
        """Documents of which the ERP does not say any more what it had confirmed."""

    @abstractmethod
    @activity.defn(name="reconciliation.repair")
    async def repair(self, run: ReconcileRun) -> RepairsAsked:
        """Have sagas begun and targets told, for what a machine can set right."""

    @abstractmethod
    @activity.defn(name="reconciliation.end")
    async def end(self, done: ReconcileEnd) -> Reconciled:
        """Note what it came to, with the differences that there are."""
