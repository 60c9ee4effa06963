"""What entitlement targets hold, read and compared: by a schedule of each tenant, which has those
that differ told again, and at once when somebody asks, which only looks.

Each target is read for itself, so that one that is away keeps no other waiting.
"""

from temporalio import workflow

from activities.contracts.targets import (
    TargetActivities,
    TargetDifference,
    TargetsChecked,
    TargetsInput,
    TargetsPart,
)
from workflows.names import TARGETS
from workflows.policies import KEEPING, WRITE, on
from workflows.saga import side_by_side

#: What is shown of more; all are counted.
_MOST = 100


@workflow.defn(name=TARGETS)
class TargetsCheck:
    def __init__(self) -> None:
        self._looked_at = self._differences = 0
        self._differing: tuple[TargetDifference, ...] = ()
        self._problems: tuple[str, ...] = ()

    @workflow.run
    async def run(self, given: TargetsInput) -> TargetsChecked:
        named = await workflow.execute_local_activity_method(
            TargetActivities.named, given, summary="which targets there are", **KEEPING
        )
        await side_by_side(*(self._compare(given, name) for name in named.names))
        return TargetsChecked(
            looked_at=self._looked_at,
            differences=self._differences,
            differing=self._differing,
            problems=self._problems,
        )

    async def _compare(self, given: TargetsInput, name: str) -> None:
        part: TargetsPart | None = TargetsPart(given=given, target=name)
        while part is not None:
            found = await workflow.execute_activity_method(
                TargetActivities.compare,
                part,
                summary=f"{name} behind {part.after}" if part.after else name,
                **WRITE,
                **on(name, given.tenant),
            )
            self._looked_at += found.looked_at
            self._differences += len(found.differing)
            self._differing = (*self._differing, *found.differing)[:_MOST]
            self._problems = (*self._problems, *found.problems)[:_MOST]
            workflow.set_current_details(f"{self._looked_at} looked at, {self._differences} differ")
            part = (
                None
                if found.after is None
                else TargetsPart(given=given, target=name, after=found.after)
            )
