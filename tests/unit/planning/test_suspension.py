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
    credit_note,
    document,
    eur,
    item,
    line,
    moved,
    subscription,
    tax,
    utc,
    void,
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
    sold = {"item": "ai" if key == "si_2" else "pro"}
    return line(name, net, item_id=key, period_start=begins, period_end=ends, **sold | changes)


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
    """Refused from month 2 on; or billing_cycle_anchor=now."""
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
    """The item is deleted and another one added."""
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


ON_THE_DAY = START + timedelta(days=9)
NOVEMBER = invoice("in_1", charge())


def given_back(net: int, key: str = "si_1", **changes: Any) -> BillingLine:
    """Credit for the rest of the period."""
    return charge(key, net, begins=ON_THE_DAY, **changes)


def since(name: str, *lines: BillingLine, **changes: Any) -> BillingDocument:
    return paid(name, *lines, issued=ON_THE_DAY, **changes)


def test_what_was_never_paid_pays_for_nothing() -> None:
    """Billing credits the rest of a period also where its invoice is owed."""
    swap = since("in_2", given_back(-14000), charge("si_9", 14001, begins=ON_THE_DAY))
    assert held(NOVEMBER, swap, now=MADE_NEW) == ("si_9",)
    # The anchor is moved to now: half of the new period is paid with the debt.
    moved_to = NEW.model_copy(update={"item_id": "si_1", "period_start": ON_THE_DAY})
    anchored = subscription(moved_to)
    half = since("in_2", given_back(-10000), charge(net=20000, begins=ON_THE_DAY))
    assert held(NOVEMBER, half, now=anchored) == ("si_1",)
    # More money came than the debt gave.
    more = since("in_2", given_back(-9999), charge(net=20000, begins=ON_THE_DAY))
    assert held(NOVEMBER, more, now=anchored) == ()
    # With its tax.
    taxed = given_back(-9999).model_copy(update={"taxes": (tax(-2),)})
    less = since("in_2", taxed, charge(net=20000, begins=ON_THE_DAY))
    assert held(NOVEMBER, less, now=anchored) == ("si_1",)
    # It counts once the debt is paid, as another is owed.
    other = invoice("in_3", charge("si_9", 1, begins=ON_THE_DAY), issued=ON_THE_DAY)
    settled = paid("in_1", charge())
    assert held(settled, swap, other, unpaid=("in_1", "in_3"), now=MADE_NEW) == ()
    assert held(NOVEMBER, swap, other, unpaid=("in_1", "in_3"), now=MADE_NEW) == ("si_9",)


@pytest.mark.parametrize(
    "credit",
    [
        given_back(-20000, "si_2"),
        charge(net=-20000, begins=OCTOBER, ends=START),
        charge(net=-20000, begins=END, ends=END + timedelta(days=30)),
        charge(net=-20000, begins=None),
        charge(None, -20000),
    ],
    ids=["another item", "another period", "from its end on", "no period", "bare amount"],
)
def test_credit_for_what_is_not_owed_pays(credit: BillingLine) -> None:
    bought = since("in_2", credit, charge("si_9", 20001, begins=ON_THE_DAY))
    assert held(NOVEMBER, bought, now=MADE_NEW) == ()


def test_a_credit_is_that_of_the_invoice_that_charged_the_period_last() -> None:
    again = since("in_2", charge("si_1", 15000, begins=ON_THE_DAY))
    bought = paid("in_3", given_back(-14000), charge("si_9", 14001), issued=AS_OF)
    assert held(NOVEMBER, again, bought, now=MADE_NEW) == ()
    owed = invoice("in_2", *again.lines, issued=ON_THE_DAY)
    assert held(NOVEMBER, owed, bought, now=MADE_NEW) == ("si_9",)
    # What was paid of it is paid.
    part = invoice("in_1", charge(), settlements=(moved("pi_1", "payment", 6001),))
    swap = since("in_2", given_back(-14000), charge("si_9", 28000, begins=ON_THE_DAY))
    assert held(NOVEMBER, swap, now=MADE_NEW) == ("si_9",)
    assert held(part, swap, now=MADE_NEW) == ()
    # A debt that nobody waits for any more was not paid, either.
    lost = invoice("in_1", charge(), status=DocumentStatus.UNCOLLECTIBLE)
    other = invoice("in_4", charge("si_8", 5))
    assert held(lost, swap, other, unpaid=("in_4",), now=MADE_NEW) == ("si_9",)


