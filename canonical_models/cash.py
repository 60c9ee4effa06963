"""Money on its way from billing to the bank: what moves billing's balance, payouts, and how the ERP
books them.

What billing collects stands on a clearing account of the ERP until its payout. A payout is one
deposit: what reaches the bank and what billing has kept as its fee leave clearing together.
"""

import hashlib
from datetime import date
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from canonical_models.base import Canonical, Identifier, Instant
from canonical_models.money import Currency, Money


class CashKind(StrEnum):
    """What moved billing's balance. The first three are movements of customers' money, which are in
    the books by themselves; of all others the payout is the first word."""

    CHARGE = "charge"
    REFUND = "refund"
    DISPUTE = "dispute"
    #: What billing keeps beside charges, such as by the month.
    FEE = "fee"
    #: Money that went to the bank, or came back from it.
    PAYOUT = "payout"
    OTHER = "other"


#: Stand on clearing as soon as they are in the books.
OF_CUSTOMERS = frozenset({CashKind.CHARGE, CashKind.REFUND, CashKind.DISPUTE})


class CashMovement(Canonical):
    """One movement of billing's balance. `amount` is before `fee` and `fee_tax`, which billing
    keeps of it; all three are in the currency of that balance. `taken` is what the customer moved,
    where that was in another currency."""

    movement_id: Identifier
    kind: CashKind
    amount: Money
    fee: Money
    fee_tax: Money
    at: Instant
    taken: Money | None = None
    #: As the id of the settlement that it became; of a payout the payout's.
    source_id: Identifier | None = None
    #: What billing calls it, for people.
    called: str

    @property
    def net(self) -> Money:
        """What it adds to the balance."""
        return self.amount - self.fee - self.fee_tax

    @property
    def stands(self) -> Money:
        """What it moves on clearing where it is of a customer: in the currency that was taken."""
        return self.taken or self.amount


class PayoutStatus(StrEnum):
    UNDERWAY = "underway"
    PAID = "paid"
    FAILED = "failed"
    CANCELED = "canceled"


#: The money is with billing again, or never left.
NOT_PAID = frozenset({PayoutStatus.FAILED, PayoutStatus.CANCELED})


class Payout(Canonical):
    """A payout as billing says it is now. `movements` are those that it pays out, without itself;
    None where billing does not say them: never of one that was made by hand, and of an automatic
    one not before it is `reconciled`. `back_on` is the day that its money came back."""

    payout_id: Identifier
    amount: Money
    status: PayoutStatus
    automatic: bool
    reconciled: bool
    created_at: Instant
    arrives_on: date
    back_on: date | None = None
    movements: tuple[CashMovement, ...] | None = None


class PayoutTrigger(Canonical):
    """A vendor's event in our words: which payout to look at."""

    event_id: Identifier
    payout_id: Identifier


class CashBalance(Canonical):
    """What billing says is on its balance, on its way to it included, by currency."""

    amounts: tuple[Money, ...]


class Converted(Canonical):
    """What was taken in another currency: `settlement_id` finds in the books what stands on
    clearing for it, `taken` in the customer's currency and `came_as` in the payout's."""

    settlement_id: Identifier
    taken: Money
    came_as: Money


class CashAccounts(Canonical):
    """Accounts of the ERP by code, of the legal entity whose bank account billing pays out to."""

    legal_entity: Identifier
    clearing: Identifier
    bank: Identifier
    fees: Identifier
    #: The ERP's tax code of fees; None where fees bear no tax.
    fee_tax_code: str | None = None
    conversion: Identifier | None = None
    journal: str | None = None


class DepositDraft(Canonical):
    """One move of the ERP: what `received` at the bank and what billing has kept leave clearing.

    `cleared` is of movements in the currency of the payout, `converted` of the others. All amounts
    but those taken are in one currency, and may be negative: money that comes back.
    """

    external_id: Identifier
    accounts: CashAccounts
    value_date: date
    #: Whether it is booked on the first open day where the books of its day are closed.
    first_open_day: bool
    received: Money
    fee: Money
    fee_tax: Money
    cleared: Money
    converted: tuple[Converted, ...] = ()

    @model_validator(mode="after")
    def _balances(self) -> Self:
        out = self.received + self.fee + self.fee_tax
        came = Money.total((each.came_as for each in self.converted), out.currency)
        if out != self.cleared + came:
            raise ValueError(f"{self.external_id} does not balance: {out} leave, {self.cleared}")
        return self

    @property
    def content(self) -> str:
        """What it says, as a digest."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def reversed_as(self, external_id: str, on: date) -> "DepositDraft":
        """All of it the other way round."""
        return self.model_copy(
            update={
                "external_id": external_id,
                "value_date": on,
                "received": -self.received,
                "fee": -self.fee,
                "fee_tax": -self.fee_tax,
                "cleared": -self.cleared,
                "converted": tuple(
                    each.model_copy(update={"taken": -each.taken, "came_as": -each.came_as})
                    for each in self.converted
                ),
            }
        )


class DepositEntry(Canonical):
    """A deposit as the ERP holds it, read back. `cleared` is what its lines take off clearing, by
    currency; `conversion` what has become a difference of currencies, in that of the books."""

    entry_id: Identifier
    external_id: str
    number: str | None
    posted_on: date
    received: Money
    fee: Money
    fee_tax: Money
    cleared: tuple[Money, ...]
    conversion: Money


class PayoutState(StrEnum):
    """What became of a payout in the ERP."""

    #: Known, and not in the books.
    SEEN = "seen"
    BOOKED = "booked"
    #: In the books, and so is that its money came back.
    RETURNED = "returned"
    #: Somebody keeps it out: it was taken back, or never entered.
    HELD = "held"
    #: It reached the bank before the cutover: the old process has it.
    BEFORE = "before"


class PayoutBooked(Canonical):
    """What was booked of a payout, and how: by `covered` movements, or by its sum alone where
    billing does not say what it covers."""

    entry_id: Identifier
    number: str | None
    posted_on: date
    fee: Money
    fee_tax: Money
    covered: int | None
    conversion: Money | None = None


class PayoutView(Canonical):
    """One payout, as it is shown."""

    connection: str
    payout_id: str
    amount: Money
    status: PayoutStatus
    automatic: bool
    created_at: Instant
    arrives_on: date
    state: PayoutState
    booked: PayoutBooked | None
    #: What keeps it where it is, in words.
    note: str | None
    updated_at: Instant


class CashStanding(Canonical):
    """Clearing beside billing's balance, of one currency.

    `should` is what billing says is on its balance, plus what the books do not have yet: `fees`
    that no payout has covered so far, and `on_the_way`, payouts that have left the balance and are
    not booked. `converted` is what stands on the balance of another currency than it was taken in.
    `clearing` is the ERP's own word, and `difference` what it is more than it should be.
    """

    currency: Currency
    billing: Money
    fees: Money
    on_the_way: Money
    converted: Money
    #: Movements that neither are of customers nor fees nor payouts.
    other: Money
    should: Money
    clearing: Money
    difference: Money


class CashLook(Canonical):
    """What the last look has found; `problem` is why it could not be read, and then no figure is of
    now: `standings` are those of `seen_at`, None where there was never any."""

    connection: str
    legal_entity: str
    looked_at: Instant
    seen_at: Instant | None
    standings: tuple[CashStanding, ...]
    problem: str | None
