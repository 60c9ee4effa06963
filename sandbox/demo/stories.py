"""What a change does, what waits for people, and what is undone; each ends with proof."""

import asyncio
import json
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sandbox.demo.books import claim_books, pending_net, unbilled
from sandbox.demo.observed import (
    Evidence,
    Holding,
    documents,
    holding,
    known_changes,
    link,
    next_change,
    until,
)
from sandbox.demo.systems import Row, amount
from sandbox.demo.world import Account, World, change_plan, next_period, price


@dataclass(frozen=True)
class Told:
    """How a story went. `link` leads to what `of` says."""

    title: str
    before: Holding
    after: Holding
    evidence: Evidence
    link: str
    of: str = "saga"


async def begin(world: World, account: Account) -> Holding:
    """Wait for what the customer began with to be agreed on everywhere; what is held then."""
    await next_change(world, account, set())
    return await holding(world, account)


async def mid_term_upgrade(world: World, account: Account, prices: dict[str, str]) -> Told:
    before = await begin(world, account)
    seen = await known_changes(world, account)
    await change_plan(world, account, prices["Pro"])
    change = await next_change(world, account, seen)
    await quiet(world, account)
    after = await holding(world, account)

    evidence = Evidence()
    found = await claim_books(world, account, evidence, count=2)
    newest = found[-1]
    number = newest.erp["number"] if newest.erp else None
    reference = newest.erp["reference"] if newest.erp else None
    evidence.claim("billing's number finds it in the ERP", reference == newest.number, reference)
    paid = newest.erp is not None and newest.erp["state"] == "paid"
    evidence.claim("it is paid on both sides", paid and newest.billing["status"] == "paid", after)
    features = await world.trueup.features(account.customer)
    evidence.claim("seats stay, sso is added", features == {"seats": 5, "sso": 1}, features)
    evidence.claim("support shows premium", after.support.startswith("premium"), after.support)
    subscription = await world.billing.read(f"subscriptions/{account.subscription}")
    mark = subscription["metadata"].get("trueup_erp_document")
    evidence.claim("billing carries the ERP's number", mark == number, mark)
    papers = await documents(world, account)
    await _tell_again(world, account)
    again = await documents(world, account)
    evidence.claim("the same webhook delivered again posts nothing", again == papers, len(again))
    return Told("A mid-term upgrade, billed at once", before, after, evidence, link(world, change))


async def pending_upgrade(world: World, account: Account, prices: dict[str, str]) -> Told:
    before = await begin(world, account)
    seen = await known_changes(world, account)
    await change_plan(world, account, prices["Pro"], invoiced=False)
    change = await next_change(world, account, seen)
    await quiet(world, account)

    evidence = Evidence()
    features = await world.trueup.features(account.customer)
    evidence.claim("sso is granted at once", features == {"seats": 5, "sso": 1}, features)
    papers = await documents(world, account)
    evidence.claim("nothing more is posted", len(papers) == 1, len(papers))
    shown = await unbilled(world, account)
    nets = [amount(paper["untaxed_amount"]) for paper in shown]
    waits = await pending_net(world, account)
    evidence.claim("finance sees what is pending, as a draft", nets == [waits], (nets, waits))
    await next_period(world, account)
    await posted_count(world, account, 2)
    await quiet(world, account)
    after = await holding(world, account)
    await claim_books(world, account, evidence, count=2)
    left = await unbilled(world, account)
    evidence.claim("the draft is gone, now that it is billed", left == [], left)
    return Told("A change that waits for its invoice", before, after, evidence, link(world, change))


async def unmapped_item(world: World, account: Account, prices: dict[str, str]) -> Told:
    del prices
    before = await begin(world, account)
    seen = await known_changes(world, account)
    product = (await world.billing.make("products", name="AI assistant"))["id"]
    add_on = await price(world, product, 900)
    await world.billing.make(
        f"subscriptions/{account.subscription}",
        **{
            "items[0][price]": add_on,
            "items[0][quantity]": 1,
            "proration_behavior": "always_invoice",
        },
    )
    waiting = await next_change(world, account, seen)
    evidence = Evidence()
    opened = await _asked(world, waiting)
    codes = {one["code"] for one in opened}
    evidence.claim("the saga waits for finance: item_unmapped", codes == {"item_unmapped"}, codes)
    held = await documents(world, account)
    evidence.claim("and nothing more is posted", len(held) == 1, len(held))
    await command(
        world,
        *("exceptions", "resolve", opened[0]["exception_id"], "correct"),
        *("--item", f"{product}=AI-ADDON", "--included", "assistant"),
        *("--note", "new add-on", "--wait"),
    )
    change = await _settled(world, account, waiting["change_id"])
    await quiet(world, account)
    after = await holding(world, account)
    same = change["run_id"] == waiting["run_id"]
    evidence.claim("it went on in the same saga", same, change["run_id"])
    await claim_books(world, account, evidence, count=2)
    features = await world.trueup.features(account.customer)
    evidence.claim("the assistant is granted", features.get("assistant") == 1, features)
    return Told("An item that is not mapped", before, after, evidence, link(world, change))


