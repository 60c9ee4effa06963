"""Years of renewals: tried out ahead, asked for when late, caught up one by one."""

from datetime import timedelta

import pytest

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import SubscriptionStatus
from canonical_models.entitlement import SupportEntitlement
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.process import ProcessKind
from persistence import contracts, mappings
from tests.harness.lives import Life
from tests.harness.subscriptions import ACCOUNT, item, line, snapshot, subscription
from tests.harness.systems import refused
from tests.harness.waiting import until
from workflows.names import STATUS, Status

YEAR = timedelta(days=365)


async def begun(life: Life) -> None:
    """A year of `pro` has been sold and posted."""
    year = item("pro", 5).model_copy(
        update={"period_end": subscription(item("pro")).items[0].period_start + YEAR}
    )
    life.billing = snapshot(subscription(year))
    life.change(as_of=year.period_start)
    bill_period(life)
    assert (await life.look()).outcome == "completed"

    async def waits() -> bool:
        process = life.handle(ProcessKind.RENEWAL, "sub_1")
        return "tries the renewal" in (await process.query(STATUS, result_type=Status)).words

    await until(waits, "the process waits for the renewal")


def bill_period(life: Life) -> None:
    (now,) = life.billing.subscription.items
    year = now.period_start.year
    whole = {
        "proration": False,
        "item_id": now.item_id,
        "period_start": now.period_start,
        "period_end": now.period_end,
    }
    life.bill(f"in_{year}", line(f"il_{year}", 240000).model_copy(update=whole))


def renew(life: Life) -> None:
    """Billing goes on into the next year."""
    (now,) = life.billing.subscription.items
    later = {"period_start": now.period_end, "period_end": now.period_end + YEAR}
    life.change(items=(now.model_copy(update=later),))
    bill_period(life)


def shown(life: Life) -> SupportEntitlement:
    return life.systems.support.shown["cus_1"]


async def passes(life: Life, days: float) -> None:
    await life.passes(days, ProcessKind.RENEWAL, "sub_1")


async def forecast(life: Life, state: str) -> contracts.ContractView:
    found: list[contracts.ContractView] = []

    async def reached() -> bool:
        async with life.database.statement() as conn:
            contract = await contracts.get(conn, "acme", "sub_1")
        assert contract is not None
        found[:] = [contract]
        return contract.forecast == state and contract.forecast_for == contract.renews_at

    await until(reached, f"the forecast is {state}")
    return found[0]


@pytest.mark.slow
async def test_five_years_of_renewals(life: Life) -> None:
    await begun(life)
    for year in range(1, 6):
        await passes(life, 352)
        told = await forecast(life, "ready")
        assert told.forecast_amount is not None
        assert told.forecast_amount.minor == 20000
        await passes(life, 13)
        renew(life)
        change = await life.look(ChangeKind.RENEWAL)
        assert (change.kind, change.outcome) == (ChangeKind.RENEWAL, "completed")
        assert len(life.systems.erp.documents) == year + 1
    assert life.systems.erp.balance == 6 * 240000
    assert len(await life.events("subscription.renewal_due.v1")) == 5
    assert len(await life.events("subscription.renewed.v1")) == 5
    end = life.systems.support.shown["cus_1"].contract_end
    assert end == life.billing.subscription.period_end


async def test_what_is_in_the_way_is_asked_early(life: Life) -> None:
    await begun(life)
    life.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]

    await passes(life, 352)
    asked = await life.exception("period_closed")

    assert (asked.owner, asked.at_risk and asked.at_risk.minor) == ("finance", 20000)
    assert asked.workflow_id == "renewal/acme/sub_1"
    blocked = await forecast(life, "blocked")
    assert blocked.forecast_problem == "scripted period_closed"
    # Changes of the subscription go on meanwhile.
    life.bill("in_extra", line("ii_1", 100))
    assert (await life.look()).outcome == "completed"

    asked = await life.exception("period_closed")
    await life.decide(ProcessKind.RENEWAL, "sub_1", asked, Action.RETRY)
    await forecast(life, "ready")
    await life.no_exception()


async def test_the_question_ends_when_the_term_moves_on(life: Life) -> None:
    await begun(life)
    life.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await passes(life, 352)
    await life.exception("period_closed")

    await passes(life, 13)
    renew(life)
    await life.look(ChangeKind.RENEWAL)

    await life.no_exception()


