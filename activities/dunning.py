"""Dunning: reminders, suspension, and the end that a person has decided."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.contracts.dunning import (
    DunningAct,
    DunningActivities,
    DunningDecision,
    DunningEvaluation,
)
from activities.effect import Effect, effect_key
from activities.error_mapping import mapped_failures
from activities.ledger import EffectLedger
from activities.tenants import Tenant, Tenants
from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical
from canonical_models.commerce import BillingSnapshot, SubscriptionStatus
from canonical_models.documents import BillingDocument, DocumentStatus
from canonical_models.events import Event, PaymentReminder, event
from canonical_models.exceptions import Action, Resolution
from canonical_models.mapping import keys_of
from canonical_models.occasion import DunningMoved, stamp
from canonical_models.process import Process
from canonical_models.term import DunningCase, DunningStage
from connectors.attempts import Attempt
from persistence import change_queue, dunning, outbox, planning_context
from persistence.database import Database
from planning.dunning import Advance, advance, carried_out, grace_days, over

#: How a person may end an invoice.
_CLOSINGS = (DocumentStatus.VOID, DocumentStatus.UNCOLLECTIBLE)


class Ended(Canonical):
    """What was done in billing, in a word."""

    outcome: str


class Dunning(DunningActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)

    @activity.defn(name="dunning.evaluate")
    async def evaluate(self, process: Process) -> DunningEvaluation:
        with mapped_failures():
            tenant = self._tenants[process.tenant]
            case = await self._case(process)
            if case is not None and case.stage is DunningStage.CLOSED:
                await self._end_doubts(tenant, process, case)
            if case is None or case.stage is DunningStage.CLOSED:
                return DunningEvaluation(
                    act=DunningAct.OVER, words="nothing is owed", stage="closed"
                )
            snapshot = await _snapshot(tenant, case)
            invoice = _invoice(snapshot, case.invoice_id)
            if (decided := await self._begun(process, case, invoice)) is not None:
                return DunningEvaluation(
                    act=DunningAct.DECIDE,
                    words=f"decided: {decided.action.value}; it was begun, and goes on",
                    stage=case.stage.value,
                    unpaid=invoice.remaining if invoice else None,
                    decided=decided,
                )
            await self._end_doubts(tenant, process, case)
            grace = await self._grace(tenant, case, invoice)
            at = snapshot.subscription.as_of
            moved = advance(case, invoice, tenant.policy.dunning, grace, at)
            await self._move(tenant, case, moved, invoice, grace)
            return _evaluate(moved, invoice, at)

    async def _begun(
        self, process: Process, case: DunningCase, invoice: BillingDocument | None
    ) -> Resolution | None:
        """What a run that was lost had begun, unless billing has ended it otherwise since."""
        if case.stage is not DunningStage.FINAL or case.outcome is not None:
            return None
        async with self._database.statement() as conn:
            decided = await dunning.begun(conn, process)
        outcome = over(invoice)
        if decided is None or outcome is None or carried_out(decided.action.value, outcome):
            return decided
        return None

    @activity.defn(name="dunning.conclude")
    async def conclude(self, decided: DunningDecision) -> None:
        with mapped_failures():
            process, resolution = decided.process, decided.resolution
            tenant, case = self._tenants[process.tenant], await self._case(process)
            if case is None or case.stage is DunningStage.CLOSED:
                return
            snapshot = await _snapshot(tenant, case)
            outcome = over(_invoice(snapshot, case.invoice_id))
            if outcome is not None and not carried_out(resolution.action.value, outcome):
                # Billing was faster, such as by a payment: the next look says so.
                return
            match resolution.action:
                case Action.EXTEND:
                    # All of it begins anew today: the grace, its reminders, and what follows.
                    passed = snapshot.subscription.as_of - case.overdue_since
                    anew = {"extended_days": passed.days, "reminders": 0, "outcome": None}
                    ended = case.model_copy(update=anew)
                case Action.CREDIT:
                    await self._end(tenant, process, case, DocumentStatus.VOID)
                    ended = case.model_copy(update={"outcome": Action.CREDIT.value})
                case Action.WRITE_OFF:
                    await self._end(tenant, process, case, DocumentStatus.UNCOLLECTIBLE)
                    ended = case.model_copy(update={"outcome": Action.WRITE_OFF.value})
                case _:
                    return
            async with self._database.transaction() as conn:
                await dunning.put(conn, tenant.name, ended)
                if ended.outcome is not None:
                    # The books follow what billing says now, whether its events arrive or not.
                    await change_queue.follow(
                        conn,
                        tenant.name,
                        case.subscription_id,
                        why=DunningMoved(ended.outcome, "", case.invoice_id),
                        kind=ChangeKind.BILLED,
                        customer_id=case.customer_id,
                        documents=(case.invoice_id,),
                    )

    async def _move(
        self,
        tenant: Tenant,
        before: DunningCase,
        moved: Advance,
        invoice: BillingDocument | None,
        grace: int,
    ) -> None:
        """The case, its events, and the change that holds back or gives again: all or nothing."""
        now = moved.case
        held = {DunningStage.SUSPENDED, DunningStage.FINAL}
        kind = None
        if now.stage in held and before.stage not in held:
            kind = ChangeKind.SUSPENSION
        if now.stage not in held and before.stage in held:
            kind = ChangeKind.RESTORATION
        async with self._database.transaction() as conn:
            await dunning.put(conn, tenant.name, now)
            if invoice is not None:
                await outbox.publish(
                    conn, tenant.name, _reminders(tenant.name, now, moved, invoice, grace)
                )
            if kind is not None:
                # A case that opens again may come here a second time with the same dates; a look
                # that is repeated does not, because the case has moved by then.
                at = stamp(datetime.now(UTC))
                await change_queue.follow(
                    conn,
                    tenant.name,
                    now.subscription_id,
                    why=DunningMoved(kind.value, at, now.invoice_id),
                    kind=kind,
                    customer_id=now.customer_id,
                    # Read anew: what paid it may not have been told.
                    documents=(now.invoice_id,),
                )

    async def _end(
        self, tenant: Tenant, process: Process, case: DunningCase, outcome: DocumentStatus
    ) -> None:
        """Billing ends it; its own events then bring every other system to the same."""

        for effect in _ends(tenant, process, case, outcome):
            await self._ledger.perform(effect)

    async def _end_doubts(self, tenant: Tenant, process: Process, case: DunningCase) -> None:
        """What was begun of a decision that nobody goes on with, as billing was faster or a person
        gave it up, is looked for: it stands there, or it never was. Nobody else would ask."""
        for outcome in _CLOSINGS:
            for effect in _ends(tenant, process, case, outcome):
                await self._ledger.end_doubt(effect)

    async def _case(self, process: Process) -> DunningCase | None:
        async with self._database.statement() as conn:
            return await dunning.get(conn, process.tenant, process.key)

    async def _grace(
        self, tenant: Tenant, case: DunningCase, invoice: BillingDocument | None
    ) -> int:
        if invoice is None:
            return tenant.policy.dunning.grace_days
        charged = {key for line in invoice.lines for key in keys_of(line)}
        async with self._database.statement() as conn:
            found = await planning_context.master_data(
                conn,
                tenant.name,
                customer_id=case.customer_id,
                keys=charged,
                subscription_id=case.subscription_id,
            )
        return grace_days(invoice, found.items, tenant.policy.dunning)


def _ends(
    tenant: Tenant, process: Process, case: DunningCase, outcome: DocumentStatus
) -> tuple[Effect[Ended], ...]:
    """What is done in billing for the end that was decided, in its order."""

    async def cancel(_: Attempt) -> Ended:
        await tenant.billing.cancel(
            case.subscription_id, key=f"{process.workflow_id}/cancel/{outcome.value}"
        )
        return Ended(outcome="cancelled")

    async def close(_: Attempt) -> Ended:
        await tenant.billing.close_invoice(
            case.invoice_id, outcome, key=f"{process.workflow_id}/close/{outcome.value}"
        )
        return Ended(outcome=outcome.value)

    async def is_cancelled() -> Ended | None:
        now = (await _snapshot(tenant, case)).subscription.status
        return Ended(outcome="cancelled") if now is SubscriptionStatus.CANCELLED else None

    async def is_closed() -> Ended | None:
        now = _invoice(await _snapshot(tenant, case), case.invoice_id)
        closed = now is not None and now.status is outcome
        return Ended(outcome=outcome.value) if closed else None

    return tuple(
        Effect(
            key=effect_key(process.workflow_id, step),
            tenant=tenant.name,
            change_id=process.workflow_id,
            step=step,
            system="billing",
            operation=operation,
            request=case,
            result=Ended,
            probe=probe,
            write=write,
            named=lambda ended: (ended.outcome, None),
            lands_within=tenant.lands("billing"),
        )
        for step, operation, probe, write in (
            ("billing.cancel", "cancel subscription", is_cancelled, cancel),
            (f"billing.{outcome.value}", f"make invoice {outcome.value}", is_closed, close),
        )
    )


async def _snapshot(tenant: Tenant, case: DunningCase) -> BillingSnapshot:
    return await tenant.billing.snapshot(case.subscription_id, documents=[case.invoice_id])


def _invoice(snapshot: BillingSnapshot, invoice_id: str) -> BillingDocument | None:
    return next((found for found in snapshot.documents if found.document_id == invoice_id), None)


def _evaluate(moved: Advance, invoice: BillingDocument | None, at: datetime) -> DunningEvaluation:
    case = moved.case
    seconds = max((moved.next_at - at).total_seconds(), 1.0) if moved.next_at else None
    unpaid = invoice.remaining if invoice else None
    match case.stage:
        case DunningStage.CLOSED:
            act, words = DunningAct.OVER, f"closed: {case.outcome}"
        case DunningStage.FINAL if case.outcome is None:
            act, words = DunningAct.DECIDE, f"{unpaid} is still not paid: finance decides"
        case DunningStage.FINAL:
            act, words = DunningAct.WAIT, f"decided: {case.outcome}; waits for billing to say so"
        case DunningStage.SUSPENDED:
            act, words = DunningAct.WAIT, f"{unpaid} is not paid: what it pays for is suspended"
        case DunningStage.GRACE:
            act, words = (
                DunningAct.WAIT,
                f"{unpaid} is not paid: grace, {case.reminders} reminders told",
            )
    until = f", until {moved.next_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moved.next_at else ""
    return DunningEvaluation(
        act=act, words=words + until, stage=case.stage.value, seconds=seconds, unpaid=unpaid
    )


def _reminders(
    tenant: str, case: DunningCase, moved: Advance, invoice: BillingDocument, grace: int
) -> list[Event]:
    start = case.overdue_since + timedelta(days=case.extended_days)
    told = []
    for place, day in enumerate(moved.reminders, start=case.reminders - len(moved.reminders)):
        kind = "payment.failed.v1" if place == 0 else "payment.reminder_due.v1"
        data = PaymentReminder(
            invoice_id=case.invoice_id,
            subscription_id=case.subscription_id,
            customer_id=case.customer_id,
            unpaid=invoice.remaining,
            day=day,
            suspends_at=start + timedelta(days=grace),
        )
        occasion = f"{case.overdue_since:%Y%m%d%H%M%S}/{case.extended_days}"
        key = f"{case.invoice_id}/{occasion}/{place}"
        told.append(event(tenant, kind, key=key, subject=case.subscription_id, data=data))
    return told