async def support_fails(world: World, account: Account, prices: dict[str, str]) -> Told:
    before = await begin(world, account)
    seen = await known_changes(world, account)
    await world.desk.refuse_organizations()
    try:
        await change_plan(world, account, prices["Pro"])
        waiting = await next_change(world, account, seen)
        evidence = Evidence()
        (opened,) = await _asked(world, waiting)
        refused = opened["code"] == "support_refused"
        evidence.claim("support refuses for good, the saga waits", refused, opened["code"])
        made = await posted_count(world, account, 2)
        evidence.claim("the books do not wait for support", len(made) == 2, len(made))
        await command(
            world,
            *("exceptions", "resolve", opened["exception_id"], "abort"),
            *("--note", "support platform is down for good", "--wait"),
        )
        change = await _settled(world, account, waiting["change_id"])
    finally:
        await world.desk.recover()
    after = await holding(world, account)
    undone = change["outcome"] == "compensated"
    evidence.claim("the change is undone", undone, change["outcome"])
    papers = await documents(world, account)
    notes = [paper for paper in papers if str(paper["external_id"]).endswith("/undo")]
    total = sum((amount(paper["total_amount"]) for paper in papers[1:]), Decimal(0))
    evidence.claim(
        "the ERP shows one reversing credit note, sum zero with tax",
        len(notes) == 1 and total == 0,
        [paper["number"] for paper in papers],
    )
    origin = notes[0]["lines"][0]["origin"] if notes else None
    evidence.claim("it names the lines it reverses", bool(origin), origin)
    same = (after.entitlements, after.support) == (before.entitlements, before.support)
    evidence.claim("entitlements and support are as before", same, after.entitlements)
    held = await world.trueup.targets_of(account.customer)
    nothing_else = held["finished"] and not held["differences"]
    evidence.claim("nothing else is asked of any target", nothing_else, held["looked_at"])
    listed = await world.trueup.differences()
    mine = [one for one in listed if one["customer_id"] == account.customer]
    evidence.claim("it stays out, and is listed as a difference", len(mine) == 1, mine)
    return Told(
        "Support fails for good, finance aborts", before, after, evidence, link(world, change)
    )


async def quiet(world: World, account: Account) -> None:
    """Until no change of the subscription or its customer's account is open."""

    async def look() -> bool | None:
        changes = await world.trueup.changes_of_customer(account.customer)
        return all(change["state"] == "settled" for change in changes) or None

    await until(f"the end of all changes of {account.customer}", look)


async def posted_count(world: World, account: Account, count: int) -> list[Row]:
    """The posted documents of what billing has issued, once there are so many."""

    async def look() -> list[Row] | None:
        found = [paper for paper in await documents(world, account) if paper["number"]]
        return found if len(found) >= count else None

    return await until(f"{count} posted documents of {account.customer}", look)


async def _asked(world: World, change: Row) -> list[Row]:
    """What is asked of the change, once something is."""

    async def look() -> list[Row] | None:
        return await world.trueup.exceptions(change["change_id"]) or None

    return await until(f"a question of {change['change_id']}", look)


async def _settled(world: World, account: Account, change_id: str) -> Row:
    async def look() -> Row | None:
        changes = await world.trueup.changes(account.subscription)
        change = next(c for c in changes if c["change_id"] == change_id)
        return change if change["state"] == "settled" else None

    return await until(f"the end of change {change_id}", look)


async def _tell_again(world: World, account: Account) -> None:
    """Have billing deliver the event of the newest invoice once more, and wait until it arrived."""
    events = await world.billing.all("events", type="invoice.finalized")
    event = next(e for e in events if e["data"]["object"]["customer"] == account.customer)
    path = "/_sim/deliveries"

    async def delivered() -> int:
        found = (await world.billing.ask("GET", path, params={"event": event["id"]}))["deliveries"]
        return sum(delivery["state"] == "delivered" for delivery in found)

    before = await delivered()
    await world.billing.ask("POST", f"/_sim/events/{event['id']}/redeliver")

    async def look() -> bool | None:
        return (await delivered()) > before or None

    await until("the repeated webhook", look)


async def command(world: World, *arguments: str) -> Any:
    """The command line, as an operator uses it; what it says as JSON."""
    program = (sys.executable, "-m", "cli", "--config", str(world.facts.config))
    running = await asyncio.create_subprocess_exec(
        *program,
        *arguments,
        *("-o", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await running.communicate()
    if running.returncode != 0:
        raise RuntimeError(
            f"trueup {' '.join(arguments)} ended with {running.returncode}: {errors.decode()}"
        )
    return json.loads(out)
