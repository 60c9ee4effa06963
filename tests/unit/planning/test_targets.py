"""What targets are told, and where what they hold is not that."""

from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.entitlement import (
    EntitledFeature,
    Grant,
    GrantSource,
    GrantState,
    SupportEntitlement,
)
from planning.entitlements import passed, target_differences, told
from planning.support import support_differences

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def feature(name: str, quantity: int = 1, until: datetime | None = None) -> EntitledFeature:
    return EntitledFeature(feature=name, quantity=quantity, until=until)


def grant(
    starts: datetime, ends: datetime | None = None, state: GrantState = GrantState.ACTIVE
) -> Grant:
    return Grant(
        customer_id="cus_1",
        feature="sso",
        source=GrantSource.MANUAL,
        source_id="grt_1",
        quantity=1,
        starts_at=starts,
        ends_at=ends,
        state=state,
    )


@pytest.mark.parametrize(
    ("expected", "held", "found"),
    [
        ((), (), ()),
        ((feature("sso"),), (feature("sso"),), ()),
        ((feature("sso"),), (), ("sso: should be 1, is nothing",)),
        ((), (feature("sso"),), ("sso: should be nothing, is 1",)),
        ((feature("seats", 5),), (feature("seats", 9),), ("seats: should be 5, is 9",)),
        # An end that has passed gives nothing, and one that is to come is compared.
        ((), (feature("sso", until=NOW - HOUR),), ()),
        (
            (feature("sso", until=NOW + HOUR),),
            (feature("sso"),),
            ("sso: should be 1 until 2026-11-16T13:00:00+00:00, is 1",),
        ),
        (
            (feature("sso"),),
            (feature("sso", until=NOW + HOUR),),
            ("sso: should be 1, is 1 until 2026-11-16T13:00:00+00:00",),
        ),
        # Some keep whole seconds.
        (
            (feature("sso", until=NOW + HOUR + timedelta(microseconds=250_000)),),
            (feature("sso", until=NOW + HOUR),),
            (),
        ),
        (
            (feature("b"), feature("a", 2)),
            (feature("c"),),
            (
                "a: should be 2, is nothing",
                "b: should be 1, is nothing",
                "c: should be nothing, is 1",
            ),
        ),
    ],
)
def test_target_differences(
    expected: tuple[EntitledFeature, ...],
    held: tuple[EntitledFeature, ...],
    found: tuple[str, ...],
) -> None:
    assert target_differences(expected, held, NOW) == found


@pytest.mark.parametrize(
    ("grants", "moment"),
    [
        ((), None),
        ((grant(NOW - 3 * HOUR),), None),
        ((grant(NOW - HOUR),), NOW - HOUR),
        ((grant(NOW),), NOW),
        ((grant(NOW + HOUR),), None),
        ((grant(NOW - 3 * HOUR, NOW - HOUR),), NOW - HOUR),
        # It has begun and ended in between: nothing is different.
        ((grant(NOW - HOUR, NOW - HOUR / 2),), None),
        ((grant(NOW - HOUR, state=GrantState.SUSPENDED),), None),
    ],
)
def test_when_time_changed_something_last(
    grants: tuple[Grant, ...], moment: datetime | None
) -> None:
    assert passed(grants, NOW - 2 * HOUR, NOW) == moment


def test_what_is_told_is_what_holds() -> None:
    assert told((grant(NOW, NOW + HOUR),), NOW) == (feature("sso", until=NOW + HOUR),)
    assert told((grant(NOW + HOUR),), NOW) == ()


def shown(tier: str | None = "premium", features: tuple[str, ...] = ("sso",)) -> SupportEntitlement:
    return SupportEntitlement(organization="org_1", tier=tier, contract_end=None, features=features)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (shown(), ()),
        (None, ("organisation org_1 is not there",)),
        (shown(tier=None), ("tier: should be premium, is nothing",)),
        (shown(features=()), ("features: should be sso, is nothing",)),
        (
            shown("standard", ("seats", "sso")),
            ("tier: should be premium, is standard", "features: should be sso, is seats, sso"),
        ),
    ],
)
def test_support_differences(there: SupportEntitlement | None, found: tuple[str, ...]) -> None:
    assert support_differences(shown(), there) == found


def test_an_organisation_that_is_gone_shows_nothing() -> None:
    nothing = shown(tier=None, features=())
    assert nothing.is_nothing
    assert support_differences(nothing, None) == ()
