"""How far an unpaid invoice has come by every moment, and how it ends."""

from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.documents import DocumentStatus
from canonical_models.mapping import DEFAULT_ITEM, ItemMapping
from canonical_models.policy import DunningPolicy
from canonical_models.term import DunningCase, DunningStage
from planning.dunning import Advance, advance, grace_days
from tests.unit.planning.cases import ITEMS, document, eur, line, taxed

SINCE = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
POLICY = DunningPolicy(grace_days=7, reminder_days=(0, 3, 6), final_days=30)
CASE = DunningCase(
    invoice_id="in_1", subscription_id="sub_1", customer_id="cus_1", overdue_since=SINCE
)
INVOICE = document(taxed(), issued_at=SINCE, overdue_since=SINCE)
MOMENT = timedelta(microseconds=1)


def looked(
    days: float,
    case: DunningCase = CASE,
    *,
    more: timedelta = timedelta(),
    grace: int = 7,
    policy: DunningPolicy = POLICY,
) -> Advance:
    return advance(case, INVOICE, policy, grace, SINCE + timedelta(days=days) + more)


@pytest.mark.parametrize(
    ("days", "more", "stage", "reminders", "next_day"),
    [
        (0, timedelta(), "grace", (0,), 3),
        (3, -MOMENT, "grace", (0,), 3),
        (3, timedelta(), "grace", (0, 3), 6),
        (6, -MOMENT, "grace", (0, 3), 6),
        (6, timedelta(), "grace", (0, 3, 6), 7),
        (7, -MOMENT, "grace", (0, 3, 6), 7),
        (7, timedelta(), "suspended", (0, 3, 6), 30),
        (30, -MOMENT, "suspended", (0, 3, 6), 30),
        (30, timedelta(), "final", (0, 3, 6), None),
        (900, timedelta(), "final", (0, 3, 6), None),
    ],
)
def test_every_boundary_is_reached_at_its_moment(
    days: int, more: timedelta, stage: str, reminders: tuple[int, ...], next_day: int | None
) -> None:
    moved = looked(days, more=more)
    assert moved.case.stage.value == stage
    assert moved.reminders == reminders
    assert moved.case.reminders == len(reminders)
    assert moved.next_at == (None if next_day is None else SINCE + timedelta(days=next_day))


def test_before_it_is_overdue_nothing_is_due_but_the_first_reminder_is_foreseen() -> None:
    moved = looked(-1)
    assert (moved.case.stage, moved.reminders) == (DunningStage.GRACE, ())
    assert moved.next_at == SINCE


def test_each_reminder_is_told_once() -> None:
    case, told = CASE, []
    for day in (0, 0, 1, 3, 4, 6, 6, 7, 30):
        moved = looked(day, case)
        told.append(moved.reminders)
        case = moved.case
    assert told == [(0,), (), (), (3,), (), (6,), (), (), ()]


def test_looking_again_changes_nothing() -> None:
    for day in (0, 3, 7, 12, 30, 40):
        once = looked(day).case
        assert looked(day, once) == Advance(once, (), looked(day).next_at)


def test_the_time_of_the_suspension_is_kept() -> None:
    case = looked(8).case
    assert case.suspended_at == SINCE + timedelta(days=8)
    assert looked(31, case).case.suspended_at == SINCE + timedelta(days=8)


def test_reminders_after_the_grace_are_not_told() -> None:
    moved = looked(20, grace=2)
    assert (moved.case.stage, moved.reminders) == (DunningStage.SUSPENDED, (0,))
    # Nothing falls due between the suspension and the end.
    assert moved.next_at == SINCE + timedelta(days=30)


def test_without_any_grace_it_is_suspended_at_once() -> None:
    moved = looked(0, grace=0)
    assert (moved.case.stage, moved.reminders) == (DunningStage.SUSPENDED, ())


def test_more_time_begins_all_of_it_anew() -> None:
    given = looked(30).case.model_copy(update={"extended_days": 30, "reminders": 0})
    moved = looked(30, given)
    assert (moved.case.stage, moved.reminders) == (DunningStage.GRACE, (0,))
    assert moved.case.suspended_at is None
    assert moved.next_at == SINCE + timedelta(days=33)
    assert looked(37, moved.case).case.stage is DunningStage.SUSPENDED
    assert looked(60, moved.case).case.stage is DunningStage.FINAL


