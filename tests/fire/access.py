"""What a customer may use and what support owes it, worked out from billing alone.

Written from the rules that people are told (docs/architecture.md, ADR 39), and only as far as they
leave no doubt: where money of several invoices meets a debt, both answers are taken.
"""

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sandbox.demo.systems import Row
from tests.fire.people import People
from tests.fire.seen import Seen
from tests.harness.buyers import SOLD, Buyer

GRACE_SECONDS = 7 * 86400
_TIERS = ("standard", "premium", "enterprise")
_SERVED = ("active", "trialing", "past_due")


@dataclass(frozen=True)
class Item:
    """What one item gives; `held` is whether a debt holds it back, None where that is in doubt."""

    features: dict[str, int]
    tier: str | None
    held: bool | None


@dataclass(frozen=True)
class Expected:
    """`least` and `most` are the same where there is no doubt; `tiers` are those that may be
    shown."""

    least: dict[str, int]
    most: dict[str, int]
    tiers: frozenset[str | None]

    @property
    def certain(self) -> bool:
        return self.least == self.most and len(self.tiers) == 1

    def refuses(self, features: Mapping[str, int]) -> bool:
        names = {*self.most, *features}
        return any(
            not self.least.get(name, 0) <= features.get(name, 0) <= self.most.get(name, 0)
            for name in names
        )


@dataclass(frozen=True)
class Billed:
    """What billing says of a customer, at `now` by its test clock.

    `refused` is since when an invoice is overdue, and `last_news` when a subscription was
    last told of, both in seconds.
    """

    now: int
    subscriptions: list[Row]
    invoices: list[Row]
    notes: list[Row]
    charges: list[Row]
    refused: Mapping[str, int]
    last_news: Mapping[str, int]
    #: Our own clock.
    today: int


async def billed(buyer: Buyer, seen: Seen) -> Billed:
    billing, customer = buyer.world.billing, buyer.customer
    return Billed(
        now=int((await billing.read(f"test_helpers/test_clocks/{buyer.clock}"))["frozen_time"]),
        subscriptions=await billing.all("subscriptions", customer=customer, status="all"),
        invoices=await billing.all("invoices", customer=customer),
        notes=await billing.all("credit_notes", customer=customer),
        charges=await billing.all("charges", customer=customer),
        refused=seen.refused,
        last_news=seen.last_news,
        today=int(time.time()),
    )


def expected(known: Billed, products: Mapping[str, str], people: People) -> Expected:
    """`products` are names by billing's id; one that is not sold here gives nothing."""
    least: dict[str, int] = {}
    most: dict[str, int] = {}
    tiers: list[frozenset[str | None]] = []
    for one in known.subscriptions:
        if not _serves(one):
            continue
        debts = _debts(one, known)
        items = [
            _item(item, products, debts, known, people)
            for item in one["items"]["data"]
            if item["quantity"]
        ]
        lapsed = _lapsed(one, known)
        for item in items:
            _add(most, item.features if item.held is not True else {})
            _add(least, item.features if item.held is False and not lapsed else {})
        tiers.append(_shown(items) | ({None} if lapsed else set()))
    return Expected(least, most, _highest(tiers))


def _lapsed(subscription: Row, known: Billed) -> bool:
    """Whether an end that is agreed lies ahead by the customer's test clock, and behind by ours, by
    which targets are told: only in a sandbox, and both answers are taken."""
    ends = subscription["cancel_at"]
    return ends is not None and ends <= known.today


def _serves(subscription: Row) -> bool:
    paused = subscription["pause_collection"]
    void = paused is not None and paused["behavior"] == "void"
    return subscription["status"] in _SERVED and not void


def _debts(subscription: Row, known: Billed) -> list[Row]:
    """Invoices that were overdue when billing last told of the subscription, and whose
    grace was over by then."""
    looked = known.last_news.get(subscription["id"], known.now)
    return [
        one
        for one in known.invoices
        if one["status"] == "open"
        and one["amount_remaining"] > 0
        and known.refused.get(one["id"], looked) <= looked - GRACE_SECONDS
        and any(_of(line) == subscription["id"] for line in one["lines"]["data"])
    ]


def _item(
    item: Row, products: Mapping[str, str], debts: list[Row], known: Billed, people: People
) -> Item:
    name = products.get(item["price"]["product"], "")
    _, per_unit, included, tier = SOLD.get(name, ("", [], [], None))
    count = int(item["quantity"])
    features = dict.fromkeys(per_unit, count) | dict.fromkeys(included, 1)
    if not debts:
        return Item(features, tier, held=False)
    # Refunds, disputes and credit notes: whether what was paid still counts has no short answer.
    back = any(one["amount_refunded"] or one["disputed"] for one in known.charges)
    clear = (
        not known.notes
        and not back
        and not any(debt["id"] in people.extended for debt in debts)
        and all(_charges(debt, item, only=True) for debt in debts)
        and not any(_charges(one, item) for one in known.invoices if one["amount_paid"] > 0)
    )
    return Item(features, tier, held=True if clear else None)


def _charges(invoice: Row, item: Row, *, only: bool = False) -> bool:
    """Whether it charges the item; `only`: nothing else, and credits nothing."""
    lines = invoice["lines"]["data"]
    mine = [line["amount"] > 0 and _item_of(line) == item["id"] for line in lines]
    return all(mine) if only else any(mine)


def _item_of(line: Row) -> str | None:
    return _named(line, "subscription_item")


def _of(line: Row) -> str | None:
    return _named(line, "subscription")


def _named(line: Row, what: str) -> str | None:
    parent = line["parent"] or {}
    for kind in ("subscription_item_details", "invoice_item_details"):
        if details := parent.get(kind):
            found: str | None = details.get(what)
            return found
    return None


def _add(total: dict[str, int], more: Mapping[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


def _shown(items: list[Item]) -> frozenset[str | None]:
    """The tiers that a subscription may have: of what is not held back, or the lowest."""
    sold = [item for item in items if item.tier is not None]
    if not sold:
        return frozenset({None})
    sure = [item.tier for item in sold if item.held is False]
    doubted = [item.tier for item in sold if item.held is None]
    floor = _best(sure) or _TIERS[0]
    return frozenset({floor, *(_best([floor, tier]) for tier in doubted)})


def _highest(each: Collection[frozenset[str | None]]) -> frozenset[str | None]:
    found: frozenset[str | None] = frozenset({None})
    for tiers in each:
        found = frozenset(_best([one, other]) for one in found for other in tiers)
    return found


def _best(tiers: Iterable[str | None]) -> str | None:
    named = [tier for tier in tiers if tier is not None]
    return max(named, key=_TIERS.index, default=None)
