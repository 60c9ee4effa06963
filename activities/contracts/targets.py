"""What the comparison of entitlement targets may ask for."""

from abc import ABC, abstractmethod

from temporalio import activity

from canonical_models.base import Canonical, Identifier


class TargetsInput(Canonical):
    """All targets of the tenant, or one; all customers, or one. With `set_right` a target that
    differs is told again; without, it is only looked at."""

    tenant: str
    target: Identifier | None = None
    customer_id: Identifier | None = None
    set_right: bool = False


class TargetsNamed(Canonical):
    """The targets that are meant."""

    names: tuple[str, ...]


class TargetsPart(Canonical):
    """The customers behind `after` at `target`."""

    given: TargetsInput
    target: str
    after: str = ""


class TargetDifference(Canonical):
    """A customer of whom the target does not hold what it should. `revision` is the last that it
    was to be told, `held` what it says that it holds; both are 0 at the support platform where
    nobody counts. `told` where it is being told again."""

    target: str
    customer_id: str
    revision: int
    held: int
    differences: tuple[str, ...]
    told: bool


class TargetsCompared(Canonical):
    """`problems` are what could not be read, in words. `after` is where it goes on; None at the
    end."""

    looked_at: int
    differing: tuple[TargetDifference, ...] = ()
    problems: tuple[str, ...] = ()
    after: str | None = None


class TargetsChecked(Canonical):
    """All of it; `differing` and `problems` are the first of them, `differences` counts all."""

    looked_at: int
    differences: int
    differing: tuple[TargetDifference, ...] = ()
    problems: tuple[str, ...] = ()


class TargetActivities(ABC):
    @abstractmethod
    @activity.defn(name="targets.named")
    async def named(self, given: TargetsInput) -> TargetsNamed:
        """Which targets are meant; none where the one that is named is not configured."""

    @abstractmethod
    @activity.defn(name="targets.compare")
    async def compare(self, part: TargetsPart) -> TargetsCompared:
        """Read what a target holds of some customers, and lay it beside what it should hold."""
