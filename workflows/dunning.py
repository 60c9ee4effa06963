"""Dunning: an overdue invoice, from the first refused charge to its end.

    grace, with reminders -> suspension -> paid, or a person ends it: more time, credit, write-off

What is suspended and restored is a change of the subscription like any other: this process asks
for it, and the amendment saga does it in its turn. Times are by billing's clock.
"""

from temporalio import workflow

from activities.contracts.dunning import (
    DunningAct,
    DunningActivities,
    DunningDecision,
    DunningEvaluation,
)
from activities.contracts.failure import FailureDetail, Question
from canonical_models.exceptions import Resolution
from canonical_models.failures import FailureClass, RejectionCode
from canonical_models.money import Money
from canonical_models.process import Process, ProcessKind
from workflows.human_tasks import Aborted
from workflows.policies import LOCAL, at
from workflows.process import WaitingProcess


@workflow.defn(name=ProcessKind.DUNNING.value)
class DunningProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)

    @workflow.run
    async def run(self, process: Process) -> str:
        while True:
            await self.turn()
            try:
                evaluated = await self.tasks.until_done("look at the invoice", self._evaluate)
            except Aborted as aborted:
                if await self.over():
                    return f"given up: {aborted.reason}"
                continue
            self.tell(evaluated.stage, evaluated.words)
            match evaluated.act:
                case DunningAct.OVER:
                    if await self.over():
                        return evaluated.words
                case DunningAct.DECIDE:
                    resolution = evaluated.decided or await self._ask(evaluated)
                    if resolution is not None:
                        await self._conclude(resolution, evaluated.unpaid)
                case DunningAct.WAIT:
                    await self.rest(evaluated.seconds)

    async def _evaluate(self) -> DunningEvaluation:
        return await workflow.execute_local_activity_method(
            DunningActivities.evaluate, self.process, summary="look at the invoice", **LOCAL
        )

    async def _ask(self, evaluated: DunningEvaluation) -> Resolution | None:
        """None where news comes first: it stays asked until it has answered itself."""
        asked = _unpaid(self.process, evaluated)
        return await self.tasks.ask_unless(
            lambda: self.has_news, "end of dunning", asked, evaluated.unpaid
        )

    async def _conclude(self, resolution: Resolution, unpaid: Money | None) -> None:
        decided = DunningDecision(process=self.process, resolution=resolution)
        try:
            await self.tasks.until_done(
                "what was decided",
                lambda: workflow.execute_activity_method(
                    DunningActivities.conclude,
                    decided,
                    summary=resolution.action.value.replace("_", " "),
                    **at("billing", self.process.tenant),
                ),
                lambda: unpaid,
            )
        except Aborted as aborted:
            workflow.logger.warning("decision not carried out: %s", aborted.reason)


def _unpaid(process: Process, evaluated: DunningEvaluation) -> Question:
    """What finance is asked."""
    code = RejectionCode.PAYMENT_OVERDUE
    return Question(
        message=f"Invoice {process.key} of subscription {process.subscription_id} is not paid: "
        f"{evaluated.unpaid} is open, and reminders and suspension did not help. Decide: `extend` "
        "gives all of the grace again, from today; `credit` cancels the subscription and takes the "
        "invoice back with a credit note; `write_off` cancels it and writes the debt off.",
        detail=FailureDetail(
            failure_class=FailureClass.REJECTED,
            code=code.value,
            owner=code.owner,
            system="billing",
            subject=process.key,
        ),
    )
