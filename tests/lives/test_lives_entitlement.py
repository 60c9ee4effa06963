"""What a customer may use reaches every target: by changes, by people, and by time."""

from datetime import UTC, datetime, timedelta

from canonical_models.entitlement import Grant, GrantSource
from canonical_models.exceptions import Action
from canonical_models.failures import RejectionCode
from canonical_models.process import SUPPORT_TARGET, ProcessKind, entitlement_processes
from persistence import grants, processes, targets
from persistence.targets import TargetView
from tests.harness.lives import Life
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription
from tests.harness.systems import Target, lost, refused
from tests.harness.waiting import until

TOLD = entitlement_processes("acme", "cus_1", ("app", SUPPORT_TARGET))


def app(life: Life) -> Target:
    return life.systems.targets["app"]


async def told(life: Life, features: dict[str, int]) -> None:
    async def reached() -> bool:
        return app(life).features("cus_1") == features

    await until(reached, f"the target holds {features}")


async def standing(life: Life, target: str = "app") -> TargetView:
    async with life.database.statement() as conn:
        found = await targets.of_customer(conn, "acme", "cus_1")
    return next(view for view in found if view.target == target)


async def _given_up(life: Life) -> bool:
    return (await standing(life)).state == "refused"


async def subscribed(life: Life) -> None:
    life.billing = snapshot(subscription(item("pro", 5)), invoice(line("il_1", 20000)))
    await life.look()
    await told(life, {"seats": 5, "sso": 1})


async def given(life: Life, grant: Grant) -> None:
    """What a person grants, as the API writes it."""
    async with life.database.transaction() as conn:
        await grants.give(conn, "acme", grant, by="grt_1")
        await processes.news(conn, TOLD)


def by_hand(feature: str, starts: datetime, ends: datetime | None = None) -> Grant:
    return Grant(
        customer_id="cus_1",
        feature=feature,
        source=GrantSource.MANUAL,
        source_id="grt_1",
        quantity=1,
        starts_at=starts,
        ends_at=ends,
        reason="goodwill",
    )


async def test_a_change_reaches_the_target(life: Life) -> None:
    await subscribed(life)
    life.change(items=(item("pro", 7),))
    await life.look()
    await told(life, {"seats": 7, "sso": 1})

    async def current() -> bool:
        view = await standing(life)
        return view.state == "current" and view.confirmed == view.revision

    await until(current, "the target is current")


async def test_a_target_that_missed_changes_converges(life: Life) -> None:
    await subscribed(life)
    life.systems.script.faults["app.publish"] = [
        refused(RejectionCode.TARGET_REFUSED, "app"),
        lost("app", happened=True),
    ]
    life.change(items=(item("pro", 7),))
    change = await life.look()
    asked = await life.exception("target_refused")

    # The subscription's own saga has not waited for the target.
    assert change.outcome == "completed"
    assert asked.owner == "operations"
    life.change(items=(item("pro", 9),))
    assert (await life.look()).outcome == "completed"

    await life.decide(ProcessKind.ENTITLEMENT, "cus_1/app", asked, Action.RETRY)

    await told(life, {"seats": 9, "sso": 1})
    await life.no_exception()


async def test_a_target_that_a_person_gives_up_is_told_of_the_next_change(life: Life) -> None:
    await subscribed(life)
    life.systems.script.faults["app.publish"] = [refused(RejectionCode.TARGET_REFUSED, "app")]
    life.change(items=(item("pro", 7),))
    await life.look()
    asked = await life.exception("target_refused")

    await life.decide(ProcessKind.ENTITLEMENT, "cus_1/app", asked, Action.ABORT)
    await life.no_exception()
    await until(lambda: _given_up(life), "it is given up")
    assert app(life).features("cus_1") == {"seats": 5, "sso": 1}

    life.change(items=(item("pro", 8),))
    await life.look()
    await told(life, {"seats": 8, "sso": 1})


async def test_a_grant_of_the_future_begins_and_ends_by_time(life: Life) -> None:
    await subscribed(life)
    now = datetime.now(UTC)
    begins, ends = now + timedelta(seconds=2), now + timedelta(seconds=4)
    await given(life, by_hand("beta", begins, ends))

    await told(life, {"beta": 1, "seats": 5, "sso": 1})
    assert datetime.now(UTC) >= begins
    await told(life, {"seats": 5, "sso": 1})
    assert datetime.now(UTC) >= ends
    features = [event["features"] for event in await life.events("entitlement.timed.v1")]
    assert features == [{"beta": 1, "seats": 5, "sso": 1}, {"seats": 5, "sso": 1}]


async def test_what_a_person_grants_is_shown_to_support(life: Life) -> None:
    await subscribed(life)
    await given(life, by_hand("beta", datetime.now(UTC)))

    async def shown() -> bool:
        return life.systems.support.shown["cus_1"].features == ("beta", "seats", "sso")

    await until(shown, "support shows the feature that was granted")
    # A later change of the subscription leaves it there.
    life.change(items=(item("pro", 6),))
    await life.look()
    assert life.systems.support.shown["cus_1"].features == ("beta", "seats", "sso")


async def test_revoking_one_grant_does_not_take_what_another_gives(life: Life) -> None:
    await subscribed(life)
    await given(life, by_hand("sso", datetime.now(UTC)))
    await told(life, {"seats": 5, "sso": 2})

    life.change(items=(item("starter", 5, 1000),))
    await life.look()

    await told(life, {"seats": 5, "sso": 1})
