"""Dunning: reminders, suspension, and the end that a person has decided."""

from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.collecting import payment_effect
from activities.contracts.life import Act, DunningActivities, DunningDecision, DunningLook
from activities.failing import failures_told
from activities.ledger import Effect, EffectLedger, written_again
from activities.tenants import Tenant, Tenants
from canonical_models.amendment import ChangeKind
from canonical_models.base import Canonical
from canonical_models.commerce import BillingSnapshot
from canonical_models.events import Event, PaymentReminder, event
from canonical_models.exceptions import Action
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import EntryKind, PaymentDraft
from canonical_models.process import Process
from canonical_models.term import (
    DunningCase,
    DunningStage,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentState,
)
from persistence import briefing, change_queue, dunning, lines, outbox
from persistence.database import Database
from planning.dunning import Advance, advance, grace_days
from planning.term import local_day


class Ended(Canonical):
    """What was done in billing, in a word."""

    outcome: str


class Dunning(DunningActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)

    @activity.defn(name="dunning.look")
    async def look(self, process: Process) -> DunningLook:
        with failures_told():
            tenant = self._tenants[process.tenant]
            case = await self._case(process)
            if case is None or case.stage is DunningStage.CLOSED:
                return DunningLook(act=Act.OVER, words="nothing is owed", stage="closed")
            snapshot = await tenant.billing.snapshot(case.subscription_id, since=None)
            invoice = _invoice(snapshot, case.invoice_id)
            grace = await self._grace(tenant, case, snapshot)
            at = snapshot.subscription.as_of
            moved = advance(case, invoice, tenant.policy.dunning, grace, at)
            await self._move(tenant, case, moved, invoice, grace)
            return _look(moved, invoice, at)

    @activity.defn(name="dunning.conclude")
    async def conclude(self, decided: DunningDecision) -> None:
        with failures_told():
            process, resolution = decided.process, decided.resolution
            tenant, case = self._tenants[process.tenant], await self._case(process)
            if case is None or case.stage is DunningStage.CLOSED:
                return
            match resolution.action:
                case Action.EXTEND:
                    # All of it begins anew today: the grace, its reminders, and what follows.
                    snapshot = await tenant.billing.snapshot(case.subscription_id, since=None)
                    passed = snapshot.subscription.as_of - case.overdue_since
                    anew = {"extended_days": passed.days, "reminders": 0, "outcome": None}
                    ended = case.model_copy(update=anew)
                case Action.CREDIT:
                    await self._end(tenant, process, case, InvoiceStatus.VOID)
                    ended = case.model_copy(update={"outcome": Action.CREDIT.value})
                case Action.WRITE_OFF:
                    await self._end(tenant, process, case, InvoiceStatus.UNCOLLECTIBLE)
                    await self._write_off(tenant, process, case)
                    ended = case.model_copy(update={"outcome": Action.WRITE_OFF.value})
                case _:
                    return
            async with self._database.work() as raw:
                await dunning.put(raw, tenant.name, ended)

    async def _move(
        self,
        tenant: Tenant,
        before: DunningCase,
        moved: Advance,
        invoice: Invoice | None,
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
        async with self._database.work() as raw:
            await dunning.put(raw, tenant.name, now)
            if invoice is not None:
                await outbox.publish(
                    raw, tenant.name, _reminders(tenant.name, now, moved, invoice, grace)
                )
            if kind is not None:
                # A case that opens again may come here a second time with the same dates; a look
                # that is repeated does not, because the case has moved by then.
                occasion = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
                await change_queue.follow(
                    raw,
                    tenant.name,
                    now.subscription_id,
                    why=f"dunning/{now.invoice_id}/{kind.value}/{occasion}",
                    kind=kind,
                    customer_id=now.customer_id,
                )

    async def _end(
        self, tenant: Tenant, process: Process, case: DunningCase, outcome: InvoiceStatus
    ) -> None:
        """Billing ends it; its own events then bring every other system to the same."""

        async def cancelled() -> Ended:
            await tenant.billing.cancel(
                case.subscription_id, key=f"{process.workflow_id}/cancel/{outcome.value}"
            )
            return Ended(outcome="cancelled")

        async def closed() -> Ended:
            await tenant.billing.close_invoice(
                case.invoice_id, outcome, key=f"{process.workflow_id}/close/{outcome.value}"
            )
            return Ended(outcome=outcome.value)

        for step, operation, write in (
            ("billing.cancel", "cancel subscription", cancelled),
            (f"billing.{outcome.value}", f"make invoice {outcome.value}", closed),
        ):
            await self._ledger.perform(
                Effect(
                    tenant=tenant.name,
                    change_id=process.workflow_id,
                    step=step,
                    system="billing",
                    operation=operation,
                    request=case,
                    result=Ended,
                    # Both leave what is so already as it is, so they are simply done again.
                    probe=written_again,
                    write=write,
                    named=lambda ended: (ended.outcome, None),
                )
            )

    async def _write_off(self, tenant: Tenant, process: Process, case: DunningCase) -> None:
        snapshot = await tenant.billing.snapshot(case.subscription_id, since=None)
        invoice = _invoice(snapshot, case.invoice_id)
        async with self._database.statement() as raw:
            found = await briefing.master_data(
                raw,
                tenant.name,
                customer_id=case.customer_id,
                items=set(),
                subscription_id=case.subscription_id,
            )
            documents = await lines.documents_of(raw, tenant.name, [case.invoice_id])
        account = found.account
        if invoice is None or account is None:
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"invoice {case.invoice_id} of customer {case.customer_id} cannot be written off: "
                "the customer's account mapping or the invoice is gone; restore it and retry",
                system="trueup",
                subject=case.customer_id,
            )
        owed = invoice.total - invoice.paid
        if not owed:
            return
        payment = Payment(
            payment_id=f"{case.invoice_id}/write-off",
            invoice_id=case.invoice_id,
            amount=owed,
            state=PaymentState.WRITTEN_OFF,
            at=snapshot.subscription.as_of,
        )
        draft = PaymentDraft(
            reference=payment.payment_id,
            kind=EntryKind.WRITE_OFF,
            legal_entity=account.legal_entity,
            party=account.erp_party,
            amount=owed,
            value_date=local_day(payment.at, tenant.zone(account)),
            documents=tuple(
                document
                for document, entity in documents.get(case.invoice_id, ())
                if entity == account.legal_entity
            ),
        )
        await self._ledger.perform(
            payment_effect(tenant, process.workflow_id, case.subscription_id, payment, draft)
        )

    async def _case(self, process: Process) -> DunningCase | None:
        async with self._database.statement() as raw:
            return await dunning.get(raw, process.tenant, process.key)

    async def _grace(self, tenant: Tenant, case: DunningCase, snapshot: BillingSnapshot) -> int:
        charged = {line.item for line in snapshot.lines if line.invoice_id == case.invoice_id}
        async with self._database.statement() as raw:
            found = await briefing.master_data(
                raw,
                tenant.name,
                customer_id=case.customer_id,
                items=charged,
                subscription_id=case.subscription_id,
            )
        names = {item: mapping.erp_item for item, mapping in found.items.items()}
        return grace_days(case.invoice_id, snapshot.lines, names, tenant.policy.dunning)