async def test_a_forecast_that_a_person_leaves_is_not_asked_again(life: Life) -> None:
    await begun(life)
    life.systems.script.faults["erp.check"] = [refused(RejectionCode.PERIOD_CLOSED)]
    await passes(life, 352)
    asked = await life.exception("period_closed")

    await life.decide(ProcessKind.RENEWAL, "sub_1", asked, Action.ABORT)
    await life.no_exception()
    await passes(life, 5)

    await life.no_exception()
    await forecast(life, "blocked")


async def test_a_renewal_that_billing_does_not_tell_of_is_asked_for(life: Life) -> None:
    await begun(life)
    await passes(life, 352)
    await forecast(life, "ready")
    # Billing has renewed, and its events are lost.
    await passes(life, 13)
    renew(life)
    await passes(life, 0.5)

    async def renewed() -> bool:
        return [c.outcome for c in await life.changes() if c.kind is ChangeKind.RENEWAL] == [
            "completed"
        ]

    await until(renewed, "the renewal has been asked for and posted")
    assert len(life.systems.erp.documents) == 2


async def test_periods_that_were_missed_are_all_posted(life: Life) -> None:
    """No event of three years has come: what is asked for when one is late reads them all."""
    await begun(life)
    for _ in range(3):
        life.change(as_of=life.now + YEAR)
        renew(life)

    await passes(life, 352)

    async def posted() -> bool:
        documents = life.systems.erp.documents
        return [d.external_id for d in documents] == ["in_2026", "in_2027", "in_2028", "in_2029"]

    await until(posted, "every period is posted, the oldest first")
    assert life.systems.erp.balance == 4 * 240000


async def test_a_subscription_that_ends_has_no_renewal(life: Life) -> None:
    await begun(life)
    life.change(ends_at=life.billing.subscription.period_end)
    change = await life.look()

    assert change.kind is ChangeKind.CANCELLATION_SCHEDULED
    standing = await life.handle(ProcessKind.RENEWAL, "sub_1").query(STATUS, result_type=Status)
    assert standing.words.startswith("waits for the contract to end on 2027-11-01")
    assert {g.ends_at for g in await life.grants()} == {life.billing.subscription.period_end}

    # It runs on after all.
    life.change(ends_at=None)
    assert (await life.look()).kind is ChangeKind.REINSTATEMENT
    await passes(life, 352)
    await forecast(life, "ready")
    assert {g.ends_at for g in await life.grants()} == {None}


@pytest.mark.slow
async def test_a_contract_ends_with_its_last_day_where_it_was_signed(life: Life) -> None:
    berlin = ACCOUNT.model_copy(update={"time_zone": "Europe/Berlin"})
    async with life.database.transaction() as conn:
        await mappings.put(conn, "acme", berlin, by="tester")
    await begun(life)
    end = life.billing.subscription.period_end
    assert end is not None
    life.change(ends_at=end)
    await life.look()
    last_midnight = end.replace(hour=23)
    assert {g.ends_at for g in await life.grants()} == {last_midnight}
    assert shown(life).contract_end == last_midnight

    # Billing closes it at its own hour, when the day is not over there.
    await passes(life, 365)
    life.change(status=SubscriptionStatus.CANCELLED, ended_at=end)
    assert (await life.look(ChangeKind.CANCELLATION)).kind is ChangeKind.CANCELLATION
    assert {g.ends_at for g in await life.grants()} == {last_midnight}
    assert shown(life).tier == "premium"

    await passes(life, 1)

    async def over() -> bool:
        return await life.grants() == () and shown(life).tier is None

    await until(over, "its last day is over")
    assert (await life.changes())[-1].kind is ChangeKind.CANCELLATION
    await passes(life, 1)
    assert await life.handle(ProcessKind.RENEWAL, "sub_1").result() == "there is no renewal to come"


async def test_an_uplift_at_renewal_is_a_renewal(life: Life) -> None:
    await begun(life)
    await passes(life, 365)
    renew(life)
    (now,) = life.billing.subscription.items
    dearer = now.plan.model_copy(update={"plan_id": "price_pro_4400"})
    life.change(items=(now.model_copy(update={"plan": dearer, "quantity": 6}),))

    change = await life.look(ChangeKind.RENEWAL)

    assert change.kind is ChangeKind.RENEWAL
    assert change.summary is not None
    assert "6 x PRO instead of 5 x PRO" in change.summary
    assert {(g.feature, g.quantity) for g in await life.grants()} == {("seats", 6), ("sso", 1)}
