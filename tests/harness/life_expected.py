"""What every other system must say, from billing's records and the tenant's policy alone.

Written from the rules as people know them, and not with the code that is tested.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from canonical_models.policy import DunningPolicy, TenantPolicy
from tests.harness.e2e_deliveries import GIVES, TIERS
from tests.harness.life_books import Asked, Books, Charge, Item, Sold

DAY = 86400
ZONE = "Europe/Berlin"
POLICY = TenantPolicy(
    tiers=TIERS,
    time_zone=ZONE,
    dunning=DunningPolicy(grace_days=7, reminder_days=(0, 3), final_days=40, items={"AI": 12}),
)


@dataclass(frozen=True, order=True)
class Held:
    """A grant as a person would say it; `ends` in Unix seconds."""

    item: str
    feature: str
    quantity: int
    suspended: bool
    ends: int | None


@dataclass(frozen=True)
class Expected:
    """`names` are of products by id; `zone` is the customer's."""

    books: Books
    names: dict[str, str]
    zone: str

    def stages(self) -> dict[str, str]:
        """How far every invoice has come whose charge was refused and that is still owed."""
        return {
            asked.invoice: self._stage(asked)
            for _, asked in self.books.invoices()
            if asked.overdue_since is not None
        }

    def _stage(self, asked: Asked) -> str:
        charged = {self.names[charge.product].upper() for charge in asked.charges}
        special = POLICY.dunning.items
        grace = max(
            (special[name] for name in charged & special.keys()),
            default=POLICY.dunning.grace_days,
        )
        late = self.books.now - (asked.overdue_since or 0)
        if late >= POLICY.dunning.final_days * DAY:
            return "final"
        return "suspended" if late >= grace * DAY else "grace"

    def suspended(self, sold: Sold) -> set[str]:
        """The items whose present period is asked for by an invoice that is past its grace."""
        stages = self.stages()
        found = set()
        for item in sold.items:
            asked = self._asking(sold, item)
            if asked is not None and stages.get(asked.invoice) in ("suspended", "final"):
                found.add(item.item)
        return found

    def _asking(self, sold: Sold, item: Item) -> Asked | None:
        """The invoice that asks for the item's present period: by the line for the most of it."""
        now = self.books.now
        lines = [
            (charge, asked)
            for asked in sold.invoices
            if asked.status in ("open", "paid", "uncollectible")
            for charge in asked.charges
            if charge.item == item.item and charge.net > 0
            if item.start <= charge.start <= now < charge.end <= item.end
        ]

        def most(entry: tuple[Charge, Asked]) -> tuple[int, int, str]:
            charge, _ = entry
            return charge.end - charge.start, charge.start, charge.line

        return max(lines, key=most)[1] if lines else None

    def serves(self, sold: Sold) -> bool:
        """What came to its agreed end is served to the end of that day."""
        if sold.access or sold.ended is None:
            return sold.access
        natural = sold.ends is not None and sold.ended >= sold.ends
        return natural and self.books.now < self.end_of_day(sold.ends or 0)

    def grants(self, sold: Sold) -> list[Held]:
        if not self.serves(sold):
            return []
        held_back = self.suspended(sold)
        ends = None if sold.ends is None else self.end_of_day(sold.ends)
        found = []
        for item in sold.items:
            if not item.quantity:
                continue
            per_unit, included, _ = GIVES[self.names[item.product]]
            features = dict.fromkeys(included, 1) | dict.fromkeys(per_unit, item.quantity)
            found += [
                Held(item.item, feature, quantity, item.item in held_back, ends)
                for feature, quantity in features.items()
            ]
        return sorted(found)

    def entitled(self) -> dict[str, tuple[int, int | None]]:
        """Quantity and end of each feature over all subscriptions."""
        found: defaultdict[str, list[Held]] = defaultdict(list)
        for sold in self.books.sold:
            for held in self.grants(sold):
                if not held.suspended:
                    found[held.feature].append(held)
        return {
            feature: (sum(held.quantity for held in live), _latest(held.ends for held in live))
            for feature, live in found.items()
        }

    def support(self) -> tuple[str | None, int | None, set[str]]:
        """Tier, end of the contract, features."""
        serving = [sold for sold in self.books.sold if self.serves(sold)]
        ends = [self.end_of_day(sold.ends or sold.period_end) for sold in serving]
        tiers = [tier for sold in serving if (tier := self._tier(sold)) is not None]
        return (
            max(tiers, key=TIERS.index, default=None),
            max(ends, default=None),
            set(self.entitled()),
        )

    def _tier(self, sold: Sold) -> str | None:
        held_back = self.suspended(sold)
        tiers = {
            item.item: tier
            for item in sold.items
            if item.quantity and (tier := GIVES[self.names[item.product]][2]) is not None
        }
        # Whoever had support and is suspended may still ask why.
        lowest = TIERS[0] if tiers else None
        kept = [tier for item, tier in tiers.items() if item not in held_back]
        return max(kept, key=TIERS.index, default=lowest)

    def end_of_day(self, at: int) -> int:
        """The next local midnight, or this one. What no local clock shows is the next moment."""
        zone = ZoneInfo(self.zone)
        local = datetime.fromtimestamp(at, zone)
        begun = datetime.combine(local.date(), time(), zone)
        if int(begun.timestamp()) == at:
            return at
        following = datetime.combine(local.date() + timedelta(days=1), time(), zone)
        return int(following.timestamp())

    def day(self, at: int) -> date:
        return datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(self.zone)).date()


def _latest(ends: Iterable[int | None]) -> int | None:
    found = [*ends]
    return None if None in found else max(end for end in found if end is not None)