def _invoice(snapshot: BillingSnapshot, invoice_id: str) -> Invoice | None:
    return next((i for i in snapshot.invoices if i.invoice_id == invoice_id), None)


def _look(moved: Advance, invoice: Invoice | None, at: datetime) -> DunningLook:
    case = moved.case
    seconds = max((moved.next_at - at).total_seconds(), 1.0) if moved.next_at else None
    unpaid = invoice.total - invoice.paid if invoice else None
    match case.stage:
        case DunningStage.CLOSED:
            act, words = Act.OVER, f"closed: {case.outcome}"
        case DunningStage.FINAL if case.outcome is None:
            act, words = Act.DECIDE, f"{unpaid} is still not paid: finance decides"
        case DunningStage.FINAL:
            act, words = Act.WAIT, f"decided: {case.outcome}; waits for billing to say so"
        case DunningStage.SUSPENDED:
            act, words = Act.WAIT, f"{unpaid} is not paid: what it pays for is suspended"
        case DunningStage.GRACE:
            act, words = Act.WAIT, f"{unpaid} is not paid: grace, {case.reminders} reminders told"
    until = f", until {moved.next_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moved.next_at else ""
    return DunningLook(
        act=act, words=words + until, stage=case.stage.value, seconds=seconds, unpaid=unpaid
    )


def _reminders(
    tenant: str, case: DunningCase, moved: Advance, invoice: Invoice, grace: int
) -> list[Event]:
    start = case.overdue_since + timedelta(days=case.extended_days)
    told = []
    for place, day in enumerate(moved.reminders, start=case.reminders - len(moved.reminders)):
        kind = "payment.failed.v1" if place == 0 else "payment.reminder_due.v1"
        data = PaymentReminder(
            invoice_id=case.invoice_id,
            subscription_id=case.subscription_id,
            customer_id=case.customer_id,
            unpaid=invoice.total - invoice.paid,
            day=day,
            suspends_at=start + timedelta(days=grace),
        )
        occasion = f"{case.overdue_since:%Y%m%d%H%M%S}/{case.extended_days}"
        key = f"{case.invoice_id}/{occasion}/{place}"
        told.append(event(tenant, kind, key=key, subject=case.subscription_id, data=data))
    return told
