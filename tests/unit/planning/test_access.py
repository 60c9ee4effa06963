"""The access half: grants and support, given by what is mapped and taken by billing alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from canonical_models.amendment import AccessPlan
from canonical_models.commerce import SubscriptionItem, SubscriptionStatus
from canonical_models.documents import DocumentStatus
from canonical_models.entitlement import (
    NO_SUPPORT,
    Grant,
    GrantSource,
    GrantState,
    SubscriptionSupport,
    SupportEntitlement,
)
from canonical_models.mapping import DEFAULT_ITEM, ItemMapping
from planning.access import AccessInput, plan_access
from planning.entitlements import boundary, entitlements
from planning.grants import UNPAID, granted
from planning.support import support_of
from tests.unit.planning.cases import (
    ACCOUNT,
    AS_OF,
    END,
    ITEMS,
    START,
    document,
    item,
    line,
    seen,
    subscription,
)

TIERS = ("standard", "premium", "enterprise")
PRO = subscription(item("pro", 5))
BOTH = subscription(item("pro", 5), item("ai", 1, 900, key="si_2"))
GONE = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
EMPTY = SupportEntitlement(organization="org_1", tier=None, contract_end=None)


def access(*items: SubscriptionItem, **changes: Any) -> AccessInput:
    given: dict[str, Any] = {
        "subscription": subscription(*items) if items else PRO,
        "account": ACCOUNT,
        "items": ITEMS,
        "tiers": TIERS,
        "support": EMPTY,
    }
    return AccessInput(**given | changes)


def agreed(given: AccessInput) -> AccessInput:
    """As it is after its plan was carried out."""
    made = plan_access(given)
    return replace(
        given,
        grants=made.grants,
        contribution=made.contribution,
        support=made.support or given.support,
    )


def features(found: AccessPlan) -> set[tuple[str, int]]:
    return {(grant.feature, grant.quantity) for grant in found.grants}


def states(grants: tuple[Grant, ...]) -> dict[str, tuple[GrantState, str | None]]:
    return {grant.feature: (grant.state, grant.reason) for grant in grants}


def test_what_is_active_is_given() -> None:
    found = plan_access(access())
    assert features(found) == {("seats", 5), ("sso", 1)}
    assert {grant.starts_at for grant in found.grants} == {AS_OF}
    assert {grant.source for grant in found.grants} == {GrantSource.SUBSCRIPTION}
    assert (found.grants_before, found.contribution_before) == ((), NO_SUPPORT)
    assert found.contribution == SubscriptionSupport(
        tier="premium", contract_end=END, features=("seats", "sso")
    )
    assert found.support == SupportEntitlement(
        organization="org_1", tier="premium", contract_end=END, features=("seats", "sso")
    )
    assert (found.organization, found.suspended, found.refused) == ("org_1", (), None)


def test_what_is_agreed_plans_nothing() -> None:
    again = plan_access(agreed(access()))
    assert again.empty
    assert again.contribution == again.contribution_before


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (SubscriptionStatus.ACTIVE, True),
        (SubscriptionStatus.TRIALING, True),
        (SubscriptionStatus.PAST_DUE, True),
        (SubscriptionStatus.INCOMPLETE, False),
        (SubscriptionStatus.PAUSED, False),
        (SubscriptionStatus.CANCELLED, False),
    ],
)
def test_active_is_active_trialing_and_past_due(status: SubscriptionStatus, given: bool) -> None:
    found = plan_access(access(subscription=subscription(item("pro"), status=status)))
    assert bool(found.grants) is given
    assert found.refused is None
    if status is SubscriptionStatus.TRIALING:
        assert {grant.source for grant in found.grants} == {GrantSource.TRIAL}


def test_what_billing_has_ended_is_taken_without_any_mapping() -> None:
    """The customer cancels behind an open question."""
    before = agreed(access())
    ended = plan_access(replace(before, subscription=GONE, items={}))
    assert (ended.grants, ended.grants_before, ended.refused) == ((), before.grants, None)
    assert ended.support == EMPTY
    alone = plan_access(replace(before, subscription=GONE, items={}, account=None))
    assert alone.grants == ()
    assert alone.refused is not None
    assert (alone.refused.code, alone.refused.subject) == ("account_unmapped", "cus_1")
    # Where support shows nothing of it, it needs no account either.
    never = access(subscription=GONE, items={}, account=None)
    assert plan_access(replace(never, grants=before.grants)).refused is None


def test_without_an_account_access_is_given_and_support_is_asked_for() -> None:
    found = plan_access(access(account=None))
    assert features(found) == {("seats", 5), ("sso", 1)}
    assert found.refused is not None
    assert (found.refused.code, found.refused.system) == ("account_unmapped", "trueup")
    assert (found.organization, found.support, found.contribution) == (None, None, NO_SUPPORT)


def test_an_item_that_is_not_mapped_holds_up_no_other() -> None:
    found = plan_access(access(item("pro", 5), item("new", key="si_2")))
    assert features(found) == {("seats", 5), ("sso", 1)}
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("item_unmapped", "price_new_4000")
    assert found.support is not None
    assert found.support.tier == "premium"
    # Of several the first is asked for, and what is sold in no quantity is none.
    none = plan_access(access(item("pro", 5), item("new", 0, key="si_2")))
    assert none.refused is None


def test_a_mapping_that_is_missing_takes_nothing_away() -> None:
    before = agreed(access(item("pro", 5), item("starter", 2, key="si_2")))
    later = subscription(item("pro", 5), item("starter", 1, key="si_2"), as_of=END)
    lost = replace(before, subscription=later, items={"starter": ITEMS["starter"]})
    found = plan_access(lost)
    assert features(found) == {("seats", 5), ("sso", 1), ("seats", 1)}
    assert {g.starts_at for g in found.grants if g.source_id == "si_1"} == {AS_OF}
    assert found.contribution.tier == "premium"
    assert found.refused is not None
    assert found.refused.subject == "price_pro_4000"
    # What billing ends with it is still taken, and still held back what is not paid.
    without = subscription(item("pro", 5), as_of=END)
    assert features(plan_access(replace(lost, subscription=without))) == {("seats", 5), ("sso", 1)}
    # A better tier is given all the same.
    raised = replace(lost, contribution=SubscriptionSupport(tier=None, contract_end=None))
    assert plan_access(raised).contribution.tier == "standard"


def test_items_map_by_price_then_product_then_the_default() -> None:
    items = {
        "price_pro_4000": ItemMapping(item="price_pro_4000", erp_item="A", included=("by-price",)),
        "pro": ItemMapping(item="pro", erp_item="B", included=("by-product",)),
        DEFAULT_ITEM: ItemMapping(item=DEFAULT_ITEM, erp_item="C", included=("by-default",)),
    }
    sold = (item("pro"), item("pro", price=1, key="si_2"), item("new", key="si_3"))
    found = plan_access(access(*sold, items=items))
    assert [grant.feature for grant in found.grants] == ["by-price", "by-product", "by-default"]


def test_a_grant_that_stays_keeps_its_start_and_one_that_changes_does_not() -> None:
    before = agreed(access())
    later = subscription(item("pro", 6), as_of=END)
    found = plan_access(replace(before, subscription=later))
    assert {(g.feature, g.starts_at) for g in found.grants} == {("seats", END), ("sso", AS_OF)}


def test_cancelling_at_the_end_dates_grants_and_support() -> None:
    found = plan_access(access(subscription=subscription(item("pro"), ends_at=END)))
    assert {grant.ends_at for grant in found.grants} == {END}
    zoned = plan_access(
        access(subscription=subscription(item("pro"), ends_at=END), time_zone="America/New_York")
    )
    midnight = END + timedelta(hours=5)
    assert {grant.ends_at for grant in zoned.grants} == {midnight}
    assert zoned.contribution.contract_end == midnight


def test_support_is_the_best_of_all_subscriptions() -> None:
    other = SubscriptionSupport(tier="enterprise", contract_end=None, features=("audit",))
    found = plan_access(access(others=(other,)))
    assert found.support is not None
    assert (found.support.tier, found.support.contract_end) == ("enterprise", END)
    assert found.support.features == ("audit", "seats", "sso")
    assert found.contribution.tier == "premium"


def test_a_tier_that_policy_does_not_know_refuses_support_alone() -> None:
    found = plan_access(access(tiers=("standard",)))
    assert features(found) == {("seats", 5), ("sso", 1)}
    assert found.refused is not None
    assert (found.refused.code, found.refused.subject) == ("support_refused", "premium")
    assert (found.support, found.contribution) == (None, NO_SUPPORT)
    both = plan_access(access(item("pro"), item("new", key="si_2"), tiers=("standard",)))
    assert both.refused is not None
    assert both.refused.code == "item_unmapped"


def test_support_that_nobody_could_read_is_published() -> None:
    assert plan_access(replace(agreed(access()), support=None)).support is not None


OVERDUE = seen(
    document(line("a", 20000, item_id="si_1", period_start=START, period_end=END), issued_at=START)
)


def test_what_is_not_paid_is_held_back_and_comes_back_as_it_was() -> None:
    before = agreed(access(subscription=BOTH, records=(OVERDUE,)))
    known = document(
        line("b", 0, item_id="si_2"),
        document_id="in_0",
        issued_at=START,
        status=DocumentStatus.PAID,
    )
    records = (OVERDUE, seen(known))
    held = plan_access(replace(before, unpaid=("in_1",), records=records))
    assert held.suspended == ("si_1",)
    assert states(held.grants) == {
        "seats": (GrantState.SUSPENDED, UNPAID),
        "sso": (GrantState.SUSPENDED, UNPAID),
        "assistant": (GrantState.ACTIVE, None),
    }
    assert held.support == SupportEntitlement(
        organization="org_1", tier="standard", contract_end=END, features=("assistant",)
    )
    again = replace(
        before,
        grants=held.grants,
        support=held.support,
        records=records,
        contribution=held.contribution,
    )
    assert plan_access(replace(again, unpaid=("in_1",))).empty
    back = plan_access(again)
    assert back.grants == before.grants
    assert back.support == before.support


def test_to_give_again_waits_for_no_posting() -> None:
    """A late payer's restoration is at once, whatever the policy says of what is bought."""
    first = plan_access(access())
    assert first.gives
    assert not plan_access(agreed(access())).gives
    before = agreed(access(records=(OVERDUE,), unpaid=("in_1",)))
    assert {state for state, _ in states(before.grants).values()} == {GrantState.SUSPENDED}
    assert not plan_access(before).gives
    assert not plan_access(replace(before, unpaid=())).gives
    more = subscription(item("pro", 6), as_of=AS_OF)
    assert plan_access(replace(before, unpaid=(), subscription=more)).gives


