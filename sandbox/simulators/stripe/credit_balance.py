"""What credit grants have left, and what took and gave it: before tax, of usage alone.

https://docs.stripe.com/billing/subscriptions/usage-based/billing-credits
"""

from collections.abc import Iterator

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.discounting import taken
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.pricing import is_metered

GRANT, TRANSACTION = "billing.credit_grant", "billing.credit_balance_transaction"


def monetary(value: int, currency: str) -> Json:
    """An amount as grants and their transactions have it."""
    return {"monetary": {"currency": currency, "value": value}, "type": "monetary"}


def record(ctx: Context, grant: Json, amount: int, word: str, about: Json | None) -> Json:
    """A movement of a grant: `credits_granted`, `credits_applied` to a line, or given back when its
    invoice was voided."""
    now = ctx.now(grant["customer"])
    currency = grant["amount"]["monetary"]["currency"]
    side: Json = {"amount": monetary(amount, currency), "type": word}
    debit = word == "credits_applied"
    side["credits_applied" if debit else "credits_application_invoice_voided"] = about
    made: Json = {
        "id": new_id("cbtxn"),
        "object": TRANSACTION,
        "created": now,
        "credit": None if debit else side,
        "credit_grant": grant["id"],
        "debit": side if debit else None,
        "effective_at": now,
        "livemode": False,
        "test_clock": grant["test_clock"],
        "type": "debit" if debit else "credit",
        "_customer": grant["customer"],
    }
    grant["_left"] += -amount if debit else amount
    ctx.store.put(grant)
    ctx.create(made, "billing.credit_balance_transaction.created")
    return made


def usable(ctx: Context, customer: str, currency: str) -> list[Json]:
    """Grants in force with something left, in the order in which they are used up."""
    now = ctx.now(customer)
    found = [
        grant
        for grant in ctx.store.find(GRANT, customer=customer)
        if grant["_left"] > 0
        and grant["voided_at"] is None
        and grant["amount"]["monetary"]["currency"] == currency
        and (grant["effective_at"] or 0) <= now
        and (grant["expires_at"] is None or grant["expires_at"] > now)
    ]
    endless = 2**62
    return sorted(
        found,
        key=lambda one: (
            one["priority"],
            one["expires_at"] or endless,
            one["category"] == "paid",
            one["created"],
            one["id"],
        ),
    )


def apply(ctx: Context, invoice: Json) -> None:
    """Take what grants cover off the lines of an invoice that becomes final, after discounts."""
    for line in invoice["lines"]:
        line["_credits"] = []
        rest = line["amount"] - taken(line["_reductions"])
        for grant in usable(ctx, invoice["customer"], invoice["currency"]):
            amount = min(rest, grant["_left"])
            if amount <= 0 or not _covers(ctx, grant, line):
                continue
            about = {"invoice": invoice["id"], "invoice_line_item": line["id"]}
            made = record(ctx, grant, amount, "credits_applied", about)
            rest -= amount
            line["_credits"].append(
                {
                    "amount": amount,
                    "credit_balance_transaction": made["id"],
                    "discount": None,
                    "type": "credit_balance_transaction",
                }
            )


def give_back(ctx: Context, invoice: Json) -> None:
    """What the lines of an invoice that was voided had used."""
    for line in invoice["lines"]:
        for used in line.get("_credits", ()):
            debit = ctx.store.need(TRANSACTION, used["credit_balance_transaction"])
            grant = ctx.store.need(GRANT, debit["credit_grant"])
            about = {"invoice": invoice["id"], "invoice_line_item": line["id"]}
            record(ctx, grant, used["amount"], "credits_application_invoice_voided", about)


def of_line(line: Json) -> int:
    """What grants took off a line."""
    return sum(one["amount"] for one in line.get("_credits", ()))


def of_lines(lines: list[Json]) -> Iterator[Json]:
    """`total_pretax_credit_amounts`, as far as they are of grants."""
    for line in lines:
        yield from line.get("_credits", ())


def _covers(ctx: Context, grant: Json, line: Json) -> bool:
    details = (line["pricing"] or {}).get("price_details")
    price = ctx.store.get(details["price"]) if details else None
    if price is None or not is_metered(price):
        return False
    scope = grant["applicability_config"]["scope"]
    prices = scope.get("prices")
    return prices is None or price["id"] in [one["id"] for one in prices]
