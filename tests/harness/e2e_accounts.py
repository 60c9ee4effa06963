"""Customers of end-to-end tests: made, changed, and waited for, all through the front door."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from demo.looking import until
from demo.systems import Row
from demo.world import Account, World
from tests.harness.e2e_stack import Front

DAY = timedelta(days=1)


async def subscriber(
    world: World, price: str, *, party: str = "C-1001", quantity: int = 5, mapped: bool = True
) -> Account:
    """A customer who bought `price` ten days ago, by a test clock of the billing platform."""
    now = datetime.now(UTC).replace(microsecond=0)
    begun = int((now - 10 * DAY).timestamp())
    clock = await world.billing.make("test_helpers/test_clocks", frozen_time=begun)
    name = f"Example {secrets.token_hex(3)}"
    customer = await world.billing.make("customers", name=name, test_clock=clock["id"])
    organization = {"name": name, "external_id": customer["id"]}
    await world.desk.ask("POST", "/api/v2/organizations", json={"organization": organization})
    if mapped:
        await world.trueup.map(account=mapping(customer["id"], party))
    sold = await world.billing.make(
        "subscriptions",
        **{
            "customer": customer["id"],
            "items[0][price]": price,
            "items[0][quantity]": quantity,
        },
    )
    account = Account(
        customer=customer["id"],
        subscription=sold["id"],
        item=sold["items"]["data"][0]["id"],
        party=party,
        clock=clock["id"],
    )
    await move_to(world, account, now)
    return account


def mapping(customer: str, party: str) -> Row:
    return {
        "billing_customer": customer,
        "erp_party": party,
        "support_organization": customer,
        "legal_entity": "LE-DE",
    }


async def move_to(world: World, account: Account, moment: datetime) -> None:
    await world.billing.make(
        f"test_helpers/test_clocks/{account.clock}/advance", frozen_time=int(moment.timestamp())
    )


async def change(world: World, account: Account, **fields: Any) -> None:
    """What a customer does in a self-service portal."""
    await world.billing.make(f"subscriptions/{account.subscription}", **fields)


async def settled(front: Front, account: Account) -> list[Row]:
    """The account's changes, oldest first, once everything that billing has told is done."""

    async def look() -> list[Row] | None:
        found = await _arrived(front, account)
        return found if all(entry["state"] == "settled" for entry in found) and found else None

    return await until(f"the end of all changes of {account.subscription}", look)


async def waiting(front: Front, account: Account) -> Row:
    """The account's change that waits for a person."""

    async def look() -> Row | None:
        found = [c for c in await _arrived(front, account) if c["state"] == "waiting"]
        return found[0] if found else None

    return await until(f"a change of {account.subscription} that waits", look)


async def _arrived(front: Front, account: Account) -> list[Row]:
    """The account's changes; none while an event is on its way, looked for in its direction."""
    world = front.world
    sending = await world.billing.ask("GET", "/_sim/deliveries", params={"state": "pending"})
    if sending["deliveries"]:
        return []
    unread = await world.trueup.ask("GET", "/v1/inbox", params={"status": "received"})
    if unread["items"]:
        return []
    return await world.trueup.changes(account.subscription)
