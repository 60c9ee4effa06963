"""Entitlement of a customer: every target is told what holds now, and again when time changes it.

    look -> tell the targets that are behind, side by side -> wait for a grant to begin or end, or
    for news -> look

A target is told the whole set with a revision, never a difference, so one that has missed some is
right again after the next. One that refuses does not keep the others waiting.
"""

from temporalio import workflow

from activities.contracts.life import (
    EntitlementActivities,
    EntitlementLook,
    EntitlementSeen,
    PublishInput,
)
from canonical_models.process import Process, ProcessKind
from workflows.desk import Aborted
from workflows.policies import KEEPING, LOCAL, WRITE
from workflows.process import WaitingProcess
from workflows.saga import side_by_side


@workflow.defn(name=ProcessKind.ENTITLEMENT.value)
class EntitlementProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._digest = ""
        self._given_up: set[tuple[str, int]] = set()

    @workflow.run
    async def run(self, process: Process) -> str:
        while True:
            await self.turn()
            try:
                look = await self.desk.until_done("look at the grants", self._look)
            except Aborted as aborted:
                return f"given up: {aborted.reason}"
            self._digest = look.digest
            self.tell("telling" if look.behind else "waiting", look.words)
            behind = [t for t in look.behind if (t, look.revision) not in self._given_up]
            if behind:
                await side_by_side(*(self._tell_target(t, look.revision) for t in behind))
                continue
            if self.has_news:
                continue
            if look.seconds is None:
                await workflow.wait_condition(workflow.all_handlers_finished)
                if not self.has_news:
                    return look.words
            await self.rest(look.seconds)

    async def _look(self) -> EntitlementLook:
        seen = EntitlementSeen(process=self.process, digest=self._digest)
        return await workflow.execute_local_activity_method(
            EntitlementActivities.look, seen, summary="what holds now", **LOCAL
        )

    async def _tell_target(self, target: str, revision: int) -> None:
        given = PublishInput(process=self.process, target=target)
        try:
            await self.desk.until_done(
                f"entitlements at {target}",
                lambda: workflow.execute_activity_method(
                    EntitlementActivities.publish, given, summary=f"tell {target}", **WRITE
                ),
            )
        except Aborted:
            self._given_up.add((target, revision))
            await workflow.execute_local_activity_method(
                EntitlementActivities.refused, given, **KEEPING
            )
