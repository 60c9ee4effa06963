"""The saga of a payout: from billing's word to one move of the ERP.

    look -> (on its way: wait for news) -> book, read back -> clearing beside billing's balance
                                             undo: a move that reverses it, by finance's abort

It runs under an id of its own, `payout/{tenant}/{connection}/{payout}`. Money of it that comes back
later is news: it begins again, and books that.
"""

from typing import Any

from temporalio import workflow

from activities.contracts.cash import (
    CashActivities,
    CashInput,
    PayoutAct,
    PayoutLook,
    TakeBackInput,
)
from canonical_models.exceptions import UNDO_OF
from canonical_models.process import Process, ProcessKind
from workflows.human_tasks import Aborted
from workflows.policies import at
from workflows.process import WaitingProcess
from workflows.saga import promptly

#: News comes by events; one that was lost is made up for.
_LOOK_AGAIN_S = 6 * 3600.0


@workflow.defn(name=ProcessKind.PAYOUT.value)
class PayoutSaga(WaitingProcess):
    @workflow.init
    def __init__(self, process: Process) -> None:
        super().__init__(process)
        self._lane = "erp"

    @workflow.run
    async def run(self, process: Process) -> str:
        while True:
            await self.turn()
            try:
                words = await self._carry_out()
            except Aborted as aborted:
                words = await self._take_back(aborted)
            if words is None:
                await self.rest(_LOOK_AGAIN_S)
            elif await self.over():
                return words

    async def _carry_out(self) -> str | None:
        """What it came to; None where it is to be waited for."""
        look = await self.tasks.until_done("read the payout", self._read)
        self._lane = look.lane or "erp"
        self.tell(look.stage, look.words)
        match look.act:
            case PayoutAct.WAIT:
                return None
            case PayoutAct.OVER:
                return look.words
            case PayoutAct.BOOK:
                words = await self.tasks.until_done(
                    "book the payout", self._book, lambda: look.amount
                )
                self.tell("booked", words)
                await self._compare()
                return words

    async def _read(self) -> PayoutLook:
        return await promptly(
            CashActivities.read_payout, self.process, "look at the payout", self._at("billing")
        )

    async def _book(self) -> str:
        return await workflow.execute_activity_method(
            CashActivities.book_payout, self.process, summary="book it", **self._at(self._lane)
        )

    async def _take_back(self, aborted: Aborted) -> str:
        """To the end. Where a machine cannot, `abort` says that a person has done it in the ERP."""
        self.tell("undoing", f"undoing: {aborted.reason}")
        given = TakeBackInput(process=self.process, reason=aborted.reason, by=aborted.by)
        try:
            await self.tasks.until_done(f"{UNDO_OF}payout", lambda: self._undo(given))
        except Aborted as again:
            given = TakeBackInput(
                process=self.process, reason=again.reason, by=again.by, by_hand=True
            )
            await self.tasks.until_done("record of the undo", lambda: self._undo(given))
        await self._compare()
        return f"kept out of the books: {given.reason}"

    async def _undo(self, given: TakeBackInput) -> None:
        await workflow.execute_activity_method(
            CashActivities.take_back_payout,
            given,
            summary="undo: take it back",
            **self._at(self._lane),
        )

    async def _compare(self) -> None:
        await workflow.execute_activity_method(
            CashActivities.look,
            CashInput(tenant=self.process.tenant),
            summary="clearing beside billing's balance",
            **self._at("erp"),
        )

    def _at(self, part: str) -> dict[str, Any]:
        return at(part, self.process.tenant)
