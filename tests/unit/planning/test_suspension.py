"""What an unpaid invoice takes away, and what neither the debtor nor the calendar can give back."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from canonical_models.commerce import Subscription
from canonical_models.documents import BillingDocument, BillingLine, DocumentStatus
from canonical_models.entitlement import Grant
from planning.grants import granted
from planning.suspension import suspended_items
from tests.unit.planning.cases import (
    AS_OF,
    END,
    ITEMS,
    START,
    document,
    eur,
    item,
    line,
    moved,
    subscription,
    utc,
)

OCTOBER = utc("2026-10-01")
BOTH = subscription(item("pro", 5), item("ai", 1, 900, key="si_2"))
ONE = subscription(item("pro", 5))


def charge(
    key: str | None = "si_1",
    net: int = 20000,
    begins: datetime | None = START,
    ends: datetime | None = END,
    **changes: Any,
) -> BillingLine:
    name = f"il_{key}_{net}"
    return line(name, net, item_id=key, period_start=begins, period_end=ends, **changes)


def invoice(
    name: str, *lines: BillingLine, issued: datetime = START, **changes: Any
) -> BillingDocument:
    return document(*lines, document_id=name, issued_at=issued, **changes)


def paid(name: str, *lines: BillingLine, by: str = "payment", **changes: Any) -> BillingDocument:
    gross = sum(each.net.minor for each in lines)
    money = (moved(f"pi_{name}", by, gross, name),)
    given = {"settlements": money, "status": DocumentStatus.PAID}
    return invoice(name, *lines, **given | changes)


def held(
    *documents: BillingDocument,
    unpaid: tuple[str, ...] = ("in_1",),
    now: Subscription = BOTH,
    grants: tuple[Grant, ...] = (),
) -> tuple[str, ...]:
    return suspended_items(now, documents, unpaid, grants)


def test_what_it_charges_is_held_back() -> None:
    found = invoice("in_1", charge(), charge("si_2"))
    assert held(found) == ("si_1", "si_2")
    assert held(found, unpaid=("in_2",)) == ()
    assert held(found, unpaid=()) == ()
    assert held() == ()


@pytest.mark.parametrize(
    ("changes", "suspended"),
    [
        ({}, True),
        ({"status": DocumentStatus.PAID}, False),
        ({"status": DocumentStatus.VOID}, False),
        ({"status": DocumentStatus.UNCOLLECTIBLE}, False),
        ({"remaining": eur(0)}, False),
        ({"remaining": eur(1)}, True),
    ],
)
def test_it_counts_as_long_as_billing_waits_for_its_money(
    changes: dict[str, Any], suspended: bool
) -> None:
    assert held(invoice("in_1", charge(), **changes), now=ONE) == (("si_1",) if suspended else ())


@pytest.mark.parametrize(
    "harmless",
    [
        charge(net=-100),
        charge(net=0),
        charge(None),
        charge(subscription_id="sub_2"),
        charge(subscription_id=None),
    ],
    ids=["credit", "free", "bare amount", "another subscription", "no subscription"],
)
def test_what_charges_no_item_of_the_subscription_holds_nothing_back(harmless: BillingLine) -> None:
    assert (
        held(invoice("in_1", harmless), now=subscription(item("pro"), item("new", key="si_9")))
        == ()
    )


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (OCTOBER, START),
        (START, AS_OF),
        (END, END + timedelta(days=30)),
        (OCTOBER, END + timedelta(days=300)),
        (None, None),
    ],
    ids=["last month", "ends now", "next month", "year that was given up", "no period"],
)
def test_the_calendar_gives_nothing_back(begins: datetime | None, ends: datetime | None) -> None:
    """S17: refused from month 2 on; or billing_cycle_anchor=now."""
    assert held(invoice("in_1", charge(begins=begins, ends=ends)), now=ONE) == ("si_1",)


def test_a_newer_unpaid_invoice_lifts_nothing() -> None:
    old = invoice("in_1", charge(begins=OCTOBER, ends=START), issued=OCTOBER)
    assert held(old, invoice("in_2", charge()), now=ONE) == ("si_1",)


OVERDUE = invoice("in_1", charge(begins=OCTOBER, ends=START), issued=OCTOBER)


@pytest.mark.parametrize(
    ("document_", "given"),
    [
        (paid("in_2", charge()), True),
        (paid("in_2", charge(), by="paid_elsewhere"), True),
        (paid("in_2", charge(), by="balance"), True),
        # Not paid: open, credited, given up, charged back.
        (invoice("in_2", charge()), False),
        (paid("in_2", charge(), by="credit_note"), False),
        (paid("in_2", charge(), by="write_off"), False),
        (paid("in_2", charge(), by="goodwill"), False),
        (paid("in_2", charge(), status=DocumentStatus.UNCOLLECTIBLE), False),
        (
            paid(
                "in_2",
                charge(),
                settlements=(
                    moved("pi", "payment", 20000, "in_2"),
                    moved("dp", "dispute", -20000, None, about="in_2"),
                ),
            ),
            False,
        ),
        (
            paid(
                "in_2",
                charge(),
                settlements=(
                    moved("pi", "payment", 20000, "in_2"),
                    moved("re", "refund", -19999, None, about="in_2"),
                ),
            ),
            True,
        ),
        # Over nothing, as what is given back pays for what is taken.
        (invoice("in_2", charge(), charge("si_1", -20000), status=DocumentStatus.PAID), False),
        # Not for now, or not for this.
        (paid("in_2", charge(ends=AS_OF)), False),
        (paid("in_2", charge(begins=AS_OF + timedelta(seconds=1))), False),
        (paid("in_2", charge(begins=AS_OF)), True),
        (paid("in_2", charge(begins=START - timedelta(seconds=1))), False),
        (paid("in_2", charge(begins=None)), False),
        (paid("in_2", charge(ends=None)), False),
        (paid("in_2", charge("si_2")), False),
        (paid("in_2", charge(net=-5), charge("si_2")), False),
        (paid("in_2", charge(net=0), charge("si_2")), False),
    ],
)
def test_what_another_invoice_really_paid_stays_given(
    document_: BillingDocument, given: bool
) -> None:
    assert held(OVERDUE, document_, now=ONE) == (() if given else ("si_1",))


def test_an_upgrade_on_an_unpaid_proration_leaves_the_term_that_was_paid() -> None:
    swap = invoice("in_1", charge(net=-2500), charge(net=10000, begins=AS_OF), issued=AS_OF)
    assert held(paid("in_0", charge(net=5000)), swap, now=ONE) == ()
    assert held(swap, now=ONE) == ("si_1",)


def test_a_prepaid_item_is_not_touched_by_anothers_invoice() -> None:
    year = paid("in_0", charge(begins=START, ends=END + timedelta(days=335)))
    assert held(year, invoice("in_1", charge("si_2", 450))) == ("si_2",)
    # Nor one that was known before and is not what the invoice was for.
    monthly = invoice("in_0", charge(begins=OCTOBER, ends=START), issued=OCTOBER)
    assert held(monthly, invoice("in_1", charge("si_2", 450))) == ("si_2",)


NEW = item("pro", 50, key="si_9")
MADE_NEW = subscription(NEW)


def test_a_debtor_does_not_free_itself_with_new_items() -> None:
    """S17: the item is deleted and another one added."""
    given = granted(MADE_NEW, ITEMS, ())
    assert held(OVERDUE, now=MADE_NEW) == ("si_9",)
    # Also when that was done within the grace, while it was given.
    assert held(OVERDUE, now=MADE_NEW, grants=given) == ("si_9",)
    assert held(OVERDUE, invoice("in_2", charge("si_9")), now=MADE_NEW, grants=given) == ("si_9",)
    assert held(OVERDUE, paid("in_2", charge("si_9")), now=MADE_NEW, grants=given) == ()


def test_new_items_of_a_suspended_subscription_are_held_back_too() -> None:
    more = subscription(item("pro", 5), NEW)
    assert held(OVERDUE, now=more) == ("si_1", "si_9")
    assert held(OVERDUE, paid("in_2", charge("si_9")), now=more) == ("si_1",)
    # One that was added and given within the grace stays, as long as nothing was replaced by it.
    given = granted(more, ITEMS, ())
    assert held(OVERDUE, now=more, grants=given) == ("si_1",)
    # What is held back stays so when it is looked at again.
    again = granted(more, ITEMS, (), suspended=("si_1", "si_9"))
    assert held(OVERDUE, now=more, grants=again) == ("si_1", "si_9")


def test_what_some_document_named_by_then_is_not_new() -> None:
    later = OVERDUE.model_copy(update={"issued_at": START})
    free = invoice("in_0", charge("si_9", 0), issued=START)
    more = subscription(item("pro", 5), NEW)
    assert held(later, free, now=more) == ("si_1",)
    after = free.model_copy(update={"issued_at": START + timedelta(seconds=1)})
    assert held(later, after, now=more) == ("si_1", "si_9")


def test_several_debts_hold_back_what_each_was_for() -> None:
    first = invoice("in_1", charge())
    second = invoice("in_2", charge("si_2"))
    assert held(first, second, unpaid=("in_1", "in_2")) == ("si_1", "si_2")
    assert held(first, second, unpaid=("in_1",)) == ("si_1",)
    assert held(first, second, unpaid=("in_2",)) == ("si_2",)
