"""What a target holds is what it should, whatever it refused, missed, lost or heard from others."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from activities.contracts.targets import TargetsChecked, TargetsInput
from canonical_models.entitlement import CustomerEntitlements, EntitledFeature, SupportEntitlement
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode, TransientFailure
from canonical_models.process import SUPPORT_TARGET, ProcessKind, entitlement_process
from canonical_models.states import TargetState
from persistence import mappings, processes, support_contributions, targets
from persistence.database import Database
from runtime.schedules import put_schedules
from tests.harness.flow import write
from tests.harness.lives import TENANT, Life, living
from tests.harness.subscriptions import ACCOUNT, item
from tests.harness.systems import Planned, Script, Systems, Target, refused
from tests.harness.waiting import until
from tests.lives.conftest import POLICY
from tests.lives.test_lives_entitlement import app, by_hand, given, standing, subscribed, told
from tests.workflows.test_sweep_schedules import settings
from workflows.names import TARGETS, invoices_id, revenue_id, targets_id

DAY = timedelta(days=1)


def away(**says: float) -> Planned:
    return Planned(lambda: TransientFailure("the target is away", system="app", **says))


@pytest.fixture
async def life(skipping: WorkflowEnvironment, database: Database) -> AsyncIterator[Life]:
    """With a second target beside `app`."""
    script = Script()
    both = {name: Target(script, name) for name in ("app", "licences")}
    async with living(skipping, database, Systems(script, POLICY, both)) as lived:
        yield lived


async def compared(life: Life, *, set_right: bool, target: str | None = None) -> TargetsChecked:
    """What differs once no target is being told."""

    async def followed() -> bool:
        async with life.database.statement() as conn:
            found = await targets.of_customer(conn, TENANT, "cus_1")
        return all(view.state is not TargetState.BEHIND for view in found)

    await until(followed, "every target has been told")
    queue = (await life.handle(ProcessKind.ENTITLEMENT, "cus_1/app").describe()).task_queue
    result: TargetsChecked = await life.client.execute_workflow(
        TARGETS,
        TargetsInput(tenant=TENANT, target=target, set_right=set_right),
        id=targets_id(TENANT),
        task_queue=queue,
        result_type=TargetsChecked,
    )
    return result


def restored(life: Life, revision: int, **features: int) -> None:
    """The target holds this, as after a restore from a copy."""
    app(life).kept["cus_1"] = CustomerEntitlements(
        customer_id="cus_1",
        revision=revision,
        as_of=datetime.now(UTC),
        features=tuple(
            EntitledFeature(feature=name, quantity=quantity, until=None)
            for name, quantity in features.items()
        ),
    )


async def test_a_target_that_refuses_keeps_no_other_waiting(life: Life) -> None:
    licences = life.systems.targets["licences"]
    await subscribed(life)

    async def begun() -> bool:
        return licences.features("cus_1") == {"seats": 5, "sso": 1}

    await until(begun, "the other target is told")
    life.systems.script.faults["licences.publish"] = [
        refused(RejectionCode.TARGET_REFUSED, "licences") for _ in range(2)
    ]
    life.change(items=(item("pro", 7),))
    await life.look()
    asked = await life.exception("target_refused")
    await told(life, {"seats": 7, "sso": 1})
    assert licences.features("cus_1") == {"seats": 5, "sso": 1}

    # The next news reaches the other although nobody has decided, and this one is tried again.
    life.change(items=(item("pro", 8),))
    await life.look()
    await told(life, {"seats": 8, "sso": 1})
    assert (await life.exception("target_refused")).exception_id == asked.exception_id

    life.change(items=(item("pro", 9),))
    await life.look()
    await told(life, {"seats": 9, "sso": 1})

    async def follows() -> bool:
        return licences.features("cus_1") == {"seats": 9, "sso": 1}

    await until(follows, "the target that had refused is told what is newest")
    # And what was asked has answered itself.
    await life.no_exception()


async def test_an_outage_of_a_target_is_no_question_and_ends_by_itself(life: Life) -> None:
    await subscribed(life)
    life.systems.script.faults["app.publish"] = [away()] * 1000
    life.change(items=(item("pro", 7),))
    await life.look()

    async def noticed() -> bool:
        return (await standing(life)).error is not None

    await until(noticed, "people can see why the target is behind")
    handle = life.handle(ProcessKind.ENTITLEMENT, "cus_1/app")
    await life.environment.fast_forward(handle, DAY)
    async with life.database.statement() as conn:
        found = await conn.execute("select count(*) from exceptions")
        assert await found.fetchone() == (0,)
    assert (await standing(life)).state == "behind"

    life.systems.script.faults["app.publish"].clear()
    await life.environment.fast_forward(handle, timedelta(minutes=30))
    await told(life, {"seats": 7, "sso": 1})


async def test_news_ends_a_long_back_off(life: Life) -> None:
    await subscribed(life)
    life.systems.script.faults["app.publish"] = [away(retry_after=3600)]
    life.change(items=(item("pro", 7),))
    await life.look()

    async def noticed() -> bool:
        return (await standing(life)).error is not None

    await until(noticed, "the target was tried")
    life.change(items=(item("pro", 8),))
    await life.look()
    await told(life, {"seats": 8, "sso": 1})


async def test_a_target_restored_from_an_older_copy_is_noticed_and_told(life: Life) -> None:
    await subscribed(life)
    life.change(items=(item("pro", 9),))
    await life.look()
    await told(life, {"seats": 9, "sso": 1})
    restored(life, 1, seats=5, sso=1)

    found = await compared(life, set_right=False)
    assert [(one.target, one.differences, one.told) for one in found.differing] == [
        ("app", ("seats: should be 9, is 5",), False)
    ]
    assert app(life).features("cus_1") == {"seats": 5, "sso": 1}

    assert (await compared(life, set_right=True)).differences == 1
    await told(life, {"seats": 9, "sso": 1})
    assert (await compared(life, set_right=True)).differences == 0


async def test_a_schedule_of_the_tenant_sets_right_what_differs(life: Life) -> None:
    await subscribed(life)
    restored(life, 1, seats=2)
    queue = (await life.handle(ProcessKind.ENTITLEMENT, "cus_1/app").describe()).task_queue
    assert await put_schedules(life.client, settings(queue, **{TENANT: 15}), TENANT) == 4
    assert await put_schedules(life.client, settings(queue, **{TENANT: 15}), TENANT) == 0
    schedule = life.client.get_schedule_handle(targets_id(TENANT))
    (interval,) = (await schedule.describe()).schedule.spec.intervals
    assert interval.every == timedelta(hours=6)
    try:
        await schedule.trigger()
        await told(life, {"seats": 5, "sso": 1})
    finally:
        for of in (invoices_id, revenue_id, targets_id):
            await life.client.get_schedule_handle(of(TENANT)).delete()


async def test_a_target_that_has_forgotten_a_customer_is_told_anew(life: Life) -> None:
    await subscribed(life)
    app(life).kept.clear()
    assert (await compared(life, set_right=True, target="app")).differences == 1
    await told(life, {"seats": 5, "sso": 1})


async def test_what_a_target_was_told_by_others_is_taken_away(life: Life) -> None:
    """A higher revision there is compared, and the next one is set above it."""
    await subscribed(life)
    restored(life, 70, seats=500, beta=1)
    (found,) = (await compared(life, set_right=False)).differing
    assert (found.held, found.differences) == (
        70,
        (
            "beta: should be nothing, is 1",
            "seats: should be 5, is 500",
            "sso: should be 1, is nothing",
        ),
    )
    await compared(life, set_right=True)
    await told(life, {"seats": 5, "sso": 1})
    assert app(life).kept["cus_1"].revision > 70


async def test_a_higher_revision_there_is_no_confirmation(life: Life) -> None:
    await subscribed(life)
    restored(life, 70, seats=500)
    life.change(items=(item("pro", 7),))
    await life.look()
    await told(life, {"seats": 7, "sso": 1})

    async def current() -> bool:
        view = await standing(life)
        return (view.state, view.confirmed) == ("current", view.revision) and view.confirmed > 70

    await until(current, "what the target holds is confirmed")


async def test_what_a_person_has_given_up_stays_until_the_next_change(life: Life) -> None:
    await subscribed(life)
    life.systems.script.faults["app.publish"] = [refused(RejectionCode.TARGET_REFUSED, "app")]
    life.change(items=(item("pro", 7),))
    await life.look()
    asked = await life.exception("target_refused")
    await life.decide(ProcessKind.ENTITLEMENT, "cus_1/app", asked, Action.ABORT)
    await life.no_exception()

    (found,) = (await compared(life, set_right=True)).differing
    assert not found.told
    assert app(life).features("cus_1") == {"seats": 5, "sso": 1}


async def test_a_target_that_is_not_configured_any_more_is_nobodys_question(life: Life) -> None:
    await subscribed(life)
    del life.systems.targets["app"]
    async with life.database.transaction() as conn:
        await processes.news(conn, [entitlement_process(TENANT, "cus_1", "app")])
    await life.quiet()
    result = await life.handle(ProcessKind.ENTITLEMENT, "cus_1/app").result()
    assert result == "app is not configured any more"
    await life.no_exception()


async def test_support_edited_by_hand_is_set_right(life: Life) -> None:
    await subscribed(life)
    organization = ACCOUNT.support_organization
    shown = life.systems.support.shown[organization]
    life.systems.support.shown[organization] = shown.model_copy(update={"tier": "enterprise"})
    (found,) = (await compared(life, set_right=True, target=SUPPORT_TARGET)).differing
    assert found.differences == (f"tier: should be {shown.tier}, is enterprise",)

    async def right() -> bool:
        return life.systems.support.shown[organization] == shown

    await until(right, "support shows what it should")


async def test_news_makes_certain_what_was_left_in_doubt(life: Life) -> None:
    await subscribed(life)
    support, organization = life.systems.support, ACCOUNT.support_organization

    async def shows(*features: str) -> bool:
        return support.shown[organization].features == features

    await given(life, by_hand("beta", datetime.now(UTC)))
    await until(partial(shows, "beta", "seats", "sso"), "support shows what was granted")
    await life.quiet()
    # As where the process of it has died between the answer and our commit.
    await write(
        life.database,
        "update effects set state = 'attempting', result = null, confirmed_at = null, "
        "lands_until = clock_timestamp() where starts_with(step, 'target.support/')",
    )
    await given(life, by_hand("gamma", datetime.now(UTC)))
    await until(partial(shows, "beta", "gamma", "seats", "sso"), "support shows the news")

    async def certain() -> bool:
        async with life.database.statement() as conn:
            found = await conn.execute("select distinct state from effects")
            return await found.fetchall() == [("confirmed",)]

    # Support shows it before our commit.
    await until(certain, "all is confirmed")
    await life.quiet()


async def test_a_customer_mapped_elsewhere_is_taken_back_where_it_was(life: Life) -> None:
    """What subscriptions and people gave moves to the other organisation, without a change."""
    await subscribed(life)
    await given(life, by_hand("beta", datetime.now(UTC)))
    support, before = life.systems.support, ACCOUNT.support_organization

    async def with_beta() -> bool:
        return support.shown[before].features == ("beta", "seats", "sso")

    await until(with_beta, "support shows what was granted")
    was = support.shown[before]
    async with life.database.transaction() as conn:
        moved = ACCOUNT.model_copy(update={"support_organization": "other"})
        await mappings.put(conn, TENANT, moved, by="tester")

    async def taken_back() -> bool:
        left, there = support.shown[before], support.shown.get("other")
        nothing = SupportEntitlement(organization=before, tier=None, contract_end=None)
        return left == nothing and there == was.model_copy(update={"organization": "other"})

    await until(taken_back, "the organisation before shows nothing, the other one all")

    async def nothing_left() -> bool:
        async with life.database.statement() as conn:
            return await support_contributions.left(conn, TENANT, "cus_1") == ()

    await until(nothing_left, "what was moved is forgotten where it was")
    # The next change goes to the other one alone.
    life.change(items=(item("starter", 5, 1000),))
    await life.look()
    assert support.shown[before].tier is None
    assert (await compared(life, set_right=False, target=SUPPORT_TARGET)).differences == 0


async def test_a_mapping_that_begins_later_moves_what_support_shows_then(life: Life) -> None:
    await subscribed(life)
    support, before = life.systems.support, ACCOUNT.support_organization
    begins = datetime.now(UTC) + timedelta(seconds=3)
    async with life.database.transaction() as conn:
        moved = ACCOUNT.model_copy(update={"support_organization": "other"})
        await mappings.put(conn, TENANT, moved, by="tester", valid_from=begins)
    await life.quiet()

    async def moved_on() -> bool:
        there = support.shown.get("other")
        return support.shown[before].tier is None and there is not None and there.tier is not None

    if datetime.now(UTC) < begins:
        assert support.shown[before].tier is not None
    await until(moved_on, "support shows it at the other organisation")
    assert datetime.now(UTC) >= begins


async def test_a_process_that_is_cancelled_asks_nobody(life: Life) -> None:
    await subscribed(life)
    life.systems.script.faults["app.publish"] = [away(retry_after=3600)]
    life.change(items=(item("pro", 7),))
    await life.look()

    async def noticed() -> bool:
        return (await standing(life)).error is not None

    await until(noticed, "the target was tried")
    handle = life.handle(ProcessKind.ENTITLEMENT, "cus_1/app")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    await life.no_exception()
