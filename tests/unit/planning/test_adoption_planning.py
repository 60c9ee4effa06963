"""Documents and balances as they stood at the cutover."""

from datetime import UTC, datetime, timedelta

import pytest

from canonical_models.adoption import BalanceSides
from canonical_models.documents import BillingDocument, Settlement, SettlementKind
from canonical_models.ledgering import OpenItem
from canonical_models.money import Money
from planning.adoption import balances_at, open_at, to_be_found
from tests.harness.subscriptions import invoice, line, paid, payment, void

CUTOVER = datetime(2026, 11, 1, tzinfo=UTC)
DAY = timedelta(days=1)
BEFORE, AFTER = CUTOVER - DAY, CUTOVER + DAY
OPEN = invoice(line("il_1", 10000), issued_at=BEFORE)


def settled(*payments: tuple[int, datetime]) -> BillingDocument:
    made = (payment(minor, key=f"pi_{n}", at=at) for n, (minor, at) in enumerate(payments))
    return paid(OPEN, *made)


@pytest.mark.parametrize(
    ("document", "owed"),
    [
        (OPEN, 10000),
        (settled((4000, BEFORE)), 6000),
        (settled((4000, BEFORE), (6000, AFTER)), 6000),
        (settled((10000, BEFORE)), 0),
        # A payment of the very first moment is ours.
        (settled((10000, CUTOVER)), 10000),
    ],
)
def test_what_was_open_at_the_cutover(document: BillingDocument, owed: int) -> None:
    assert open_at(document, CUTOVER).minor == owed
    assert to_be_found(document, CUTOVER) is bool(owed)


def test_what_is_not_to_be_found() -> None:
    assert not to_be_found(OPEN.model_copy(update={"issued_at": CUTOVER}), CUTOVER)
    assert not to_be_found(void(OPEN, at=BEFORE), CUTOVER)
    assert to_be_found(void(OPEN, at=AFTER), CUTOVER)


def money(minor: int, currency: str = "EUR") -> Money:
    return Money(minor=minor, currency=currency)


def moved(key: str, kind: SettlementKind, minor: int, at: datetime, of: str = "") -> Settlement:
    return Settlement(
        settlement_id=key, kind=kind, document_id=of or None, amount=money(minor), at=at
    )


def item(external_id: str, minor: int, currency: str = "EUR") -> OpenItem:
    return OpenItem(
        entry_id=external_id,
        external_id=external_id,
        party="C-1",
        on=BEFORE.date(),
        amount=money(minor, currency),
    )


def test_balances_are_taken_back_to_the_cutover() -> None:
    """83 now: 100 then; since, 50 were given, 3 came without a document, 90 were used by one
    document and 20 kept by another."""
    found = balances_at(
        CUTOVER,
        balance=[money(8300)],
        moved=[
            moved("given", SettlementKind.GOODWILL, 5000, AFTER),
            moved("used", SettlementKind.BALANCE, 9000, AFTER),
            moved("kept", SettlementKind.BALANCE, -2000, AFTER),
            moved("long_ago", SettlementKind.GOODWILL, 700, BEFORE),
            moved("topped_up", SettlementKind.PAYMENT, 300, AFTER),
            moved("paid", SettlementKind.PAYMENT, 400, AFTER, of="in_1"),
        ],
        # What of these is ours has been entered since.
        items=[
            item("opening", -10000),
            item("given", -5000),
            item("topped_up", -300),
            item("used", 9000),
        ],
    )
    assert found == (BalanceSides(billing=money(10000), erp=money(10000)),)
    assert found[0].agree


def test_balances_of_several_currencies_stand_beside_each_other() -> None:
    found = balances_at(
        CUTOVER, balance=[money(500)], moved=[], items=[item("a", 200, "USD"), item("b", -200)]
    )
    assert [(side.billing, side.erp) for side in found] == [
        (money(500), money(200)),
        (money(0, "USD"), money(-200, "USD")),
    ]
    assert not any(side.agree for side in found)


def test_nothing_on_both_sides_is_no_balance() -> None:
    offset = [item("a", 200), item("b", -200)]
    assert balances_at(CUTOVER, balance=[money(0)], moved=[], items=offset) == ()
