"""What comes a second time is no repetition: suspended again, opened again, told again."""

from datetime import UTC, datetime, timedelta

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionStatus
from canonical_models.entitlement import GrantState
from canonical_models.process import SUPPORT_TARGET, ProcessKind, entitlement_processes
from canonical_models.term import DunningStage
from persistence import contracts, grants, processes
from tests.harness.lives import Life
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.waiting import until
from tests.lives.test_lives_dunning import passes, unpaid
from tests.lives.test_lives_entitlement import by_hand, subscribed, told

TOLD = entitlement_processes("acme", "cus_1", ("app", SUPPORT_TARGET))


def overdue(life: Life, since: datetime | None) -> None:
    (asked,) = life.billing.documents
    life.replace(asked.model_copy(update={"overdue_since": since}))


async def given(life: Life, state: GrantState) -> None:
    """Until all that is granted is so."""

    async def so() -> bool:
        return {grant.state for grant in await life.grants()} == {state}

    await until(so, f"what is granted is {state.value}")


async def test_a_debit_that_comes_to_nothing_suspends_again(life: Life) -> None:
    """Suspended; a debit is under way, so nothing is held back; it fails, and the invoice is
    overdue since the same day as before."""
    await unpaid(life)
    since = life.now
    await passes(life, 8)
    await life.stage("in_1", "suspended")
    await given(life, GrantState.SUSPENDED)

    overdue(life, None)
    await life.look(ChangeKind.PAYMENT)
    assert (await life.stage("in_1", "closed")).outcome == "ended"
    await given(life, GrantState.ACTIVE)

    overdue(life, since)
    await life.look(ChangeKind.PAYMENT)
    case = await life.stage("in_1", "suspended")
    assert case.stage is DunningStage.SUSPENDED
    await given(life, GrantState.SUSPENDED)
    kinds = [change.kind for change in await life.changes()]
    assert kinds.count(ChangeKind.SUSPENSION) == 2
    # Nobody is reminded of the same debt a second time.
    assert len(await life.events("payment.failed.v1")) == 1


async def test_a_subscription_that_ends_as_it_began_has_no_renewal(life: Life) -> None:
    life.billing = snapshot(subscription(item("pro", 5)), invoice(line("il_1", 20000)))
    await life.look()
    begun = life.billing.subscription.started_at
    life.change(status=SubscriptionStatus.CANCELLED, ended_at=begun)
    assert (await life.look()).kind is ChangeKind.CANCELLATION

    async with life.database.statement() as conn:
        contract = await contracts.get(conn, "acme", "sub_1")
    assert contract is not None
    assert contract.renews_at is None
    assert await life.handle(ProcessKind.RENEWAL, "sub_1").result() == "there is no renewal to come"


async def test_a_change_of_a_subscription_is_not_told_as_one_of_time(life: Life) -> None:
    """Though the customer's process waits for a grant that ends in a year."""
    await subscribed(life)
    now = datetime.now(UTC)
    async with life.database.transaction() as conn:
        grant = by_hand("beta", now - timedelta(days=1), now + timedelta(days=365))
        await grants.give(conn, "acme", grant, by="grt_1")
        await processes.news(conn, TOLD)
    await told(life, {"beta": 1, "seats": 5, "sso": 1})

    life.change(items=(item("pro", 7),))
    await life.look()
    await told(life, {"beta": 1, "seats": 7, "sso": 1})

    assert await life.events("entitlement.timed.v1") == []
    assert len(await life.events("entitlement.changed.v1")) == 1
