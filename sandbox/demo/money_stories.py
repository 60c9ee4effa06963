"""What is earned over time, and what is paid without money."""

from decimal import Decimal

from sandbox.demo.books import claim_books
from sandbox.demo.observed import Evidence, holding, known_changes, link, next_change
from sandbox.demo.stories import Told, begin, posted_count, quiet
from sandbox.demo.systems import amount
from sandbox.demo.world import Account, World, change_plan, next_period


async def annual_plan(world: World, account: Account, prices: dict[str, str]) -> Told:
    del prices
    before = await begin(world, account)
    await quiet(world, account)
    evidence = Evidence()
    (pair,) = await claim_books(world, account, evidence, count=1)
    schedules = await world.erp.deferred(int(pair.erp["id"])) if pair.erp else []
    deferred = sum((amount(one["amount"]) for one in schedules), Decimal(0))
    net = amount(pair.erp["untaxed_amount"]) if pair.erp else None
    evidence.claim("all of its net is deferred in the ERP", deferred == net, (deferred, net))
    months = {
        f"{move['date']['year']}-{move['date']['month']:02}"
        for one in schedules
        for move in one["moves"]
    }
    evidence.claim("it is earned in each month of the year", len(months) >= 12, sorted(months))
    (change, *_) = await world.trueup.changes(account.subscription)
    after = await holding(world, account)
    return Told("A year that is paid in advance", before, after, evidence, link(world, change))


async def downgrade(world: World, account: Account, prices: dict[str, str]) -> Told:
    before = await begin(world, account)
    seen = await known_changes(world, account)
    await change_plan(world, account, prices["Starter"])
    change = await next_change(world, account, seen)
    await posted_count(world, account, 2)
    await quiet(world, account)

    evidence = Evidence()
    kept = (await world.billing.read(f"customers/{account.customer}"))["balance"]
    evidence.claim("billing keeps a credit for the customer", kept < 0, kept)
    await next_period(world, account)
    await posted_count(world, account, 3)
    await quiet(world, account)
    after = await holding(world, account)
    found = await claim_books(world, account, evidence, count=3)
    by_balance = found[-1].billing
    used = by_balance["ending_balance"] - by_balance["starting_balance"]
    evidence.claim("the next invoice is paid from it, without money", used > 0, used)
    opened = [amount(pair.erp["amount_to_pay"]) for pair in found if pair.erp]
    evidence.claim("nothing is left open in the ERP", opened == [Decimal(0)] * 3, opened)
    features = await world.trueup.features(account.customer)
    evidence.claim("sso is gone, seats stay", features == {"seats": 5}, features)
    return Told(
        "A downgrade, whose credit pays the next invoice",
        before,
        after,
        evidence,
        link(world, change),
    )
