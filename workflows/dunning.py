"""Dunning: an overdue invoice, from the first refused charge to its end.

    grace, with reminders -> suspension -> paid, or a person ends it: more time, credit, write-off

What is suspended and restored is a change of the subscription like any other: this process asks
for it, and the amendment saga does it in its turn. Times are by billing's clock.
"""

from temporalio import workflow

from activities.contracts.dunning import DunningAct, DunningActivities, DunningDecision, DunningLook
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
                look = await self.tasks.until_done("look at the invoice", self._look)
            except Aborted as aborted:
                if await self.over():
                    return f"given up: {aborted.reason}"
                continue
            self.tell(look.stage, look.words)
            match look.act:
                case DunningAct.OVER:
                    if await self.over():
                        return look.words
                case DunningAct.DECIDE:
                    resolution = look.decided or await self._ask(look)
                    if resolution is not None:
                        await self._conclude(resolution, look.unpaid)
                case DunningAct.WAIT:
                    await self.rest(look.seconds)

    async def _look(self) -> DunningLook:
        return await workflow.execute_local_activity_method(
            DunningActivities.look, self.process, summary="look at the invoice", **LOCAL
        )

    async def _ask(self, look: DunningLook) -> Resolution | None:
        """None where news comes first: it stays asked until it has answered itself."""
        asked = _unpaid(self.process, look)
        return await self.tasks.ask_unless(
            lambda: self.has_news, "end of dunning", asked, look.unpaid
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


def _unpaid(process: Process, look: DunningLook) -> Question:
    """What finance is asked."""
    code = RejectionCode.PAYMENT_OVERDUE
    return Question(
        message=f"Invoice {process.key} of subscription {process.subscription_id} is not paid: "
        f"{look.unpaid} is open, and reminders and suspension did not help. Decide: `extend` gives "
        "all of the grace again, from today; `credit` cancels the subscription and takes the "
        "invoice back with a credit note; `write_off` cancels it and writes the debt off.",
        detail=FailureDetail(
            failure_class=FailureClass.REJECTED,
            code=code.value,
            owner=code.owner,
            system="billing",
            subject=process.key,
        ),
    )
