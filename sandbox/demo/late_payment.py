"""The fourth story: a new customer is opened everywhere, pays, stops paying, and pays late."""

import secrets
from datetime import UTC, datetime, timedelta

from sandbox.demo.books import claim_books
from sandbox.demo.observed import (
    Evidence,
    documents,
    holding,
    known_changes,
    link,
    next_change,
    until,
)
from sandbox.demo.stories import Told
from sandbox.demo.systems import Row
from sandbox.demo.world import LONG_AGO, Account, World, vat

#: Billing has charged for the next month by then, and was refused.
RENEWED = timedelta(days=32)
#: Longer than the grace.
LATER = timedelta(days=8)


async def newcomer(world: World, prices: dict[str, str], name: str | None = None) -> Account:
    """A customer in Germany who buys Pro, with VAT; no other system knows of it."""
    begun = datetime.now(UTC) - LONG_AGO
    clock = await world.billing.make("test_helpers/test_clocks", frozen_time=int(begun.timestamp()))
    customer = await world.billing.make(
        "customers",
        **{
            "name": name or f"Newcomer {secrets.token_hex(3)}",
            "test_clock": clock["id"],
            "address[country]": "DE",
            "address[line1]": "Hafenstr. 7",
            "address[postal_code]": "20457",
            "address[city]": "Hamburg",
        },
    )
    sold = await world.billing.make(
        "subscriptions",
        **{
            "customer": customer["id"],
            "items[0][price]": prices["Pro"],
            "items[0][quantity]": 5,
            "default_tax_rates[0]": await vat(world),
        },
    )
    return Account(
        customer=customer["id"],
        subscription=sold["id"],
        item=sold["items"]["data"][0]["id"],
        # An account that is opened by itself has billing's id in the ERP.
        party=customer["id"],
        clock=clock["id"],
    )


async def late_payment(world: World, account: Account, prices: dict[str, str]) -> Told:
    del prices
    evidence = Evidence()
    opened = await next_change(world, account, set())
    before = await holding(world, account)
    papers = await documents(world, account)
    numbers = [paper["number"] for paper in papers]
    made = len(numbers) == 1 and bool(numbers[0])
    evidence.claim("the ERP has the new customer, and its first invoice", made, numbers)
    states = [paper["state"] for paper in papers]
    evidence.claim("the payment is booked, the invoice paid", states == ["paid"], states)
    features = await world.trueup.features(account.customer)
    evidence.claim("seats and sso are granted", features == {"seats": 5, "sso": 1}, features)

    await world.billing.ask(
        "POST", f"/_sim/customers/{account.customer}/payment", json={"outcome": "fail"}
    )
    seen = await known_changes(world, account)
    renewed = datetime.now(UTC) - LONG_AGO + RENEWED
    await move_to(world, account, renewed)
    await next_change(world, account, seen)
    unpaid = await unpaid_of(world, account)
    features = await world.trueup.features(account.customer)
    evidence.claim("a refused charge takes nothing away", len(features) == 2, features)

    await move_to(world, account, renewed + LATER)
    # What an operator would run; without a test clock the process wakes by its timer.
    await world.trueup.ask("POST", f"/v1/subscriptions/{account.subscription}/sync")
    held = await _told(world, account, {})
    evidence.claim("after the grace the product is told that nothing may be used", held == {}, held)
    tier = (await holding(world, account)).support
    evidence.claim("support falls to standard", tier.startswith("standard"), tier)

    await world.billing.ask(
        "POST", f"/_sim/customers/{account.customer}/payment", json={"outcome": "succeed"}
    )
    await world.billing.make(f"invoices/{unpaid['id']}/pay")
    held = await _told(world, account, {"seats": 5, "sso": 1})
    evidence.claim("paid late, the product is told to let them in", len(held) == 2, held)
    await _settled(world, account)
    after = await holding(world, account)
    papers = await documents(world, account)
    await claim_books(world, account, evidence, count=2)
    states = [paper["state"] for paper in papers]
    evidence.claim("the ERP shows both invoices paid", states == ["paid", "paid"], states)
    evidence.claim("support shows premium again", after.support.startswith("premium"), after)
    return Told(
        "A new customer, and a payment that comes late",
        before,
        after,
        evidence,
        link(world, opened),
    )


async def move_to(world: World, account: Account, moment: datetime) -> None:
    await world.billing.make(
        f"test_helpers/test_clocks/{account.clock}/advance", frozen_time=int(moment.timestamp())
    )


async def unpaid_of(world: World, account: Account) -> Row:
    async def look() -> Row | None:
        found = await world.billing.all(
            "invoices", subscription=account.subscription, status="open"
        )
        return found[0] if found and found[0]["attempted"] else None

    return await until(f"a refused charge of {account.subscription}", look)


async def _told(world: World, account: Account, wanted: dict[str, int]) -> dict[str, int]:
    """What the product holds, read from the product, once it is what is wanted."""

    async def look() -> dict[str, int] | None:
        held = await world.product.features(account.customer)
        return held if held == wanted else None

    return await until(f"{account.customer} may use {wanted or 'nothing'}", look)


async def _settled(world: World, account: Account) -> None:
    async def look() -> bool | None:
        changes = await world.trueup.changes(account.subscription)
        papers = await documents(world, account)
        quiet = all(change["state"] == "settled" for change in changes)
        return (quiet and all(paper["state"] == "paid" for paper in papers)) or None

    await until(f"the end of all changes of {account.subscription}", look)
