"""Reconciliation: billing, ERP, entitlements and support are read into facts, side by side, and
laid beside each other; what differs is set right by the sagas that there are, as far as it may be.

Started by a schedule of each tenant, and at once when somebody asks. A system that refuses to be
read is left out, and what is not compared for it is said.
"""

from collections import Counter

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError

from activities.contracts.invoices import SweepInput
from activities.contracts.reconciliation import (
    ComparePart,
    Part,
    ReadPart,
    ReconcileBegun,
    ReconcileEnd,
    ReconcileInput,
    ReconcileRun,
    ReconcileSource,
    ReconciliationActivities,
    RepairsAsked,
    TargetPart,
)
from canonical_models.reconciliation import Reconciled
from workflows.names import INVOICES, RECONCILIATION, invoices_id
from workflows.policies import KEEPING, WRITE, on
from workflows.saga import side_by_side

#: What began before these were compared goes on without them, and says so.
_ACCOUNTS = "accounts and revenue"
_NEVER = (
    "receivables per party: money on account and debts beside documents",
    "revenue and deferred revenue per month",
)
_OF_ALL = ("subscriptions, support and targets: they have no legal entity and no month",)
_NO_MONTH = ("accounts of customers: what stands on them is of no month",)
_OF_NOBODY = ("what people have moved on revenue: it is of no customer",)


@workflow.defn(name=RECONCILIATION)
class Reconciliation:
    def __init__(self) -> None:
        self._facts: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._closed = 0
        self._left_out: list[str] = []
        self._unread: set[str] = set()
        self._foreign = 0

    @workflow.run
    async def run(self, given: ReconcileInput) -> Reconciled:
        run = ReconcileRun(run_id=workflow.info().run_id, given=given)
        begun = await workflow.execute_activity_method(
            ReconciliationActivities.begin, run, summary="what there is to read", **KEEPING
        )
        await side_by_side(*(self._read(run, source) for source in begun.sources))
        await side_by_side(
            self._compare_all(run, begun), *(self._target(run, name) for name in begun.targets)
        )
        repairs = await self._repair(run)
        scope = given.scope
        narrow: tuple[str, ...] = _OF_ALL if scope.period or scope.legal_entity else ()
        if not workflow.patched(_ACCOUNTS):
            narrow += _NEVER
        else:
            narrow += _NO_MONTH if scope.period else ()
            narrow += _OF_NOBODY if scope.customer_id else ()
            if self._foreign:
                narrow += (
                    f"revenue of {self._foreign} documents in another currency than the books'",
                )
        result = Reconciled(
            run_id=run.run_id,
            facts=dict(self._facts),
            requests=dict(self._requests),
            closed=self._closed,
            repairs=repairs,
            not_compared=(*self._left_out, *narrow),
        )
        return await workflow.execute_activity_method(
            ReconciliationActivities.end,
            ReconcileEnd(run=run, result=result),
            summary="what it came to",
            **KEEPING,
        )

    async def _read(self, run: ReconcileRun, source: ReconcileSource) -> None:
        part: ReadPart | None = ReadPart(run=run, source=source)
        named = f"{source.system} {source.place}".strip()
        while part is not None:
            try:
                read = await workflow.execute_activity_method(
                    ReconciliationActivities.read,
                    part,
                    summary=f"{named}: {self._facts[source.system]} read",
                    **WRITE,
                    **on(source.system, run.given.tenant),
                )
            except ActivityError as refused:
                self._unread.add(source.system)
                self._left_out.append(f"{named} could not be read: {_why(refused)}")
                return
            self._facts[source.system] += read.facts
            self._requests[source.system] += read.requests
            part = ReadPart(run=run, source=source, first=False) if read.more else None

    async def _compare_all(self, run: ReconcileRun, begun: ReconcileBegun) -> None:
        if not self._unread & {"billing", "erp"}:
            await self._compare(run, "documents")
            for source in begun.sources:
                if source.system == "erp":
                    await self._compare(run, "unknown", source.place)
            if workflow.patched(_ACCOUNTS):
                await self._compare_accounts(run, begun)
        scope = run.given.scope
        if scope.period or scope.legal_entity:
            return
        if "billing" not in self._unread:
            await self._compare(run, "subscriptions")
        if "support" not in self._unread:
            await self._compare(run, "support")

    async def _compare_accounts(self, run: ReconcileRun, begun: ReconcileBegun) -> None:
        scope = run.given.scope
        if scope.period is None:
            await self._compare(run, "receivables")
        await self._compare(run, "revenue")
        if scope.customer_id is not None:
            return
        for source in begun.sources:
            if source.system == "erp":
                await self._compare(run, "entries", source.place)

    async def _compare(self, run: ReconcileRun, what: Part, place: str = "") -> None:
        part: ComparePart | None = ComparePart(run=run, part=what, place=place)
        looked_at = 0
        while part is not None:
            done = await workflow.execute_activity_method(
                ReconciliationActivities.compare,
                part,
                summary=f"{what} {place}: {looked_at} compared",
                **WRITE,
            )
            looked_at += done.looked_at
            self._closed += done.closed
            self._foreign += done.left_out
            workflow.set_current_details(f"{looked_at} {what} compared")
            after = done.after
            part = None if after is None else part.model_copy(update={"after": after})

    async def _target(self, run: ReconcileRun, name: str) -> None:
        part: TargetPart | None = TargetPart(run=run, target=name)
        while part is not None:
            done = await workflow.execute_activity_method(
                ReconciliationActivities.target,
                part,
                summary=f"{name} behind {part.after}" if part.after else name,
                **WRITE,
                **on(name, run.given.tenant),
            )
            self._facts[name] += done.looked_at
            self._requests[name] += done.looked_at
            self._closed += done.closed
            self._left_out += done.problems[:3]
            after = done.after
            part = None if after is None else part.model_copy(update={"after": after})

    async def _repair(self, run: ReconcileRun) -> int:
        """What the ERP says of documents goes into their records first, which sagas plan from."""
        found = await workflow.execute_activity_method(
            ReconciliationActivities.to_look_up, run, summary="what may be set right", **KEEPING
        )
        if found.documents:
            try:
                await workflow.execute_child_workflow(
                    INVOICES,
                    SweepInput(tenant=run.given.tenant, invoice_ids=found.documents),
                    id=f"{invoices_id(run.given.tenant)}/{run.run_id}",
                )
            except ChildWorkflowError as refused:
                self._left_out.append(f"documents could not be looked up: {_why(refused)}")
        if not found.repairs:
            return 0
        done: RepairsAsked = await workflow.execute_activity_method(
            ReconciliationActivities.repair, run, summary=f"{found.repairs} set right", **WRITE
        )
        return done.repairs


def _why(refused: ActivityError | ChildWorkflowError) -> str:
    return str(refused.cause or refused)[:300]
