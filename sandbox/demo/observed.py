"""What each system holds of an account, read from the system itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import quote

from sandbox.demo.systems import Row, amount
from sandbox.demo.world import Account, World

#: How long a change may take before the demo gives up, in seconds.
PATIENCE = 120.0
#: How long it waits before it looks again, in seconds.
EVERY = 0.1

Found = TypeVar("Found")


class NotSeen(Exception):
    """Something that should have happened did not, in time."""


@dataclass(frozen=True)
class Holding:
    """One account across all systems, in words."""

    billing: str
    erp: str
    entitlements: str
    support: str


@dataclass
class Evidence:
    """What a story claims, each claim with what was seen."""

    claims: list[tuple[str, bool, str]] = field(default_factory=list)

    def claim(self, text: str, holds: bool, seen: object = "") -> None:
        self.claims.append((text, holds, str(seen)))

    @property
    def proven(self) -> bool:
        return bool(self.claims) and all(holds for _, holds, _ in self.claims)


async def until(what: str, look: Callable[[], Awaitable[Found | None]]) -> Found:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(EVERY)
    raise NotSeen(f"{what} was not seen within {PATIENCE:.0f} s: look at `trueup changes list`")


async def next_change(world: World, account: Account, seen: set[str]) -> Row:
    """The next change of the account that did something or waits, once nothing else is open."""

    async def look() -> Row | None:
        changes = await world.trueup.changes(account.subscription)
        fresh = [c for c in changes if c["change_id"] not in seen and c["outcome"] != "no_change"]
        if waiting := [change for change in fresh if change["state"] == "waiting"]:
            return waiting[0]
        if any(change["state"] != "settled" for change in changes):
            return None
        return fresh[0] if fresh else None

    return await until(f"a change of {account.subscription}", look)


async def known_changes(world: World, account: Account) -> set[str]:
    return {change["change_id"] for change in await world.trueup.changes(account.subscription)}


async def documents(world: World, account: Account) -> list[Row]:
    """The ERP's documents of what billing has issued to this customer, and of what took them back;
    the party may have others."""
    issued = {one["id"] for one in await world.billing.all("invoices", customer=account.customer)}
    return [
        document
        for document in await world.erp.documents(account.party)
        if str(document["external_id"]).partition("/")[0] in issued
    ]


async def holding(world: World, account: Account) -> Holding:
    subscription, papers, features, organization = await asyncio.gather(
        world.billing.read(f"subscriptions/{account.subscription}"),
        documents(world, account),
        world.trueup.features(account.customer),
        world.desk.organization(account.customer),
    )
    products = {p["id"]: p["name"] for p in await world.billing.all("products")}
    sold = [
        f"{item['quantity']} x {products[item['price']['product']]}"
        for item in subscription["items"]["data"]
    ]
    mark = subscription["metadata"].get("trueup_state", "no mark")
    fields = organization["organization_fields"]
    return Holding(
        billing=f"{', '.join(sold)} ({mark})",
        erp="\n".join(
            f"{p['number']} {amount(p['total_amount'])} {p['currency']['code']}, "
            f"open {amount(p['amount_to_pay'])}"
            for p in papers
        )
        or "nothing",
        entitlements=", ".join(f"{name} {count}" for name, count in features.items()) or "none",
        support=f"{fields.get('trueup_support_tier') or 'no tier'}, until "
        f"{str(fields.get('trueup_contract_end') or '-')[:10]}",
    )


def link(world: World, change: Row) -> str:
    """The saga in the Temporal Web UI."""
    temporal = world.facts.temporal
    workflow = quote(f"subscription/{world.facts.tenant}/{change['subscription_id']}", safe="")
    return f"{temporal.ui}/namespaces/{temporal.namespace}/workflows/{workflow}/{change['run_id']}"
