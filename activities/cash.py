"""Payouts of billing in the books, and clearing beside billing's balance."""

import contextlib
from datetime import UTC, date, datetime, timedelta
from functools import partial

from temporalio import activity

from activities.contracts.cash import (
    CashActivities,
    CashInput,
    CashLooked,
    PayoutAct,
    PayoutLook,
    TakeBackInput,
)
from activities.deposits import booked_of, deposit_effect, take_back
from activities.error_mapping import mapped_failures
from activities.ledger import EffectLedger
from activities.tenants import Tenant, Tenants
from canonical_models.cash import (
    NOT_PAID,
    DepositDraft,
    DepositEntry,
    Payout,
    PayoutBooked,
    PayoutState,
    PayoutStatus,
    PayoutView,
)
from canonical_models.failures import Failure, Rejection, RejectionCode
from canonical_models.policy import CashPolicy
from canonical_models.process import Process, payout_of, payout_process
from persistence import cash, lanes, processes
from persistence.database import Database
from planning.cash import (
    accounts_of,
    deposit_of,
    is_before,
    require_agreement,
    return_of,
    standings,
    waits,
)
from planning.term import local_day

#: Payouts so long ago are looked for that nobody has told us of.
_LOOK_BACK = timedelta(days=30)
_MOST_WORDS = 500


