"""The amendment saga: a change of a subscription reaches ERP, entitlements and support, or none.

    prepare -> post to the ERP -> entitlements, support -> payments -> prove, write back, publish

Reads and our own records are local activities, writes to other systems are activities; those that
set a state are tried at hand first. Each write has its undo registered before it. What a machine
cannot decide waits for a person (desk.py) and goes on from there. Order is the workflow id: one
saga of a subscription is open at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.contracts.amendment import (
    AccountInput,
    AmendmentActivities,
    Prepared,
    Settled,
    StepInput,
    UndoneInput,
)
from canonical_models.exceptions import Action, Resolution
from workflows.desk import Aborted, ExceptionDesk
from workflows.names import (
    AMENDMENT,
    CHANGE_KIND,
    DECIDE,
    ERP_DOCUMENT,
    NEWER_CHANGE,
    RESOLVE,
    STAGE,
    STANDING,
    AmendmentInput,
    Standing,
)
from workflows.policies import LOCAL, ONCE, WRITE
from workflows.saga import Saga, Undo, drained, heed_cancellation, may_pass

Done = TypeVar("Done")


@workflow.defn(name=AMENDMENT)
class AmendmentSaga:
    @workflow.init
    def __init__(self, change: AmendmentInput) -> None:
        self._change = change
        self._desk = ExceptionDesk(change.tenant, change.change_id)
        self._plan = Prepared()
        self._document: str | None = None
        self._words = "about to begin"
        self._newer_changes = 0

    @workflow.run
    async def run(self, change: AmendmentInput) -> Settled:
        saga = Saga()
        try:
            settled = await self._amend(saga)
        except Aborted as aborted:
            settled = await drained(self._undo(saga, aborted.reason))
        except asyncio.CancelledError:
            await drained(self._undo(saga, "cancelled by an operator"))
            raise
        except FailureError as fault:
            await drained(self._undo(saga, f"failed: {fault}"))
            raise
        self._tell(f"{settled.outcome}: {settled.summary}")
        await workflow.wait_condition(workflow.all_handlers_finished)
        return settled

    async def _amend(self, saga: Saga) -> Settled:
        await self._step("plan and post", lambda: self._plan_and_post(saga))
        plan = self._plan
        if plan.settled:
            self._close("no_change")
            return Settled(outcome="no_change", summary=plan.summary)
        heed_cancellation()
        await self._entitle(saga)
        heed_cancellation()
        if plan.payments:
            self._tell("entering in the ERP what was paid")
            await self._step("payments", self._collect)
            heed_cancellation()
        self._tell("proving the outcome by reading every system back")
        settled = await self._step("prove and write back", self._settle)
        self._close(settled.outcome)
        return settled

    async def _plan_and_post(self, saga: Saga) -> None:
        """One step for whoever mends it: after a correction the plan is made anew."""
        self._tell("reading billing and checking every precondition")
        self._plan = await self._prepare()
        if (customer := self._plan.account_missing) is not None:
            await self._open_account(customer)
            self._plan = await self._prepare()
        if not self._plan.posts or self._plan.settled:
            return
        heed_cancellation()
        saga.undo_with("ERP document", self._reverse_document)
        self._tell(f"posting {self._plan.amount} to the ERP: {self._plan.summary}")
        posted = await workflow.execute_activity_method(
            AmendmentActivities.post_document,
            self._input(),
            summary=f"post {self._plan.amount}",
            **WRITE,
        )
        self._document = posted.number or posted.document_id

    async def _prepare(self) -> Prepared:
        return await workflow.execute_local_activity_method(
            AmendmentActivities.prepare, self._input(), summary="plan", **LOCAL
        )

    async def _open_account(self, customer: str) -> None:
        """Master data stays: there is nothing to undo."""
        self._tell(f"opening the account of {customer} everywhere")
        await workflow.execute_activity_method(
            AmendmentActivities.open_account,
            AccountInput(
                tenant=self._change.tenant, change_id=self._change.change_id, customer_id=customer
            ),
            summary="open the account",
            **WRITE,
        )

    async def _entitle(self, saga: Saga) -> None:
        plan = self._plan
        if plan.grants:
            saga.undo_with("entitlements", self._restore_grants)
        if plan.support:
            saga.undo_with("support", self._restore_support)
        if plan.grants or plan.support:
            self._tell("changing entitlements and support")
            await self._step("entitlements and support", self._give)

    async def _give(self) -> None:
        await self._promptly(AmendmentActivities.entitle, "entitlements and support")

    async def _collect(self) -> None:
        """Money that has moved stays moved: there is nothing to undo."""
        await workflow.execute_activity_method(
            AmendmentActivities.record_payments, self._input(), summary="enter payments", **WRITE
        )

    async def _settle(self) -> Settled:
        """The point of no return: what has been settled as done is not undone any more, so a
        cancellation waits for the answer. It takes effect if the answer is no."""
        return await drained(self._promptly(AmendmentActivities.settle, "prove, write back"))

    async def _promptly(
        self, step: Callable[[AmendmentActivities, StepInput], Awaitable[Done]], summary: str
    ) -> Done:
        """For writes that set a state, and so may be repeated: at hand when all is well, which
        is quick, and with patience when it was not."""
        try:
            return await workflow.execute_local_activity_method(
                step, self._input(), summary=summary, **ONCE
            )
        except FailureError as fault:
            if not may_pass(fault):
                raise
        return await workflow.execute_activity_method(step, self._input(), summary=summary, **WRITE)

    async def _step(self, name: str, run: Callable[[], Awaitable[Done]]) -> Done:
        return await self._desk.until_done(name, run, lambda: self._plan.amount)

    async def _undo(self, saga: Saga, reason: str) -> Settled:
        outcome = "compensated" if saga.touched else "cancelled"
        self._tell(f"undoing: {reason}")
        await saga.compensate(self._undo_step)
        undone = UndoneInput(
            tenant=self._change.tenant,
            change_id=self._change.change_id,
            outcome=outcome,
            reason=reason,
        )
        await self._undo_step(
            "record of the undo",
            lambda: workflow.execute_activity_method(
                AmendmentActivities.settle_undone, undone, summary="record the undo", **WRITE
            ),
        )
        self._close(outcome)
        self._tell(f"{outcome}: {reason}")
        return Settled(outcome=outcome, summary=reason)

    async def _undo_step(self, name: str, undo: Undo) -> None:
        """To the end. Where a machine cannot undo, `abort` says that a person has done it."""
        while True:
            try:
                return await undo()
            except FailureError as fault:
                resolution = await self._desk.ask(f"undo of {name}", fault, self._plan.amount)
                if resolution.action is Action.ABORT:
                    return None

    async def _reverse_document(self) -> None:
        await workflow.execute_activity_method(
            AmendmentActivities.reverse_document,
            self._undo_input(),
            summary="undo: reverse in the ERP",
            **WRITE,
        )

    async def _restore_grants(self) -> None:
        await workflow.execute_local_activity_method(
            AmendmentActivities.restore_grants,
            self._undo_input(),
            summary="undo: grants as before",
            **LOCAL,
        )

    async def _restore_support(self) -> None:
        await workflow.execute_activity_method(
            AmendmentActivities.restore_support,
            self._undo_input(),
            summary="undo: support as before",
            **WRITE,
        )

    @workflow.update(name=RESOLVE)
    async def resolve(self, resolution: Resolution) -> str:
        """A person's decision. Answers once the saga has acted on it."""
        self._desk.decide(resolution)
        await self._desk.taken(resolution)
        return f"{resolution.action.value} taken"

    @resolve.validator
    def _may_resolve(self, resolution: Resolution) -> None:
        self._desk.refuse(resolution)

    @workflow.signal(name=DECIDE)
    def decide(self, resolution: Resolution) -> None:
        """As `resolve`, for those who only have signals; a decision nobody asked for is ignored."""
        try:
            self._desk.decide(resolution)
        except FailureError as refused:
            workflow.logger.warning("signal ignored: %s", refused)

    @workflow.signal(name=NEWER_CHANGE)
    def newer_change(self) -> None:
        """A newer change waits. Whoever goes on plans from the newest snapshot anyway."""
        self._newer_changes += 1

    @workflow.query(name=STANDING)
    def standing(self) -> Standing:
        return Standing(
            stage="waiting" if self._desk.exception_id else "running",
            words=self._words,
            exception_id=self._desk.exception_id,
            newer_changes=self._newer_changes,
        )

    def _input(self) -> StepInput:
        return StepInput(
            tenant=self._change.tenant,
            change_id=self._change.change_id,
            digest=self._plan.digest,
        )

    def _undo_input(self) -> StepInput:
        return StepInput(tenant=self._change.tenant, change_id=self._change.change_id)

    def _tell(self, words: str) -> None:
        """Free of charge: details are not in the history."""
        self._words = words
        workflow.set_current_details(words)

    def _close(self, outcome: str) -> None:
        """All search attributes in one upsert: each upsert is a billed action."""
        found = [STAGE.value_set(outcome), CHANGE_KIND.value_set(self._plan.kind.value)]
        if self._document is not None:
            found.append(ERP_DOCUMENT.value_set(self._document))
        workflow.upsert_search_attributes(found)