def test_a_grace_that_was_made_longer_gives_again() -> None:
    suspended = looked(8).case
    moved = looked(8, suspended, grace=14)
    assert moved.case.stage is DunningStage.GRACE
    assert moved.case.suspended_at is None


def test_fewer_reminders_than_were_told_is_no_fault() -> None:
    told = looked(6).case
    moved = looked(6, told, policy=DunningPolicy(reminder_days=(0,)))
    assert (moved.reminders, moved.case.reminders) == ((), 3)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"status": DocumentStatus.PAID}, "paid"),
        ({"status": DocumentStatus.VOID}, "void"),
        # Nobody decided it here.
        ({"status": DocumentStatus.UNCOLLECTIBLE}, "uncollectible"),
        ({"status": DocumentStatus.ISSUED}, "ended"),
        ({"overdue_since": None}, "ended"),
        ({"remaining": eur(0)}, "paid"),
        (None, "void"),
    ],
)
@pytest.mark.parametrize("days", [0, 8, 40])
def test_it_is_over_when_billing_says_so(
    changes: dict[str, object] | None, outcome: str, days: int
) -> None:
    invoice = None if changes is None else INVOICE.model_copy(update=changes)
    at = SINCE + timedelta(days=days)
    moved = advance(looked(days).case, invoice, POLICY, 7, at)
    assert (moved.case.stage, moved.case.outcome) == (DunningStage.CLOSED, outcome)
    assert (moved.reminders, moved.next_at) == ((), None)


def test_what_a_person_decided_stays_the_outcome() -> None:
    decided = looked(30).case.model_copy(update={"outcome": "credit"})
    waiting = looked(31, decided)
    assert (waiting.case.stage, waiting.case.outcome) == (DunningStage.FINAL, "credit")
    void = INVOICE.model_copy(update={"status": DocumentStatus.VOID})
    moved = advance(waiting.case, void, POLICY, 7, SINCE + timedelta(days=31))
    assert (moved.case.stage, moved.case.outcome) == (DunningStage.CLOSED, "credit")


@pytest.mark.parametrize(
    ("decided", "status", "outcome"),
    [
        ("credit", DocumentStatus.VOID, "credit"),
        ("credit", DocumentStatus.PAID, "paid"),
        ("credit", DocumentStatus.UNCOLLECTIBLE, "uncollectible"),
        ("write_off", DocumentStatus.UNCOLLECTIBLE, "write_off"),
        ("write_off", DocumentStatus.PAID, "paid"),
        ("write_off", DocumentStatus.VOID, "void"),
    ],
)
def test_what_came_instead_of_what_was_decided_is_told(
    decided: str, status: DocumentStatus, outcome: str
) -> None:
    """The customer paid before it was carried out."""
    case = looked(30).case.model_copy(update={"outcome": decided})
    ended = INVOICE.model_copy(update={"status": status})
    moved = advance(case, ended, POLICY, 7, SINCE + timedelta(days=31))
    assert (moved.case.stage, moved.case.outcome) == (DunningStage.CLOSED, outcome)


def test_the_most_generous_grace_of_what_is_charged_counts() -> None:
    policy = DunningPolicy(grace_days=7, items={"PRO": 3, "AI-ADDON": 14})
    pro, addon, starter = (line(name, 100, item=name) for name in ("pro", "ai", "starter"))
    assert grace_days(document(pro, addon), ITEMS, policy) == 14
    assert grace_days(document(pro), ITEMS, policy) == 3
    # Without a grace of its own an item has the tenant's, which does not shorten another's.
    assert grace_days(document(pro, starter), ITEMS, policy) == 3
    assert grace_days(document(starter), ITEMS, policy) == 7
    assert grace_days(document(), ITEMS, policy) == 7
    assert grace_days(document(pro), {}, policy) == 7
    # By the item that the line goes to, also by the default.
    default = ItemMapping(item=DEFAULT_ITEM, erp_item="AI-ADDON")
    priced = ItemMapping(item="price_1", erp_item="PRO")
    named = line("x", 100, item="x", price="price_1")
    assert grace_days(document(named), {"price_1": priced, DEFAULT_ITEM: default}, policy) == 3
    assert grace_days(document(named), {DEFAULT_ITEM: default}, policy) == 14
