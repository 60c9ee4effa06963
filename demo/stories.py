"""Three of the stories. Each begins with a customer on Starter and ends with proof."""

import asyncio
import json
import sys
from dataclasses import dataclass
from decimal import Decimal

from demo.looking import (
    Evidence,
    Holding,
    documents,
    holding,
    known_changes,
    link,
    next_change,
    until,
)
from demo.systems import Row, amount
from demo.world import Account, World, price, prorations, upgrade


@dataclass(frozen=True)
class Told:
    """How a story went."""

    title: str
    before: Holding
    after: Holding
    evidence: Evidence
    link: str


async def begin(world: World, account: Account) -> Holding:
    """Wait for the customer's Starter to be agreed on everywhere; what is held then."""
    await next_change(world, account, set())
    return await holding(world, account)


async def mid_term_upgrade(world: World, account: Account, prices: dict[str, str]) -> Told:
    before = await begin(world, account)
    seen = await known_changes(world, account)
    await upgrade(world, account, prices["Pro"])
    change = await next_change(world, account, seen)
    after = await holding(world, account)

    evidence = Evidence()
    billed = Decimal(sum(line["amount"] for line in await prorations(world, account))) / 100
    papers = await _papers(world, account, change["change_id"])
    evidence.claim("the ERP has exactly one document for the change", len(papers) == 1, len(papers))
    total = sum((amount(paper["untaxed_amount"]) for paper in papers), Decimal(0))
    evidence.claim("its net total is billing's proration, to the cent", total == billed, total)
    evidence.claim("it is posted and numbered", all(_posted(p) for p in papers), after.erp)
    features = await world.trueup.features(account.customer)
    evidence.claim("seats stay, sso is added", features == {"seats": 5, "sso": 1}, features)
    evidence.claim("support shows premium", after.support.startswith("premium"), after.support)
    subscription = await world.billing.read(f"subscriptions/{account.subscription}")
    number = papers[0]["number"] if papers else None
    mark = subscription["metadata"].get("trueup_erp_document")
    evidence.claim("billing carries the ERP's number", mark == number, mark)
    await _tell_again(world, account)
    again = await _papers(world, account, change["change_id"])
    evidence.claim("the same webhook delivered again posts nothing", again == papers, len(again))
    return Told("A mid-term upgrade", before, after, evidence, link(world, change))


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
            "proration_behavior": "create_prorations",
        },
    )
    waiting = await next_change(world, account, seen)
    evidence = Evidence()
    opened = await world.trueup.exceptions(waiting["change_id"])
    code = opened[0]["code"] if opened else None
    evidence.claim("the saga waits for finance: item_unmapped", code == "item_unmapped", code)
    held = await _papers(world, account, waiting["change_id"])
    evidence.claim("and nothing was posted", held == [], len(held))
    await _cli(
        world,
        *("exceptions", "resolve", opened[0]["exception_id"], "correct"),
        *("--item", f"{product}=AI-ADDON", "--included", "assistant"),
        *("--note", "new add-on", "--wait"),
    )
    change = await _settled(world, account, waiting["change_id"])
    after = await holding(world, account)
    same = change["run_id"] == waiting["run_id"]
    evidence.claim("it went on in the same saga", same, change["run_id"])
    papers = await _papers(world, account, waiting["change_id"])
    posted = len(papers) == 1 and _posted(papers[0])
    evidence.claim("the ERP has the document now", posted, after.erp)
    features = await world.trueup.features(account.customer)
    evidence.claim("the assistant is granted", features.get("assistant") == 1, features)
    return Told("An item that is not mapped", before, after, evidence, link(world, change))


async def support_fails(world: World, account: Account, prices: dict[str, str]) -> Told:
    before = await begin(world, account)
    seen = await known_changes(world, account)
    await world.desk.refuse_organizations()
    try:
        await upgrade(world, account, prices["Pro"])
        waiting = await next_change(world, account, seen)
        evidence = Evidence()
        (opened,) = await world.trueup.exceptions(waiting["change_id"])
        refused = opened["code"] == "support_refused"
        evidence.claim("support refuses for good, the saga waits", refused, opened["code"])
        made = await _papers(world, account, waiting["change_id"])
        posted = len(made) == 1 and _posted(made[0])
        evidence.claim("by then the ERP has posted", posted, [paper["number"] for paper in made])
        await _cli(
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
    papers = await _papers(world, account, waiting["change_id"])
    notes = [paper for paper in papers if str(paper["reference"]).endswith("/undo")]
    total = sum((amount(paper["untaxed_amount"]) for paper in papers), Decimal(0))
    evidence.claim(
        "the ERP shows one reversing credit note, sum zero",
        len(notes) == 1 and _posted(notes[0]) and total == 0,
        [paper["number"] for paper in papers],
    )
    origin = notes[0]["lines"][0]["origin"] if notes else None
    evidence.claim("it names the lines it reverses", bool(origin), origin)
    same = (after.entitlements, after.support) == (before.entitlements, before.support)
    evidence.claim("entitlements and support are as before", same, after.entitlements)
    return Told(
        "Support fails for good, an operator aborts",
        before,
        after,
        evidence,
        link(world, change),
    )


async def _papers(world: World, account: Account, change_id: str) -> list[Row]:
    return [
        document
        for document in await documents(world, account)
        if str(document["reference"]).removesuffix("/undo") == change_id
    ]


def _posted(paper: Row) -> bool:
    return paper["state"] in ("posted", "paid") and bool(paper["number"])


async def _settled(world: World, account: Account, change_id: str) -> Row:
    async def look() -> Row | None:
        changes = await world.trueup.changes(account.subscription)
        change = next(c for c in changes if c["change_id"] == change_id)
        return change if change["state"] == "settled" else None

    return await until(f"the end of change {change_id}", look)


async def _tell_again(world: World, account: Account) -> None:
    """Have billing deliver the account's last event once more, and wait until it arrived."""
    events = await world.billing.all("events", type="customer.subscription.updated")
    event = next(e for e in events if e["data"]["object"]["id"] == account.subscription)
    path = "/_sim/deliveries"

    async def delivered() -> int:
        found = (await world.billing.ask("GET", path, params={"event": event["id"]}))["deliveries"]
        return sum(delivery["state"] == "delivered" for delivery in found)

    before = await delivered()
    await world.billing.ask("POST", f"/_sim/events/{event['id']}/redeliver")

    async def look() -> bool | None:
        return (await delivered()) > before or None

    await until("the repeated webhook", look)


async def _cli(world: World, *arguments: str) -> None:
    """The command line, as an operator uses it."""
    command = (sys.executable, "-m", "cli", "--config", str(world.facts.config))
    running = await asyncio.create_subprocess_exec(
        *command,
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
    json.loads(out)
