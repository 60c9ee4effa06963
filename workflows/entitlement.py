"""Entitlement of a customer at one target: it is told what holds now, and again when that changes.

    look -> tell it, if it is behind -> wait for a grant to begin or end, or for news -> look

Each target of a customer has a process of its own, so none waits for another. A target is told the
whole set with a revision, never a difference: what it missed does not matter, and news that comes
while it is being told replaces what it was being told. One that is away is tried until it is back;
one that refuses becomes a question, which goes away by itself once it takes what it is told.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.contracts.entitlement import EntitlementActivities, EntitlementEvaluation
from canonical_models.exceptions import Action, Track
from canonical_models.process import Process, ProcessKind
from workflows.human_tasks import question_of
from workflows.policies import KEEPING, UNTIL_BACK, on
from workflows.process import WaitingProcess


@workflow.defn(name=ProcessKind.ENTITLEMENT.value)
class EntitlementProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)

    @workflow.run
    async def run(self, process: Process) -> str:
        while True:
            await self.turn()
            evaluated = await self._evaluate()
            self.tell("telling" if evaluated.behind else "waiting", evaluated.words)
            if evaluated.behind:
                await self._tell_target()
            elif evaluated.seconds is not None:
                await self.rest(evaluated.seconds)
            elif await self.over():
                return evaluated.words

    async def _evaluate(self) -> EntitlementEvaluation:
        return await workflow.execute_local_activity_method(
            EntitlementActivities.evaluate, self.process, summary="what holds now", **KEEPING
        )

    async def _tell_target(self) -> None:
        """Until it holds what is newest, a person gives it up, or there is news: then it is tried
        anew at once, and what was asked stays asked."""
        try:
            await self._publish()
        except FailureError as fault:
            if is_cancelled_exception(fault):
                if self.has_news:
                    return
                raise asyncio.CancelledError from fault
            step, question = f"entitlements at {self.process.target}", question_of(fault)
            decision = await self.tasks.ask_unless(lambda: self.has_news, step, question, None)
            if decision is not None and decision.action is Action.ABORT:
                await workflow.execute_local_activity_method(
                    EntitlementActivities.refused, self.process, **KEEPING
                )
            return
        await self.tasks.withdraw(Track.PROCESS)

    async def _publish(self) -> None:
        telling = workflow.start_activity_method(
            EntitlementActivities.publish,
            self.process,
            summary=f"tell {self.process.target}",
            **UNTIL_BACK,
            **on(self.process.target or "support", self.process.tenant),
        )
        # A long back-off ends with news; an attempt that is under way is waited for.
        await workflow.wait_condition(lambda: telling.done() or self.has_news)
        if not telling.done():
            telling.cancel()
        await telling
