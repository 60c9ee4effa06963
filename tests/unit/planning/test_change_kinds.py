"""What a change is called, and the sentence that tells it."""

from datetime import datetime, timedelta

import pytest

from canonical_models.amendment import ChangeKind
from canonical_models.commerce import Subscription, SubscriptionItem, SubscriptionStatus
from canonical_models.events import subscription_event
from planning.classify import classify, describe
from tests.unit.planning.cases import AS_OF, END, ITEMS, item, subscription

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
    assert classify(previous, now) is kind


def test_what_grew_and_shrank_is_told_by_what_it_is_worth() -> None:
    starter, pro = item("starter", 5, 1000), item("pro", 5)
    assert classify(subscription(starter), subscription(pro)) is ChangeKind.UPGRADE
    assert classify(subscription(pro), subscription(starter)) is ChangeKind.DOWNGRADE
    # For the same price nothing has grown.
    same = subscription(item("starter", 5))
    assert classify(PRO, same) is ChangeKind.DOWNGRADE
    assert classify(PRO, subscription(item("pro", 7))) is ChangeKind.QUANTITY
    # Where something is not priced by the unit, nobody can say.
    tiers = pro.plan.model_copy(update={"unit_price": None, "plan_id": "price_tiers"})
    unpriced = subscription(pro.model_copy(update={"plan": tiers}))
    assert classify(PRO, unpriced) is ChangeKind.OTHER
    assert classify(unpriced, PRO) is ChangeKind.OTHER


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
        (ChangeKind.BILLED, PRO, PRO, "billing issued or took back documents"),
        (ChangeKind.ACCOUNT, PRO, PRO, "the customer's account changed"),
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
