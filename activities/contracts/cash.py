"""What the process of a payout, and the look at clearing, may ask for."""

from abc import ABC, abstractmethod
from enum import StrEnum

from temporalio import activity

from canonical_models.base import Canonical
from canonical_models.money import Money
from canonical_models.process import Process


class PayoutAct(StrEnum):
    """What comes after a look at the payout."""

    WAIT = "wait"
    BOOK = "book"
    OVER = "over"


class PayoutLook(Canonical):
    """`lane` is where its posting waits, if the ERP wants one at a time."""

    act: PayoutAct
    words: str
    stage: str
    amount: Money | None = None
    lane: str | None = None


class TakeBackInput(Canonical):
    """`by_hand` where a person says that they have done it in the ERP, which we could not."""

    process: Process
    reason: str
    by: str
    by_hand: bool = False


class CashInput(Canonical):
    tenant: str


class CashLooked(Canonical):
    """How many currencies were laid beside each other, and in how many both are not the same;
    `problem` where it could not be read. `told` are payouts that nobody had told us of."""

    currencies: int = 0
    differences: int = 0
    told: int = 0
    problem: str | None = None


class CashActivities(ABC):
    @abstractmethod
    @activity.defn(name="cash.read_payout")
    async def read_payout(self, process: Process) -> PayoutLook:
        """Read it from billing, keep what it says, and tell what is to be done."""

    @abstractmethod
    @activity.defn(name="cash.book_payout")
    async def book_payout(self, process: Process) -> str:
        """Have the ERP hold what billing says of it now, read back and held against that; what was
        done, in words."""

    @abstractmethod
    @activity.defn(name="cash.take_back_payout")
    async def take_back_payout(self, given: TakeBackInput) -> None:
        """Finance takes it back: what was booked is reversed, and it stays out of the books."""

    @abstractmethod
    @activity.defn(name="cash.look")
    async def look(self, given: CashInput) -> CashLooked:
        """Lay clearing beside billing's balance, and keep what was seen; have payouts looked at
        that nobody has told us of. What cannot be read is kept as the reason why nothing is
        known."""
