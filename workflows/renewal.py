"""The renewal of a subscription: tried out ahead, and asked for when it is late.

    wait -> forecast, some days ahead -> wait -> (billing renews: a change like any other)
                                              -> late: have the subscription looked at, and again

The renewal itself - order or invoice in the ERP, contract dates, entitlements, support - is a
change of the subscription, made by the amendment saga from what billing says. Periods that were
missed are posted one after the other, each by a change of its own.
"""

import asyncio
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.contracts.renewal import (
    ForecastInput,
    ForecastProblem,
    RenewalAct,
    RenewalActivities,
    RenewalEvaluation,
)
from canonical_models.base import Instant
from canonical_models.exceptions import Action, Track
from canonical_models.money import Money
from canonical_models.process import Process, ProcessKind
from workflows.human_tasks import Aborted, cause_of, question_of
from workflows.moving import continue_on_newest
from workflows.policies import LATE_AGAIN, LOCAL
from workflows.process import WaitingProcess
from workflows.saga import heed_cancellation


@workflow.defn(name=ProcessKind.RENEWAL.value)
class RenewalProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._at_risk: Money | None = None
        #: The renewal whose forecast a person has left as it is.
        self._left: Instant | None = process.left

    @workflow.run
    async def run(self, process: Process) -> str:
        while True:
            await self.turn()
            try:
                evaluated = await self.tasks.until_done("look at the term", self._evaluate)
            except Aborted as aborted:
                if await self.over():
                    return f"given up: {aborted.reason}"
                continue
            self.tell(evaluated.act.value, evaluated.words)
            match evaluated.act:
                case RenewalAct.OVER:
                    if await self.over():
                        return evaluated.words
                case RenewalAct.FORECAST if (
                    evaluated.renewal is not None and evaluated.renewal != self._left
                ):
                    await self._forecast(evaluated.renewal)
                case RenewalAct.CALL if evaluated.renewal is not None:
                    await self._call(evaluated.renewal)
                    await self.rest(LATE_AGAIN.total_seconds())
                case RenewalAct.WAIT | RenewalAct.FORECAST | RenewalAct.CALL:
                    await self.rest(evaluated.seconds)

    def go_on(self) -> NoReturn:
        continue_on_newest(self.process.model_copy(update={"left": self._left}))

    async def _evaluate(self) -> RenewalEvaluation:
        return await workflow.execute_local_activity_method(
            RenewalActivities.evaluate, self.process, summary="look at the term", **LOCAL
        )

    async def _forecast(self, renewal: Instant) -> None:
        """What is in the way is asked early, and tried again with each decision and all news; the
        question ends when it has answered itself, or the term moves on without."""
        self._at_risk = None
        try:
            await self._try_out(renewal)
        except FailureError as fault:
            if is_cancelled_exception(fault):
                raise asyncio.CancelledError from fault
            heed_cancellation()
            step = f"forecast of the renewal of {renewal:%Y-%m-%d}"
            decision = await self.tasks.ask_unless(
                lambda: self.has_news, step, question_of(fault), self._at_risk
            )
            if decision is not None and decision.action is Action.ABORT:
                self._left = renewal
            return
        await self.tasks.withdraw(Track.PROCESS)

    async def _try_out(self, renewal: Instant) -> None:
        given = ForecastInput(process=self.process, renewal=renewal)
        try:
            await workflow.execute_local_activity_method(
                RenewalActivities.forecast, given, summary="forecast", **LOCAL
            )
        except FailureError as fault:
            self._at_risk = await workflow.execute_local_activity_method(
                RenewalActivities.blocked,
                ForecastProblem(
                    process=self.process, renewal=renewal, problem=cause_of(fault).message[:500]
                ),
                summary="what is in the way",
                **LOCAL,
            )
            raise

    async def _call(self, renewal: Instant) -> None:
        await workflow.execute_local_activity_method(
            RenewalActivities.call,
            ForecastInput(process=self.process, renewal=renewal),
            summary="have the subscription looked at",
            **LOCAL,
        )
