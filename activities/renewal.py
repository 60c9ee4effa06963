"""Renewals: tried out ahead, and asked for when billing does not tell of one that is due."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities.contracts.renewal import (
    ForecastInput,
    ForecastProblem,
    Foreseen,
    RenewalAct,
    RenewalActivities,
    RenewalEvaluation,
)
from activities.error_mapping import mapped_failures
from activities.tenants import Tenant, Tenants
from canonical_models.amendment import ChangeKind
from canonical_models.commerce import Subscription, SubscriptionItem
from canonical_models.events import RenewalDue, event
from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import LedgerQuestion
from canonical_models.mapping import ItemMapping
from canonical_models.money import Money
from canonical_models.occasion import RenewalMissed, stamp
from canonical_models.process import Process
from canonical_models.states import Forecast
from persistence import change_queue, contracts, outbox, planning_context, subscriptions
from persistence.database import Database
from planning.mapping import keys_of_item, mapped_item
from planning.refusals import unmapped_item
from planning.term import local_day


class Renewals(RenewalActivities):
    def __init__(self, database: Database, tenants: Tenants) -> None:
        self._database = database
        self._tenants = tenants

    @activity.defn(name="renewal.evaluate")
    async def evaluate(self, process: Process) -> RenewalEvaluation:
        with mapped_failures():
            tenant = self._tenants[process.tenant]
            async with self._database.statement() as conn:
                contract = await contracts.get(conn, process.tenant, process.key)
                agreed = await subscriptions.seen_at(conn, process.tenant, process.key)
            if contract is None or (contract.renews_at is None and contract.ends_at is None):
                return RenewalEvaluation(act=RenewalAct.OVER, words="there is no renewal to come")
            # Only the time is read: a customer in a sandbox lives by billing's test clock.
            snapshot = await tenant.billing.snapshot(process.key)
            at = snapshot.subscription.as_of
            if contract.renews_at is None:
                return _until_the_end(contract, agreed, at)
            return _next(tenant, contract, at)

    @activity.defn(name="renewal.forecast")
    async def forecast(self, given: ForecastInput) -> Foreseen:
        with mapped_failures():
            process = given.process
            tenant, subscription = self._tenants[process.tenant], await self._agreed(process)
            await self._prove(tenant, subscription, given.renewal)
            amount = expected(subscription)
            await self._foresee(given, amount, None)
            return Foreseen(amount=amount, words=f"the renewal over {amount} will post")

    @activity.defn(name="renewal.blocked")
    async def blocked(self, given: ForecastProblem) -> Money:
        with mapped_failures():
            amount = expected(await self._agreed(given.process))
            foreseen = ForecastInput(process=given.process, renewal=given.renewal)
            await self._foresee(foreseen, amount, given.problem)
            return amount

    @activity.defn(name="renewal.call")
    async def call(self, given: ForecastInput) -> None:
        with mapped_failures():
            async with self._database.transaction() as conn:
                await change_queue.follow(
                    conn,
                    given.process.tenant,
                    given.process.key,
                    # To the second: what is tried again at once asks for the same.
                    why=RenewalMissed(
                        stamp(given.renewal),
                        stamp(datetime.now(UTC).replace(microsecond=0)),
                        given.process.key,
                    ),
                    kind=ChangeKind.RENEWAL,
                    customer_id=given.process.customer_id,
                    # Events were lost: whatever else they would have told of is read as well.
                    whole=True,
                    lane=change_queue.RENEWAL,
                )

    async def _prove(self, tenant: Tenant, subscription: Subscription, renewal: datetime) -> None:
        """Everything that posting the renewal will need, asked of those that will be asked then."""
        customer = subscription.customer.customer_id
        sold = [item for item in subscription.items if item.quantity]
        async with self._database.statement() as conn:
            found = await planning_context.master_data(
                conn,
                tenant.name,
                customer_id=customer,
                keys={key for item in sold for key in keys_of_item(item)},
                subscription_id=subscription.subscription_id,
            )
        account = found.account
        if account is None:
            raise Rejection(
                RejectionCode.ACCOUNT_UNMAPPED,
                f"billing customer {customer} has no ERP party and support organisation: map it "
                "before the renewal",
                system="trueup",
                subject=customer,
            )
        items = {_mapped(item, found.items).erp_item for item in sold}
        if items:
            books = tenant.policy.books.of(account.legal_entity)
            await tenant.erp.check(
                LedgerQuestion(
                    legal_entity=account.legal_entity,
                    party=account.erp_party,
                    currency=subscription.currency,
                    on=local_day(renewal, books.time_zone or tenant.zone(account)),
                    items=tuple(sorted(items)),
                    closed_period=books.closed_period,
                )
            )
        if await tenant.support.organization(account.support_organization) is None:
            raise Rejection(
                RejectionCode.ORGANIZATION_UNKNOWN,
                f"the support platform has no organisation {account.support_organization}: create "
                "it there, or correct the mapping, before the renewal",
                system="support",
                subject=account.support_organization,
            )

    async def _agreed(self, process: Process) -> Subscription:
        async with self._database.transaction() as conn:
            agreed = await subscriptions.get(conn, process.tenant, process.key)
        if agreed is None:
            raise Rejection(
                RejectionCode.SUBSCRIPTION_UNKNOWN,
                f"subscription {process.key} has not been agreed on by any change: replay its "
                "events, then retry",
                system="trueup",
                subject=process.key,
            )
        return agreed.subscription

    async def _foresee(self, given: ForecastInput, amount: Money, problem: str | None) -> None:
        process, ready = given.process, problem is None
        told = RenewalDue(
            subscription_id=process.key,
            customer_id=process.customer_id or process.key,
            renews_at=given.renewal,
            amount=amount,
            ready=ready,
            problem=problem,
        )
        occasion = f"{process.key}/{given.renewal:%Y%m%dT%H%M%S}/{'ready' if ready else 'blocked'}"
        async with self._database.transaction() as conn:
            await contracts.foresee(
                conn,
                process.tenant,
                process.key,
                renewal=given.renewal,
                forecast=Forecast.READY if ready else Forecast.BLOCKED,
                amount=amount,
                problem=problem,
            )
            await outbox.publish(
                conn,
                process.tenant,
                [
                    event(
                        process.tenant,
                        "subscription.renewal_due.v1",
                        key=occasion,
                        subject=process.key,
                        data=told,
                    )
                ],
            )


def _mapped(item: SubscriptionItem, items: Mapping[str, ItemMapping]) -> ItemMapping:
    found = mapped_item(item, items)
    if found is None:
        raise unmapped_item(item.plan.plan_id)
    return found


def expected(subscription: Subscription) -> Money:
    """What the next period costs at the present prices, before tax and discounts; what has no price
    a unit is left out."""
    prices = ((item.plan.unit_price, item.quantity) for item in subscription.items)
    return Money.total(
        (
            price.scaled(quantity, 1)
            for price, quantity in prices
            if price is not None and price.currency == subscription.currency
        ),
        subscription.currency,
    )


def _until_the_end(
    contract: contracts.ContractView, agreed: datetime | None, at: datetime
) -> RenewalEvaluation:
    """A contract that ends is looked at once more when it has: `agreed` is when billing was last
    read for it."""
    ends = contract.ends_at
    if ends is None or (agreed is not None and agreed >= ends):
        return RenewalEvaluation(act=RenewalAct.OVER, words="there is no renewal to come")
    if at < ends:
        return RenewalEvaluation(
            act=RenewalAct.WAIT,
            words=f"waits for the contract to end on {ends:%Y-%m-%d %H:%M} UTC",
            seconds=_seconds(ends, at),
        )
    return RenewalEvaluation(act=RenewalAct.CALL, words="the contract has ended", renewal=ends)


def _next(tenant: Tenant, contract: contracts.ContractView, at: datetime) -> RenewalEvaluation:
    policy, due = tenant.policy.renewal, contract.renews_at
    if due is None:
        raise ValueError(f"contract {contract.subscription_id} has no renewal")
    ahead = due - timedelta(days=policy.forecast_days)
    late = due + timedelta(hours=policy.late_hours)
    if at >= late:
        return RenewalEvaluation(
            act=RenewalAct.CALL,
            words=f"billing has not told of the renewal of {due:%Y-%m-%d}",
            renewal=due,
        )
    if at < ahead:
        return RenewalEvaluation(
            act=RenewalAct.WAIT,
            words=f"tries the renewal of {due:%Y-%m-%d} out on {ahead:%Y-%m-%d}",
            seconds=_seconds(ahead, at),
            renewal=due,
        )
    if contract.forecast_for != due or contract.forecast is not Forecast.READY:
        return RenewalEvaluation(
            act=RenewalAct.FORECAST,
            words=f"trying the renewal of {due:%Y-%m-%d} out",
            seconds=_seconds(late, at),
            renewal=due,
        )
    return RenewalEvaluation(
        act=RenewalAct.WAIT,
        words=f"waits for the renewal of {due:%Y-%m-%d}, which is {contract.forecast}",
        seconds=_seconds(late, at),
        renewal=due,
    )


def _seconds(until: datetime, at: datetime) -> float:
    return max((until - at).total_seconds(), 1.0)