class Cash(CashActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants
        self._ledger = EffectLedger(database)

    @activity.defn(name="cash.read_payout")
    async def read_payout(self, process: Process) -> PayoutLook:
        with mapped_failures():
            tenant = self._tenants[process.tenant]
            policy = tenant.policy.books.cash
            if policy is None:
                return _over("payouts are not booked: books.cash is not set in the policy", "off")
            payout, known = await self._read(tenant, process)
            if known.state in (PayoutState.HELD, PayoutState.BEFORE, PayoutState.RETURNED):
                return _over(_words(known), known.state.value, payout)
            if known.state is PayoutState.BOOKED and payout.status not in NOT_PAID:
                return _over(_words(known), known.state.value, payout)
            if (why := waits(payout)) is not None:
                await self._note(tenant, process, known.state, why)
                return PayoutLook(
                    act=PayoutAct.WAIT, words=why, stage="underway", amount=payout.amount
                )
            lane = tenant.lane(policy.legal_entity)
            if lane is not None:
                async with self._database.statement() as conn:
                    await lanes.needed(conn, tenant.name, policy.legal_entity)
            return PayoutLook(
                act=PayoutAct.BOOK,
                words=f"{payout.status.value}: to be booked",
                stage="booking",
                amount=payout.amount,
                lane=lane,
            )

    @activity.defn(name="cash.book_payout")
    async def book_payout(self, process: Process) -> str:
        with mapped_failures():
            tenant = self._tenants[process.tenant]
            policy = _required(tenant)
            payout, known = await self._read(tenant, process)
            if known.state is PayoutState.SEEN:
                known = await self._book_first(tenant, process, policy, payout)
            if known.state is PayoutState.BOOKED and payout.status in NOT_PAID:
                await self._book_return(tenant, process, policy, payout)
            _, known = await self._read(tenant, process)
            return _words(known)

    async def _book_first(
        self, tenant: Tenant, process: Process, policy: CashPolicy, payout: Payout
    ) -> PayoutView:
        draft, state = self._draft(tenant, policy, payout), PayoutState.BOOKED
        if payout.status in NOT_PAID:
            # It may have been booked before its money came back.
            paid = self._draft(tenant, policy, _as_paid(payout))
            found = None if paid is None else await tenant.erp.find_deposit(paid)
            was_paid = found is not None and bool(found.received)
            draft, state = (paid, state) if was_paid else (draft, PayoutState.RETURNED)
        if draft is None:
            note = "its money never left billing, and nothing was kept of it"
            await self._note(tenant, process, PayoutState.RETURNED, note)
        else:
            entry = await self._entered(tenant, process, draft)
            covered = None if payout.movements is None else len(payout.movements)
            await self._stands(tenant, process, state, booked=booked_of(entry, covered))
        return await self._known(tenant, process)

    async def _book_return(
        self, tenant: Tenant, process: Process, policy: CashPolicy, payout: Payout
    ) -> None:
        paid = self._draft(tenant, policy, _as_paid(payout))
        if paid is None:
            raise AssertionError("what was booked as paid is of something")
        entry = await self._entered(tenant, process, return_of(payout, paid))
        note = f"its money came back: move {entry.number}"
        await self._stands(tenant, process, PayoutState.RETURNED, note=note)

    async def _entered(self, tenant: Tenant, process: Process, draft: DepositDraft) -> DepositEntry:
        """Entered once, and as it stands there now. Raises Rejection where that is something
        else."""
        entered = await self._ledger.perform(deposit_effect(tenant, process, draft))
        entry = await tenant.erp.find_deposit(draft) or entered
        require_agreement(draft, entry)
        return entry

    @activity.defn(name="cash.take_back_payout")
    async def take_back_payout(self, given: TakeBackInput) -> None:
        with mapped_failures():
            process = given.process
            tenant = self._tenants[process.tenant]
            policy = _required(tenant)
            if given.by_hand:
                await self._closed_by_hand(tenant, policy, given)
                return
            payout, known = await self._read(tenant, process)
            on = local_day(datetime.now(UTC), tenant.zone_of_books(policy.legal_entity))
            for draft in self._drafts(tenant, policy, payout, known):
                effect = deposit_effect(tenant, process, draft)
                await self._ledger.undo(effect, partial(take_back, tenant, draft, on))
            await self._note(tenant, process, PayoutState.HELD, given.reason)

    async def _closed_by_hand(
        self, tenant: Tenant, policy: CashPolicy, given: TakeBackInput
    ) -> None:
        """It may be that billing cannot be read, and that this is why a person had to do it."""
        with contextlib.suppress(Failure):
            payout, known = await self._read(tenant, given.process)
            for draft in self._drafts(tenant, policy, payout, known):
                effect = deposit_effect(tenant, given.process, draft)
                await self._ledger.close_by_hand(effect, by=given.by, reference=given.reason)
        await self._note(tenant, given.process, PayoutState.HELD, given.reason)

    def _drafts(
        self, tenant: Tenant, policy: CashPolicy, payout: Payout, known: PayoutView
    ) -> list[DepositDraft]:
        """What may have been booked of it, the latest first."""
        try:
            plain = self._draft(tenant, policy, payout)
            paid = self._draft(tenant, policy, _as_paid(payout))
        except Rejection:
            if known.state is not PayoutState.SEEN:
                raise
            # What cannot be proven was never begun.
            return []
        first = paid if known.state is PayoutState.BOOKED else plain
        if known.state is PayoutState.BOOKED and payout.status in NOT_PAID and paid is not None:
            return [return_of(payout, paid), paid]
        return [] if first is None else [first]

    def _draft(self, tenant: Tenant, policy: CashPolicy, payout: Payout) -> DepositDraft | None:
        books = tenant.policy.books.of(policy.legal_entity)
        return deposit_of(payout, policy, first_open_day=books.closed_period == "first_open_day")

    async def _read(self, tenant: Tenant, process: Process) -> tuple[Payout, PayoutView]:
        """The payout as billing says it now, kept; and what became of it here."""
        connection, payout_id = payout_of(process)
        payout = await tenant.billing.payout(payout_id)
        before = is_before(payout, _cutover(tenant))
        state = PayoutState.BEFORE if before else PayoutState.SEEN
        async with self._database.transaction() as conn:
            await cash.seen(conn, tenant.name, connection, payout, state=state)
            await cash.moved(
                conn, tenant.name, connection, payout.movements or (), payout_id=payout_id
            )
        return payout, await self._known(tenant, process)

    async def _known(self, tenant: Tenant, process: Process) -> PayoutView:
        connection, payout_id = payout_of(process)
        async with self._database.statement() as conn:
            known = await cash.get(conn, tenant.name, connection, payout_id)
        if known is None:
            raise RuntimeError(f"payout {payout_id} was kept and is gone: who deleted it?")
        return known

    async def _note(self, tenant: Tenant, process: Process, state: PayoutState, note: str) -> None:
        await self._stands(tenant, process, state, note=note)

    async def _stands(
        self,
        tenant: Tenant,
        process: Process,
        state: PayoutState,
        *,
        booked: PayoutBooked | None = None,
        note: str | None = None,
    ) -> None:
        connection, payout_id = payout_of(process)
        async with self._database.statement() as conn:
            await cash.stands(
                conn, tenant.name, connection, payout_id, state=state, booked=booked, note=note
            )

    @activity.defn(name="cash.look")
    async def look(self, given: CashInput) -> CashLooked:
        with mapped_failures():
            tenant = self._tenants[given.tenant]
            policy = tenant.policy.books.cash
            if policy is None:
                return CashLooked(problem="books.cash is not set in the policy")
            try:
                return await self._look(tenant, policy)
            except Failure as failure:
                problem = failure.message[:_MOST_WORDS]
                async with self._database.statement() as conn:
                    await cash.not_read(
                        conn, tenant.name, tenant.connection, policy.legal_entity, problem
                    )
                return CashLooked(problem=problem)

    async def _look(self, tenant: Tenant, policy: CashPolicy) -> CashLooked:
        name, connection = tenant.name, tenant.connection
        async with self._database.statement() as conn:
            after = await cash.newest(conn, name, connection)
        # Before what is on it: a movement that comes in between is seen by the next look.
        moved = await tenant.billing.cash_movements(since=tenant.books_from, after=after)
        balance = await tenant.billing.cash_balance()
        accounts = accounts_of(policy, balance.amounts[0].currency if balance.amounts else "")
        clearing = await tenant.erp.clearing(accounts)
        told = await self._tell(tenant)
        async with self._database.transaction() as conn:
            await cash.moved(conn, name, connection, moved)
            unbooked = await cash.loose(conn, name, connection)
            found = standings(balance.amounts, clearing, unbooked)
            newest = moved[-1].movement_id if moved else after
            await cash.looked(conn, name, connection, policy.legal_entity, found, newest=newest)
        return CashLooked(
            currencies=len(found),
            differences=sum(1 for each in found if each.difference),
            told=told,
        )

    async def _tell(self, tenant: Tenant) -> int:
        """Payouts of which no event has come are looked at all the same."""
        since = max(tenant.books_from, datetime.now(UTC) - _LOOK_BACK)
        found = await tenant.billing.payouts_since(since)
        async with self._database.transaction() as conn:
            unknown = await cash.unknown(conn, tenant.name, tenant.connection, found)
            await processes.news(
                conn, [payout_process(tenant.name, tenant.connection, each) for each in unknown]
            )
        return len(unknown)


def _as_paid(payout: Payout) -> Payout:
    return payout.model_copy(update={"status": PayoutStatus.PAID})


def _cutover(tenant: Tenant) -> date:
    return local_day(tenant.books_from, tenant.policy.time_zone)


def _required(tenant: Tenant) -> CashPolicy:
    policy = tenant.policy.books.cash
    if policy is None:
        raise Rejection(
            RejectionCode.PAYMENT_REFUSED,
            "payouts are not booked any more: set books.cash in the policy again, or abort",
            system="trueup",
            subject="books.cash",
        )
    return policy


def _over(words: str, stage: str, payout: Payout | None = None) -> PayoutLook:
    return PayoutLook(
        act=PayoutAct.OVER, words=words, stage=stage, amount=payout.amount if payout else None
    )


def _words(known: PayoutView) -> str:
    match known.state:
        case PayoutState.BOOKED:
            number = known.booked.number if known.booked else None
            return f"booked: move {number}"
        case PayoutState.RETURNED:
            return known.note or "its money is with billing again; what was kept of it is booked"
        case PayoutState.HELD:
            return f"kept out of the books: {known.note}"
        case PayoutState.BEFORE:
            return "it reached the bank before the cutover: the process before has it"
        case PayoutState.SEEN:
            return known.note or "not in the books yet"
