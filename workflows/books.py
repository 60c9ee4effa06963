"""The books' half of a change, the same for subscriptions and accounts: every document of the plan
in the order of its day, then what settles them, then what is not billed yet."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from temporalio import workflow

from activities.contracts.amendment import (
    AccountInput,
    BooksActivities,
    DocumentInput,
    PlannedDocument,
    Prepared,
    UndoDocumentInput,
)
from workflows.policies import at
from workflows.saga import Saga, Undo, heed_cancellation, promptly
from workflows.tracks import ChangeSaga

Given = TypeVar("Given")
Result = TypeVar("Result")


class BooksTrack:
    def __init__(self, saga: ChangeSaga) -> None:
        self._saga = saga

    async def keep(self, plan: Prepared, undo: Saga) -> None:
        """As far as the plan goes; what refuses the rest of it is asked by the saga."""
        if plan.account_missing is not None:
            await self._open_account(plan.account_missing)
            return await self._saga.plan_anew(plan)
        for document in plan.documents:
            if not (document.void or document.found):
                self._register(document, undo)
            self._saga.tell(f"{document.words} in the ERP")
            await self._post(plan, document)
            heed_cancellation()
        if plan.settlements:
            self._saga.tell("entering in the ERP what settles documents")
            await self._posting(
                plan, BooksActivities.settle_documents, self._saga.step(plan), "settle documents"
            )
            heed_cancellation()
        if plan.unbilled:
            self._saga.tell("showing finance what is not billed yet")
            await promptly(
                BooksActivities.show_unbilled,
                self._saga.step(plan),
                "what is not billed yet",
                at("erp", self._saga.change.tenant),
            )
        return None

    def take_back(self, document_id: str, undo: Saga) -> None:
        """It was posted by an earlier run of the change, or may have been."""
        self._register(PlannedDocument(document_id=document_id, words=""), undo)

    def _register(self, document: PlannedDocument, undo: Saga) -> None:
        undo.undo_fact_with(
            document.document_id,
            self._undo(document, BooksActivities.reverse_document, "reverse in the ERP"),
            otherwise=self._undo(document, BooksActivities.drop_draft, "leave no draft"),
        )

    async def _post(self, plan: Prepared, document: PlannedDocument) -> None:
        posted = await self._posting(
            plan,
            BooksActivities.post_document,
            DocumentInput(step=self._saga.step(plan), document_id=document.document_id),
            document.words,
            lines=document.lines,
        )
        self._saga.posted(posted.number or posted.document_id)

    async def _posting(
        self,
        plan: Prepared,
        step: Callable[[BooksActivities, Given], Awaitable[Result]],
        given: Given,
        words: str,
        *,
        lines: int = 0,
    ) -> Result:
        """At hand when all is well; where the ERP wants one to post at a time, in its turn."""
        patiently = at(plan.lane or "erp", self._saga.change.tenant, lines=lines)
        if plan.lane is None:
            return await promptly(step, given, words, patiently)
        return await workflow.execute_activity_method(step, given, summary=words, **patiently)

    async def _open_account(self, customer: str) -> None:
        """Master data stays: there is nothing to undo."""
        self._saga.tell(f"opening the account of {customer} everywhere")
        change = self._saga.change
        await workflow.execute_activity_method(
            BooksActivities.open_account,
            AccountInput(
                tenant=change.tenant,
                change_id=change.change_id,
                epoch=change.epoch,
                customer_id=customer,
            ),
            summary="open the account",
            **at("erp", change.tenant),
        )

    def _undo(
        self,
        document: PlannedDocument,
        step: Callable[[BooksActivities, UndoDocumentInput], Awaitable[None]],
        words: str,
    ) -> Undo:
        change = self._saga.change

        async def undo() -> None:
            await workflow.execute_activity_method(
                step,
                UndoDocumentInput(
                    tenant=change.tenant,
                    change_id=change.change_id,
                    epoch=change.epoch,
                    document_id=document.document_id,
                    reason=self._saga.undone_because,
                    by=self._saga.undone_by,
                ),
                summary=f"undo: {words}",
                **at(self._saga.plan.lane or "erp", change.tenant, lines=document.lines),
            )

        return undo
