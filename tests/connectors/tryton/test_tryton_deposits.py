"""Payouts in a real Tryton: one move each, whose lines Tryton's own accounts are then asked for."""

import secrets
from decimal import Decimal

import pytest

from canonical_models.cash import CashAccounts, Converted, DepositDraft
from canonical_models.failures import Rejection
from canonical_models.money import Money
from connectors.tryton.deposits import Deposits
from connectors.tryton.features import FeatureProbe
from connectors.tryton.movements import Movements
from connectors.tryton.settlement import Settlement
from connectors.tryton.taxes import TaxBook
from planning.cash import disagreements
from sandbox.erp.bookkeeping import Bookkeeper
from tests.connectors.tryton.accounts import Desk, desk, keeper, movement, today

__all__ = ["desk", "keeper"]

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

ACCOUNTS = CashAccounts(
    legal_entity="LE-DE",
    clearing="1.1.5",
    bank="1.1.1",
    fees="5.2.4",
    fee_tax_code="VAT 19 %",
    conversion="6.2.1",
)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def draft(
    received: int,
    fee: int = 0,
    tax: int = 0,
    *,
    converted: tuple[Converted, ...] = (),
    accounts: CashAccounts = ACCOUNTS,
) -> DepositDraft:
    came = sum(each.came_as.minor for each in converted)
    return DepositDraft(
        external_id=f"po_{secrets.token_hex(6)}",
        accounts=accounts,
        value_date=today(),
        first_open_day=False,
        received=eur(received),
        fee=eur(fee),
        fee_tax=eur(tax),
        cleared=eur(received + fee + tax - came),
        converted=converted,
    )


def deposits_of(desk: Desk) -> Deposits:
    probe = FeatureProbe(desk.client)
    movements = Movements(desk.client, Settlement(desk.client), probe)
    return Deposits(desk.client, desk.master, movements, TaxBook(desk.client))


async def balance(desk: Desk, code: str) -> Decimal:
    """Tryton's own balance of an account, in the currency of the books."""
    company = await desk.company()
    rows = await desk.client.search(
        "account.move.line",
        [["account.code", "=", code], ["move.company", "=", company.id]],
        ("debit", "credit"),
        what="the lines of an account",
        company=company.id,
    )
    sides = ((row["debit"]["decimal"], row["credit"]["decimal"]) for row in rows)
    return sum((Decimal(debit) - Decimal(credit) for debit, credit in sides), Decimal(0))


async def test_a_payout_takes_off_clearing_what_reached_the_bank_and_what_was_kept(
    desk: Desk, keeper: Bookkeeper
) -> None:
    deposits, before = deposits_of(desk), await balance(desk, "1.1.5")
    await desk.settle(movement(11900, await desk.document(11900)))
    assert await balance(desk, "1.1.5") == before + 119
    wanted = draft(11600, 252, 48)

    entry = await deposits.deposit(wanted)

    assert disagreements(wanted, entry) == ()
    assert await keeper.booked(entry.entry_id) == {
        "1.1.1": "116",
        "1.1.5": "-119",
        "2.2.3": "0.48",
        "5.2.4": "2.52",
    }
    assert await balance(desk, "1.1.5") == before
    taxed = await desk.client.search(
        "account.tax.line",
        [["move_line.move", "=", int(entry.entry_id)]],
        ("type", "amount", "tax.name"),
        what="the tax of a payout",
    )
    assert {(row["type"], row["amount"]["decimal"], row["tax"]["name"]) for row in taxed} == {
        ("base", "2.52", "VAT 19 %"),
        ("tax", "0.48", "VAT 19 %"),
    }
    # Once, however often it is asked for, and found by its reference.
    assert await deposits.deposit(wanted) == entry
    assert await deposits.find(wanted) == entry
    undone = await deposits.deposit(wanted.reversed_as(f"{wanted.external_id}/undo", today()))
    assert await keeper.booked(undone.entry_id) == {
        "1.1.1": "-116",
        "1.1.5": "119",
        "2.2.3": "-0.48",
        "5.2.4": "-2.52",
    }


@pytest.mark.slow
async def test_what_was_converted_leaves_clearing_at_what_the_books_have_for_it(
    desk: Desk, keeper: Bookkeeper
) -> None:
    deposits = deposits_of(desk)
    paid = movement(11000, await desk.document(11000, currency="USD"))
    stood = {each.currency: each for each in await deposits.standing(ACCOUNTS)}
    entered = await desk.settle(paid)
    # The ERP's rate is 1.10 dollars for a euro; billing gave 99.20.
    assert (await keeper.booked(entered.entry_id))["1.1.5"] == "100"
    part = Converted(
        settlement_id=paid.external_id,
        taken=Money(minor=11000, currency="USD"),
        came_as=eur(9920),
    )
    wanted = draft(9700, 220, converted=(part,))

    entry = await deposits.deposit(wanted)

    assert await keeper.booked(entry.entry_id) == {
        "1.1.1": "97",
        "1.1.5": "-100",
        "5.2.4": "2.2",
        "6.2.1": "0.8",
    }
    assert (entry.conversion, disagreements(wanted, entry)) == (eur(80), ())
    now = {each.currency: each for each in await deposits.standing(ACCOUNTS)}
    assert now.get("USD", Money.zero("USD")) == stood.get("USD", Money.zero("USD"))
    assert now["EUR"] == stood["EUR"]


async def test_nothing_is_booked_that_would_not_say_it_whole(desk: Desk) -> None:
    deposits, before = deposits_of(desk), await balance(desk, "1.1.5")
    unpaid = Converted(
        settlement_id="pi_never", taken=Money(minor=500, currency="USD"), came_as=eur(450)
    )
    nowhere = ACCOUNTS.model_copy(update={"fees": "9.9.9"})
    untaxed = ACCOUNTS.model_copy(update={"fee_tax_code": None})
    for refused, named in (
        (draft(450, converted=(unpaid,)), "pi_never"),
        (draft(450, 10, accounts=nowhere), "9.9.9"),
        (draft(450, 10, 2, accounts=untaxed), "fee_tax_code"),
    ):
        with pytest.raises(Rejection, match=named):
            await deposits.deposit(refused)
        assert await deposits.find(refused) is None
    assert await balance(desk, "1.1.5") == before
