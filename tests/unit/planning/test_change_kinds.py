"""What a change is called, and the sentence that tells it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import Subscription, SubscriptionItem, SubscriptionStatus
from canonical_models.entitlement import SupportEntitlement
from canonical_models.events import subscription_event
from canonical_models.money import Money
from canonical_models.term import Payment, PaymentState
from planning.amendment import PlanInput, plan_amendment
from planning.classify import classify, describe
from planning.grants import granted
from tests.harness.subscriptions import (
    ACCOUNT,
    AS_OF,
    END,
    ITEMS,
    START,
    item,
    snapshot,
    subscription,
)

MONTH = timedelta(days=30)
PRO = subscription(item("pro", 5))
GONE = subscription(item("pro", 5), status=SubscriptionStatus.CANCELLED)
NAMES = {key: mapping.erp_item for key, mapping in ITEMS.items()}


def moved_on(found: SubscriptionItem, begins: datetime = END) -> SubscriptionItem:
    return found.model_copy(update={"period_start": begins, "period_end": begins + MONTH})


RENEWED = subscription(moved_on(item("pro", 5)))


@pytest.mark.parametrize(
    ("previous", "now", "kind"),
    [
        (None, PRO, ChangeKind.ACTIVATION),
        (None, GONE, ChangeKind.NONE),
        (PRO, PRO, ChangeKind.NONE),
        (PRO, GONE, ChangeKind.CANCELLATION),
        (GONE, GONE, ChangeKind.NONE),
        (PRO, RENEWED, ChangeKind.RENEWAL),
        # Periods that were missed are a renewal too.
        (PRO, subscription(moved_on(item("pro", 5), END + 3 * MONTH)), ChangeKind.RENEWAL),
        # With an uplift, another quantity, or another plan under the same item.
        (PRO, subscription(moved_on(item("pro", 7, 4400))), ChangeKind.RENEWAL),
        (PRO, subscription(moved_on(item("starter", 5, 1000))), ChangeKind.RENEWAL),
        # One of several items goes on.
        (
            subscription(item("pro", 5), item("ai", 1, 900, key="si_2")),
            subscription(item("pro", 5), moved_on(item("ai", 1, 900, key="si_2"))),
            ChangeKind.RENEWAL,
        ),
        # A change of plan that begins a new period before the old one was over.
        (PRO, subscription(moved_on(item("pro", 5, 9900), AS_OF)), ChangeKind.UPGRADE),
        (PRO, subscription(moved_on(item("pro", 5), END - timedelta(seconds=1))), ChangeKind.NONE),
        # A new item in a later period is no renewal of the old one.
        (
            PRO,
            subscription(item("pro", 5), moved_on(item("ai", 1, 900, key="si_2"))),
            ChangeKind.ADD_ON,
        ),
        (PRO, subscription(item("pro", 5), ends_at=END), ChangeKind.CANCELLATION_SCHEDULED),
        (subscription(item("pro", 5), ends_at=END), PRO, ChangeKind.REINSTATEMENT),
        (PRO, subscription(item("pro", 5), status=SubscriptionStatus.PAST_DUE), ChangeKind.OTHER),
    ],
)
def test_the_most_telling_kind(
    previous: Subscription | None, now: Subscription, kind: ChangeKind
) -> None:
    assert classify(previous, now, billed=False) is kind


@pytest.mark.parametrize("previous", [PRO, GONE])
def test_lines_alone_are_billed(previous: Subscription) -> None:
    now = previous.model_copy(update={"as_of": END})
    assert classify(previous, now, billed=True) is ChangeKind.BILLED


def test_a_subscription_that_was_never_seen_alive_is_only_billed() -> None:
    assert classify(None, GONE, billed=True) is ChangeKind.BILLED


ENDING = subscription(item("pro", 5), ends_at=END)
BEFORE = subscription(item("starter", 5, 1000))


@pytest.mark.parametrize(
    ("kind", "previous", "now", "words"),
    [
        (ChangeKind.ACTIVATION, None, PRO, "starts with 5 x PRO"),
        (ChangeKind.UPGRADE, BEFORE, PRO, "upgrade: 5 x STARTER to 5 x PRO"),
        (ChangeKind.DOWNGRADE, PRO, BEFORE, "downgrade: 5 x PRO to 5 x STARTER"),
        (ChangeKind.QUANTITY, BEFORE, PRO, "quantity: 5 x STARTER to 5 x PRO"),
        (ChangeKind.ADD_ON, BEFORE, PRO, "add on: 5 x STARTER to 5 x PRO"),
        (ChangeKind.CANCELLATION, PRO, GONE, "cancelled; had 5 x PRO"),
        (ChangeKind.CANCELLATION_SCHEDULED, PRO, ENDING, "ends on 2026-12-01; has 5 x PRO"),
        (ChangeKind.REINSTATEMENT, ENDING, PRO, "runs on after all with 5 x PRO"),
        (ChangeKind.RENEWAL, PRO, RENEWED, "renewed to 2026-12-31 with 5 x PRO"),
        (
            ChangeKind.RENEWAL,
            BEFORE,
            RENEWED,
            "renewed to 2026-12-31 with 5 x PRO instead of 5 x STARTER",
        ),
        (ChangeKind.RENEWAL, PRO, subscription(), "renewed to no day with nothing instead of 5 x"),
        (ChangeKind.BILLED, PRO, PRO, "billing added or took back lines"),
        (ChangeKind.PAYMENT, PRO, PRO, "money moved"),
        (ChangeKind.SUSPENSION, PRO, PRO, "suspended until it is paid; has 5 x PRO"),
        (ChangeKind.RESTORATION, PRO, PRO, "restored with 5 x PRO"),
        (ChangeKind.OTHER, PRO, PRO, "is now active with 5 x PRO"),
        (ChangeKind.NONE, PRO, PRO, "already agreed everywhere"),
        # An item that nobody has mapped goes by billing's name.
        (ChangeKind.ACTIVATION, None, subscription(item("new")), "starts with 1 x new"),
    ],
)
def test_the_sentence(
    kind: ChangeKind, previous: Subscription | None, now: Subscription, words: str
) -> None:
    assert describe(kind, previous, now, NAMES).startswith(words)


@pytest.mark.parametrize("kind", list(ChangeKind))
def test_every_kind_has_a_sentence_and_an_event_or_none(kind: ChangeKind) -> None:
    assert describe(kind, None, PRO, {})
    assert (subscription_event(kind) is None) is (kind is ChangeKind.PAYMENT)


PAID = Payment(
    payment_id="pi_1",
    invoice_id="in_1",
    amount=Money(minor=5000, currency="EUR"),
    state=PaymentState.CONFIRMED,
    at=AS_OF,
)
GIVEN = PlanInput(
    change_id="chg_1",
    snapshot=snapshot(PRO).model_copy(update={"payments": (PAID,)}),
    previous=PRO,
    carried={},
    account=ACCOUNT,
    items=ITEMS,
    ledger=None,
    posting_date=date(2026, 11, 16),
    grants=granted(PRO, ITEMS, ()),
    share=None,
    others=(),
    support=SupportEntitlement(organization="cus_1", tier=None, contract_end=None),
    tiers=("standard", "premium"),
)


def test_money_alone_is_a_payment() -> None:
    plan = plan_amendment(GIVEN)
    assert (plan.amendment.kind, len(plan.payments)) == (ChangeKind.PAYMENT, 1)
    assert not plan.empty


def test_money_beside_something_commercial_is_told_by_that() -> None:
    assert plan_amendment(replace(GIVEN, previous=None)).amendment.kind is ChangeKind.ACTIVATION
    assert plan_amendment(replace(GIVEN, previous=BEFORE)).amendment.kind is ChangeKind.UPGRADE


def test_money_that_the_erp_knows_is_no_change() -> None:
    assert plan_amendment(replace(GIVEN, entered=["pi_1"])).amendment.kind is ChangeKind.NONE


def test_a_plan_names_the_term_in_the_contracts_zone() -> None:
    ending = snapshot(subscription(item("pro", 5), ends_at=END))
    plan = plan_amendment(replace(GIVEN, snapshot=ending, time_zone="America/New_York"))
    midnight = datetime(2026, 12, 1, 5, tzinfo=UTC)
    assert plan.contract is not None
    assert (plan.contract.starts_at, plan.contract.ends_at) == (START, midnight)
    assert plan.contract.time_zone == "America/New_York"
    assert {grant.ends_at for grant in plan.grants} == {midnight}
    assert plan.share.contract_end == midnight
