"""A batch: a frozen list, handed over in waves, which people look at, pause, resume and stop.

    turn: list a part, or hand a wave over and look at those before -> wait for time or news -> turn

How far it has come stands in its rows: a run that was killed goes on with what is left. What no
retry can mend pauses it until somebody resumes it.
"""

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError, is_cancelled_exception

from activities.contracts.batch import BatchActivities, BatchPaused, BatchTurn
from canonical_models.decisions import CANCELLED_THERE
from canonical_models.process import Process, ProcessKind
from workflows.human_tasks import cause_of
from workflows.policies import KEEPING, WRITE
from workflows.process import WaitingProcess
from workflows.saga import drained, heed_cancellation


@workflow.defn(name=ProcessKind.BATCH.value)
class BatchProcess(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)

    @workflow.run
    async def run(self, process: Process) -> str:
        while True:
            await self.turn()
            taken = await self._take_turn()
            self.tell(taken.stage, taken.words)
            if not taken.over:
                await self.rest(taken.seconds)
            elif await self.over():
                return taken.words

    async def _take_turn(self) -> BatchTurn:
        try:
            taken: BatchTurn = await workflow.execute_activity_method(
                BatchActivities.turn, self.process, summary="the next of its items", **WRITE
            )
            heed_cancellation()
        except FailureError as fault:
            if is_cancelled_exception(fault):
                await self._pause(CANCELLED_THERE)
                raise asyncio.CancelledError from fault
            why = cause_of(fault).message
            await self._pause(why)
            return BatchTurn(stage="paused", words=f"paused: {why}"[:2000])
        except asyncio.CancelledError:
            await self._pause(CANCELLED_THERE)
            raise
        return taken

    async def _pause(self, why: str) -> None:
        await drained(self._pausing(BatchPaused(process=self.process, why=why[:2000])))

    async def _pausing(self, paused: BatchPaused) -> None:
        await workflow.execute_activity_method(
            BatchActivities.pause, paused, summary="it waits to be resumed", **KEEPING
        )