def test_the_credit_of_an_earlier_invoice_owes_nothing_to_a_later_one() -> None:
    later = NOVEMBER.model_copy(update={"issued_at": AS_OF})
    bought = since("in_2", given_back(-20000), charge("si_9", 20001, begins=ON_THE_DAY))
    assert held(later, bought, now=subscription(NEW, item("pro"))) == ("si_1",)


def test_balance_that_was_never_paid_pays_for_nothing() -> None:
    kept = invoice(
        "in_2",
        given_back(-14000),
        issued=ON_THE_DAY,
        settlements=(moved("b_1", "balance", -14000, "in_2"),),
        status=DocumentStatus.PAID,
    )
    bought = since("in_3", charge("si_9", 14000, begins=ON_THE_DAY), by="balance")
    assert held(NOVEMBER, kept, bought, now=MADE_NEW) == ("si_9",)
    dearer = since("in_3", charge("si_9", 14001, begins=ON_THE_DAY), by="balance")
    assert held(NOVEMBER, kept, dearer, now=MADE_NEW) == ()
    with_money = since("in_3", charge("si_9", 14000, begins=ON_THE_DAY))
    assert held(NOVEMBER, kept, with_money, now=MADE_NEW) == ()
    # A credit note takes the debt away and makes no balance.
    note = credit_note(given_back(-14000), corrects="in_1")
    assert held(NOVEMBER, note, bought, now=MADE_NEW) == ()
    # What a negative invoice kept for others is theirs.
    mixed = kept.model_copy(update={"gross": eur(-5)})
    assert held(NOVEMBER, mixed, bought, now=MADE_NEW) == ()


def test_what_was_credited_afterwards_is_not_paid() -> None:
    bought = paid("in_2", charge())
    back = credit_note(charge(net=-20000), corrects="in_2")
    assert held(OVERDUE, bought, back, now=ONE) == ("si_1",)
    assert held(OVERDUE, bought, void(back), now=ONE) == ()
    part = credit_note(charge(net=-19999), corrects="in_2")
    assert held(OVERDUE, bought, part, now=ONE) == ()
    other = credit_note(charge(net=-20000), corrects="in_8")
    assert held(OVERDUE, bought, other, now=ONE) == ()
    # What was set off while it was open has made it smaller already.
    off = moved("cn_1/applied", "credit_note", 12000, "in_2", against="cn_1")
    smaller = paid("in_2", charge(), settlements=(off, moved("pi", "payment", 8000, "in_2")))
    applied = credit_note(charge(net=-12000), corrects="in_2")
    assert held(OVERDUE, smaller, applied, now=ONE) == ()


def test_an_item_that_sells_another_product_is_another_item() -> None:
    free = invoice("in_0", charge("si_2", 0), issued=OCTOBER)
    kept = subscription(item("ai", 1, 900, key="si_2"))
    assert held(OVERDUE, free, now=kept) == ()
    assert held(OVERDUE, free, now=subscription(item("pro", 50, key="si_2"))) == ("si_2",)


def test_what_no_document_named_is_known_by_its_grants() -> None:
    """Sold and paid before the cutover."""
    now = subscription(item("pro", 5, key="si_7"))
    since = granted(now.model_copy(update={"as_of": OCTOBER}), ITEMS, ())
    assert held(OVERDUE, now=now, grants=since) == ()
    later = granted(now.model_copy(update={"as_of": OCTOBER + timedelta(1)}), ITEMS, ())
    assert held(OVERDUE, now=now, grants=later) == ("si_7",)
    assert held(OVERDUE, now=MADE_NEW, grants=since) == ("si_9",)
