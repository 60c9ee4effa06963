"""What billing's own records say of a customer, read from its API and from nothing of ours."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.harness.e2e_seller import Stripe
from tests.harness.life_seller import Customer

Json = dict[str, Any]

_FINAL = ("open", "paid", "uncollectible")


@dataclass(frozen=True)
class Charge:
    """A line that is owed for good, or would be. `net` in the smallest unit."""

    line: str
    product: str
    #: The subscription item; None for a bare amount.
    item: str | None
    net: int
    start: int
    end: int


@dataclass(frozen=True)
class Asked:
    """An invoice with its lines. `overdue_since` is when its first charge was refused."""

    invoice: str
    status: str
    created: int
    overdue_since: int | None
    charges: tuple[Charge, ...]


@dataclass(frozen=True)
class Item:
    item: str
    product: str
    quantity: int
    start: int
    end: int


@dataclass(frozen=True)
class Sold:
    """A subscription. `access` says whether the customer may use what is sold, paid or not."""

    subscription: str
    access: bool
    #: When it is to end, or was to.
    ends: int | None
    ended: int | None
    items: tuple[Item, ...]
    invoices: tuple[Asked, ...]
    pending: tuple[Charge, ...]
    metadata: dict[str, str]

    @property
    def period_end(self) -> int:
        return max(item.end for item in self.items)

    def lines(self) -> dict[str, int]:
        """Net by line of all that is owed, empty amounts left out."""
        final = [c for asked in self.invoices if asked.status in _FINAL for c in asked.charges]
        return {charge.line: charge.net for charge in (*self.pending, *final) if charge.net}

    def drafted(self) -> set[str]:
        """Lines that wait on a draft: whether they are posted is not decided yet."""
        drafts = (asked for asked in self.invoices if asked.status == "draft")
        return {charge.line for asked in drafts for charge in asked.charges}


@dataclass(frozen=True)
class Moved:
    """Money on an invoice, signed: positive when it was received."""

    amount: int
    invoice: str
    at: int


@dataclass(frozen=True)
class Books:
    """All of a customer, as of `now` of its clock."""

    now: int
    sold: tuple[Sold, ...]
    moved: dict[str, Moved] = field(default_factory=dict)

    def invoices(self) -> Iterator[tuple[Sold, Asked]]:
        for sold in self.sold:
            for asked in sold.invoices:
                yield sold, asked


async def read(stripe: Stripe, customer: Customer) -> Books:
    pending = await stripe.all("invoiceitems", customer=customer.customer, pending="true")
    sold = []
    moved: dict[str, Moved] = {}
    payments: dict[str, str] = {}
    for key in customer.subscriptions:
        invoices = await stripe.all("invoices", subscription=key)
        for invoice in invoices:
            for share in await stripe.all("invoice_payments", invoice=invoice["id"]):
                name = share["payment"].get("payment_intent") or share["id"]
                payments[name] = invoice["id"]
                if share["status"] == "paid":
                    paid_at = share["status_transitions"]["paid_at"]
                    moved[name] = Moved(share["amount_paid"], invoice["id"], paid_at)
        sold.append(
            _sold(
                await stripe.read(f"subscriptions/{key}"),
                [await _asked(stripe, invoice) for invoice in invoices],
                [item for item in pending if _of(item) == key],
            )
        )
    for charge in await stripe.all("charges", customer=customer.customer):
        moved |= await _returned(stripe, charge, payments[charge["payment_intent"]])
    return Books(customer.now, tuple(sold), moved)


async def _returned(stripe: Stripe, charge: Json, invoice: str) -> dict[str, Moved]:
    """What went back of a charge, and what came back of that."""
    found: dict[str, Moved] = {}
    if charge["amount_refunded"]:
        for refund in await stripe.all("refunds", charge=charge["id"]):
            found[refund["id"]] = Moved(-refund["amount"], invoice, refund["created"])
    if charge["disputed"]:
        for dispute in await stripe.all("disputes", charge=charge["id"]):
            key, amount, at = dispute["id"], dispute["amount"], dispute["created"]
            found[key] = Moved(-amount, invoice, at)
            if dispute["status"] == "won":
                found[f"{key}-won"] = Moved(amount, invoice, at)
    return found


def _of(pending: Json) -> str | None:
    details = pending["parent"]["subscription_details"] if pending["parent"] else None
    return details["subscription"] if details else None


def _sold(found: Json, invoices: Iterable[Asked], pending: Iterable[Json]) -> Sold:
    pause = found["pause_collection"]
    paused = pause is not None and pause["behavior"] == "void"
    return Sold(
        subscription=found["id"],
        access=found["status"] in ("trialing", "active", "past_due") and not paused,
        ends=found["cancel_at"],
        ended=found["ended_at"],
        items=tuple(
            Item(
                item=item["id"],
                product=item["price"]["product"],
                quantity=item["quantity"],
                start=item["current_period_start"],
                end=item["current_period_end"],
            )
            for item in found["items"]["data"]
        ),
        invoices=tuple(invoices),
        pending=tuple(
            Charge(
                line=item["id"],
                product=item["pricing"]["price_details"]["product"],
                item=item["parent"]["subscription_details"]["subscription_item"],
                net=item["amount"],
                start=item["period"]["start"],
                end=item["period"]["end"],
            )
            for item in pending
        ),
        metadata=found["metadata"],
    )


async def _asked(stripe: Stripe, invoice: Json) -> Asked:
    embedded = invoice["lines"]
    lines = embedded["data"]
    if embedded["has_more"]:
        lines = await stripe.all(f"invoices/{invoice['id']}/lines")
    refused = invoice["status"] == "open" and invoice["attempted"]
    return Asked(
        invoice=invoice["id"],
        status=invoice["status"],
        created=invoice["created"],
        overdue_since=invoice["status_transitions"]["finalized_at"] if refused else None,
        charges=tuple(map(_charge, lines)),
    )


def _charge(line: Json) -> Charge:
    parent = line["parent"]
    details = parent["subscription_item_details"] or parent["invoice_item_details"] or {}
    return Charge(
        line=details.get("invoice_item") or line["id"],
        product=line["pricing"]["price_details"]["product"],
        item=details.get("subscription_item"),
        net=line["amount"],
        start=line["period"]["start"],
        end=line["period"]["end"],
    )
