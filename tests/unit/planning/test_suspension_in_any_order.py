"""Whatever a debtor does and in whatever order: held back is what an overdue invoice was for and
what is new since, less what money really paid."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from canonical_models.commerce import Subscription, SubscriptionItem
from canonical_models.documents import BillingDocument, BillingLine, DocumentStatus
from planning.suspension import suspended_items
from tests.unit.planning.cases import (
    START,
    credit_note,
    document,
    eur,
    item,
    line,
    moved,
    subscription,
)

PRICE = 30000
MONTH = timedelta(days=30)
DAY = timedelta(days=1)


@dataclass
class Sold:
    """An item as the story has it: when it came, and the invoice for the period that runs."""

    since: datetime
    begins: datetime
    by: str


@dataclass
class Issued:
    """An invoice as the story has it. `credits` are the amounts that it gave back, by the invoice
    that had charged them."""

    at: datetime
    charged: tuple[str, ...]
    cash: int = 0
    owed: bool = True
    credits: dict[str, int] = field(default_factory=dict)


@dataclass
class Story:
    """A subscription of two items, and all that was billed for it."""

    now: datetime = START
    ends: datetime = START
    sold: dict[str, Sold] = field(default_factory=dict)
    issued: dict[str, Issued] = field(default_factory=dict)
    documents: dict[str, BillingDocument] = field(default_factory=dict)
    overdue: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.sold = {key: Sold(START, START, "") for key in ("si_0", "si_1")}
        self.renew()

    # What can happen.

    def renew(self, _: int = 0) -> None:
        """The calendar: all is charged anew, and refused."""
        self.now = begins = self.ends
        self.ends = begins + MONTH
        self._bill(tuple(self.sold), begins)

    def anchor(self, _: int) -> None:
        """The period begins anew, and what is left of the old one is credited."""
        rests = [self._rest(key) for key in self.sold]
        self.ends = self.now + MONTH
        self._bill(tuple(self.sold), self.now, *rests)

    def replace(self, place: int) -> None:
        """An item goes and another comes, for the rest of the period."""
        gone = sorted(self.sold)[place % len(self.sold)]
        credit = self._rest(gone)
        begins = self.sold.pop(gone).begins
        new = f"si_{len(self.issued) + 1}"
        self.sold[new] = Sold(self.now, begins, "")
        self._bill((new,), begins, credit)

    def pay(self, place: int) -> None:
        """Any that is owed, the newest or the oldest."""
        if key := self._any_owed(place):
            self.issued[key].cash = self.documents[key].remaining.minor
            self._ends(key, "payment", DocumentStatus.PAID)

    def give_up(self, place: int) -> None:
        if key := self._any_owed(place):
            self._ends(key, "write_off", DocumentStatus.UNCOLLECTIBLE)

    def credit(self, place: int) -> None:
        """Of what is owed the rest, of what is paid all."""
        key = sorted(self.issued)[place % len(self.issued)]
        if key in {each.corrects for each in self.documents.values()}:
            return
        found, note = self.documents[key], f"cn_{key}"
        if self.issued[key].owed:
            self._ends(key, "credit_note", DocumentStatus.PAID)
        elif not self.issued[key].cash:
            return
        self.issued[key].cash = 0
        back = [each.model_copy(update={"net": eur(-each.net.minor)}) for each in found.lines]
        self.documents[note] = credit_note(
            *back, document_id=note, corrects=key, issued_at=self.now
        )

    def grace_ends(self, _: int) -> None:
        self.overdue |= {key for key, each in self.issued.items() if each.owed}

    # What is to come of it.

    def held_back(self) -> set[str]:
        debts = [self.issued[key] for key in self.overdue if self.issued[key].owed]
        return {
            key
            for key, each in self.sold.items()
            if any(key in debt.charged or each.since > debt.at for debt in debts)
            and not self._really_paid(each)
        }

    def _really_paid(self, sold: Sold) -> bool:
        return self.now < self.ends and self._money(sold.by) > 0

    def _money(self, key: str) -> int:
        """Its cash, less the credits in it that nobody had paid for."""
        found = self.issued[key]
        return found.cash - sum(min(m, self._lacking(of)) for of, m in found.credits.items())

    def _lacking(self, key: str) -> int:
        return max(self.documents[key].gross.minor - self._money(key), 0)

    def subscription(self) -> Subscription:
        return subscription(*map(self._item, self.sold), as_of=self.now)

    def _item(self, key: str) -> SubscriptionItem:
        period = {"period_start": self.sold[key].begins, "period_end": self.ends}
        return item("pro", key=key).model_copy(update=period)

    def _rest(self, key: str) -> tuple[str, BillingLine]:
        """What is credited for what is left of its period, and the invoice that charged it."""
        net = -PRICE * (self.ends - self.now).days // MONTH.days
        return self.sold[key].by, self._line(key, net, self.now)

    def _line(self, key: str, net: int, begins: datetime) -> BillingLine:
        return line(
            f"{key}/{len(self.issued)}/{net}",
            net,
            item_id=key,
            period_start=begins,
            period_end=self.ends,
        )

    def _bill(
        self, keys: tuple[str, ...], begins: datetime, *rests: tuple[str, BillingLine]
    ) -> None:
        """Dearer than all that it can give back."""
        name = f"in_{len(self.issued):03}"
        given: dict[str, int] = {}
        for of, credited in rests:
            given[of] = given.get(of, 0) - credited.net.minor
        for key in keys:
            self.sold[key].begins, self.sold[key].by = begins, name
        charges = [self._line(key, PRICE + 1, self.now) for key in keys]
        self.issued[name] = Issued(self.now, keys, credits=given)
        self.documents[name] = document(
            *charges,
            *(credited for _, credited in rests),
            document_id=name,
            issued_at=self.now,
        )

    def _any_owed(self, place: int) -> str | None:
        owed = sorted(key for key, each in self.issued.items() if each.owed)
        return owed[place % len(owed)] if owed else None

    def _ends(self, key: str, kind: str, status: DocumentStatus) -> None:
        found = self.documents[key]
        movement = moved(f"{kind}_{key}", kind, found.remaining.minor, key)
        self.issued[key].owed = False
        self.documents[key] = found.model_copy(
            update={"settlements": (movement,), "status": status, "remaining": eur(0)}
        )


ACTS = ("renew", "anchor", "replace", "pay", "give_up", "credit", "grace_ends")


@given(
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(-2, 7), st.integers(1, 9)), max_size=14)
)
def test_access_is_held_back_exactly_where_a_debt_is_not_otherwise_paid(
    acts: list[tuple[str, int, int]],
) -> None:
    story = Story()
    for act, place, days in acts:
        story.now += days * DAY
        if story.now >= story.ends:
            story.renew()
            story.now += DAY
        getattr(story, act)(place)
        found = suspended_items(story.subscription(), story.documents.values(), story.overdue)
        assert set(found) == story.held_back(), (act, story.issued, story.sold)
