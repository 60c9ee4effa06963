"""What an unpaid invoice takes away, and what it leaves: items, grants, support."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from canonical_models.amendment import AmendmentPlan, ChangeKind
from canonical_models.commerce import (
    BillingLine,
    BillingSnapshot,
    SubscriptionItem,
    SubscriptionStatus,
)
from canonical_models.entitlement import Grant, GrantState, SupportEntitlement
from canonical_models.money import Money
from canonical_models.term import Invoice, InvoiceStatus
from planning.amendment import PlanInput, plan_amendment
from planning.dunning import suspended_items
from planning.entitlements import boundary, entitlements
from planning.grants import UNPAID, granted
from planning.support import support_of
from tests.harness.subscriptions import (
    ACCOUNT,
    AS_OF,
    END,
    ITEMS,
    START,
    carried,
    item,
    line,
    snapshot,
    subscription,
)

TIERS = ("standard", "premium")
BOTH = subscription(item("pro", 5), item("ai", 1, 900, key="si_2"))


def charge(
    line_id: str,
    invoice: str | None,
    *,
    key: str = "si_1",
    minor: int = 20000,
    begins: datetime = START,
    ends: datetime = END,
) -> BillingLine:
    period = {"period_start": begins, "period_end": ends}
    product = "ai" if key == "si_2" else "pro"
    return line(line_id, minor, product).model_copy(
        update={"item_id": key, "invoice_id": invoice, **period}
    )


def invoiced(found: BillingSnapshot, **statuses: InvoiceStatus) -> BillingSnapshot:
    made = tuple(
        Invoice(
            invoice_id=invoice_id,
            customer_id="cus_1",
            status=status,
            total=Money(minor=100, currency="EUR"),
            paid=Money.zero("EUR"),
            created_at=START,
        )
        for invoice_id, status in statuses.items()
    )
    return found.model_copy(update={"invoices": made})


def test_the_items_whose_period_it_charges() -> None:
    found = snapshot(BOTH, charge("il_1", "in_1"), charge("il_2", "in_1", key="si_2"))
    assert suspended_items(found, ["in_1"]) == ("si_1", "si_2")
    assert suspended_items(found, ["in_2"]) == ()
    assert suspended_items(found, []) == ()


def test_a_prepaid_term_is_not_touched_by_another_invoice() -> None:
    """The year was paid; seats that were added are not."""
    found = snapshot(
        BOTH,
        charge("il_1", "in_1"),
        charge("ii_2", "in_2", begins=AS_OF, minor=900),
        charge("ii_3", "in_2", key="si_2", begins=AS_OF, minor=450),
    )
    assert suspended_items(found, ["in_2"]) == ("si_2",)
    assert suspended_items(found, ["in_1"]) == ("si_1",)
    assert suspended_items(found, ["in_1", "in_2"]) == ("si_1", "si_2")


def test_an_upgrade_on_an_unpaid_proration_leaves_the_term() -> None:
    credit = charge("ii_1", "in_2", begins=AS_OF, minor=-2500)
    debit = charge("ii_2", "in_2", begins=AS_OF, minor=10000)
    found = snapshot(BOTH, charge("il_1", "in_1", minor=5000), credit, debit)
    assert suspended_items(found, ["in_2"]) == ()


@pytest.mark.parametrize(
    "uncharged",
    [
        charge("il_1", "in_1", begins=START - timedelta(days=30), ends=START),
        charge("il_1", "in_1", begins=START, ends=AS_OF),
        charge("il_1", "in_1", begins=END, ends=END + timedelta(days=30)),
        charge("il_1", "in_1", minor=-100),
        charge("il_1", None),
        charge("il_1", "in_1").model_copy(update={"item_id": None}),
        charge("il_1", "in_1", begins=START - timedelta(days=30), ends=END + timedelta(days=300)),
    ],
    ids=["last period", "ends now", "next period", "credit", "pending", "bare amount", "given up"],
)
def test_what_does_not_charge_the_present_suspends_nothing(uncharged: BillingLine) -> None:
    assert suspended_items(snapshot(BOTH, uncharged), ["in_1"]) == ()


def test_without_lines_nothing_is_suspended() -> None:
    assert suspended_items(snapshot(BOTH), ["in_1"]) == ()


@pytest.mark.parametrize("status", [s for s in InvoiceStatus if s is not InvoiceStatus.OPEN])
def test_an_invoice_that_billing_has_settled_counts_no_more(status: InvoiceStatus) -> None:
    found = invoiced(snapshot(BOTH, charge("il_1", "in_1")), in_1=status)
    assert suspended_items(found, ["in_1"]) == ()


def test_an_open_invoice_counts() -> None:
    found = invoiced(snapshot(BOTH, charge("il_1", "in_1")), in_1=InvoiceStatus.OPEN)
    assert suspended_items(found, ["in_1"]) == ("si_1",)


def test_of_equal_periods_the_newest_line_decides() -> None:
    """A void invoice that was asked anew: the second one is paid."""
    found = snapshot(BOTH, charge("il_1", "in_1"), charge("il_2", "in_2"))
    assert suspended_items(found, ["in_1"]) == ()
    assert suspended_items(found, ["in_2"]) == ("si_1",)


def states(grants: tuple[Grant, ...]) -> dict[str, tuple[GrantState, str | None]]:
    return {grant.feature: (grant.state, grant.reason) for grant in grants}


def test_grants_are_held_back_and_come_back_as_they_were() -> None:
    before = granted(BOTH, ITEMS, ())
    later = BOTH.model_copy(update={"as_of": END - timedelta(days=1)})
    held = granted(later, ITEMS, before, suspended=["si_1"])
    assert states(held) == {
        "seats": (GrantState.SUSPENDED, UNPAID),
        "sso": (GrantState.SUSPENDED, UNPAID),
        "assistant": (GrantState.ACTIVE, None),
    }
    assert [found.feature for found in entitlements(held, END)] == ["assistant"]
    assert granted(later, ITEMS, held) == before


def test_what_is_held_back_neither_begins_nor_ends_by_time() -> None:
    ending = BOTH.model_copy(update={"ends_at": END})
    held = granted(ending, ITEMS, (), suspended=["si_1", "si_2"])
    assert boundary(held, AS_OF) is None
    assert boundary(granted(ending, ITEMS, (), suspended=["si_1"]), AS_OF) == END


def test_a_subscription_without_access_has_nothing_to_hold_back() -> None:
    paused = subscription(item("pro", 5), status=SubscriptionStatus.PAUSED)
    assert granted(paused, ITEMS, (), suspended=["si_1"]) == ()
    assert support_of(paused, (), ITEMS, TIERS, ["si_1"]).tier is None


@pytest.mark.parametrize(
    ("items", "suspended", "tier"),
    [
        ((item("pro"), item("starter", key="si_2")), (), "premium"),
        ((item("pro"), item("starter", key="si_2")), ("si_1",), "standard"),
        ((item("pro"), item("ai", key="si_2")), ("si_1",), "standard"),
        ((item("pro"), item("ai", key="si_2")), ("si_2",), "premium"),
        ((item("pro"), item("starter", key="si_2")), ("si_1", "si_2"), "standard"),
        # What never gave support does not give it by being suspended.
        ((item("ai"),), ("si_1",), None),
        ((item("ai"),), (), None),
    ],
)
def test_support_is_that_of_what_is_left(
    items: tuple[SubscriptionItem, ...], suspended: tuple[str, ...], tier: str | None
) -> None:
    now = subscription(*items)
    grants = granted(now, ITEMS, (), suspended=suspended)
    share = support_of(now, grants, ITEMS, TIERS, suspended)
    assert share.tier == tier
    assert set(share.features) == {g.feature for g in grants if g.state is GrantState.ACTIVE}


FOUND = invoiced(snapshot(BOTH, charge("il_1", "in_1")), in_1=InvoiceStatus.OPEN)
AGREED = PlanInput(
    change_id="chg_1",
    snapshot=FOUND,
    previous=BOTH,
    carried=carried(*FOUND.lines),
    account=ACCOUNT,
    items=ITEMS,
    ledger=None,
    posting_date=date(2026, 11, 16),
    grants=granted(BOTH, ITEMS, ()),
    share=None,
    others=(),
    support=SupportEntitlement(
        organization="cus_1",
        tier="premium",
        contract_end=END,
        features=("assistant", "seats", "sso"),
    ),
    tiers=TIERS,
)


def test_a_plan_that_suspends_and_one_that_restores() -> None:
    assert plan_amendment(AGREED).empty
    held: AmendmentPlan = plan_amendment(replace(AGREED, unpaid=["in_1"]))
    assert held.amendment.kind is ChangeKind.SUSPENSION
    assert held.suspended == ("si_1",)
    assert held.support == SupportEntitlement(
        organization="cus_1", tier="standard", contract_end=END, features=("assistant",)
    )
    back = plan_amendment(replace(AGREED, grants=held.grants, support=held.support))
    assert back.amendment.kind is ChangeKind.RESTORATION
    assert back.grants == AGREED.grants
    assert back.support == AGREED.support
    assert plan_amendment(replace(AGREED, unpaid=["in_1"], grants=held.grants)).suspended


def test_what_happened_commercially_is_told_before_a_suspension() -> None:
    more = subscription(item("pro", 7), item("ai", 1, 900, key="si_2"))
    found = FOUND.model_copy(update={"subscription": more})
    plan = plan_amendment(replace(AGREED, snapshot=found, unpaid=["in_1"]))
    assert plan.amendment.kind is ChangeKind.QUANTITY
    assert plan.suspended == ("si_1",)