def test_what_is_held_back_of_an_unmapped_item_stays_held_back() -> None:
    before = agreed(access(records=(OVERDUE,), unpaid=("in_1",)))
    found = plan_access(replace(before, items={}))
    assert states(found.grants) == states(before.grants)
    assert {state for state, _ in states(found.grants).values()} == {GrantState.SUSPENDED}


@pytest.mark.parametrize(
    ("items", "suspended", "tier"),
    [
        ((item("pro"), item("starter", key="si_2")), (), "premium"),
        ((item("pro"), item("starter", key="si_2")), ("si_1",), "standard"),
        ((item("pro"), item("ai", key="si_2")), ("si_1",), "standard"),
        ((item("pro"), item("ai", key="si_2")), ("si_2",), "premium"),
        ((item("pro"), item("starter", key="si_2")), ("si_1", "si_2"), "standard"),
        ((item("pro", 0), item("starter", key="si_2")), (), "standard"),
        # What never gave support does not give it by being suspended.
        ((item("ai"),), ("si_1",), None),
        ((item("ai"),), (), None),
        ((item("new"), item("starter", key="si_2")), (), "standard"),
    ],
)
def test_support_is_that_of_what_is_left(
    items: tuple[SubscriptionItem, ...], suspended: tuple[str, ...], tier: str | None
) -> None:
    now = subscription(*items)
    grants = granted(now, ITEMS, (), suspended=suspended)
    contribution = support_of(now, grants, ITEMS, TIERS, suspended)
    assert contribution.tier == tier
    assert set(contribution.features) == {g.feature for g in grants if g.state is GrantState.ACTIVE}


def test_two_items_that_give_one_feature_add_up_and_both_are_reasons() -> None:
    both = plan_access(access(item("pro", 5), item("starter", 2, key="si_2")))
    (seats,) = [e for e in entitlements(both.grants, AS_OF) if e.feature == "seats"]
    assert seats.quantity == 7
    assert {grant.source_id for grant in seats.because} == {"si_1", "si_2"}


def test_what_is_held_back_neither_begins_nor_ends_by_time() -> None:
    ending = BOTH.model_copy(update={"ends_at": END})
    assert boundary(granted(ending, ITEMS, (), suspended=["si_1", "si_2"]), AS_OF) is None
    assert boundary(granted(ending, ITEMS, (), suspended=["si_1"]), AS_OF) == END
