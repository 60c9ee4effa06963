"""/v1/payouts: what leaves the account's balance for the bank (https://docs.stripe.com/payouts).

An automatic payout takes everything that no automatic one has taken before, and its transactions
can be listed by it; a manual one takes a sum. Money that the bank does not take comes back to the
balance (https://docs.stripe.com/payouts#payout-failures), also when the payout was paid before.
"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page, range_filter
from sandbox.simulators.stripe.money import currency_code
from sandbox.simulators.stripe.moves import KIND, entered

_DAY = 86_400
_STATUSES = ("pending", "in_transit", "paid", "failed", "canceled")
_METHODS = ("instant", "standard")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """A manual payout of `amount`."""
    p.need("amount")
    amount, currency = p.integer("amount") or 0, currency_code(p.need("currency"))
    method = p.choice("method", _METHODS) or "standard"
    if amount < 1:
        raise StripeError(
            "Invalid positive integer", code="parameter_invalid_integer", param="amount"
        )
    if amount > on_account(ctx, currency):
        raise StripeError(
            "You have insufficient funds in your Stripe account for this transfer.",
            code="balance_insufficient",
        )
    made = _blank(amount, currency, ctx.now(), automatic=False)
    made |= {
        "description": p.text("description") or None,
        "metadata": merge_metadata(p, {}),
        "method": method,
        "statement_descriptor": p.text("statement_descriptor") or None,
    }
    return _begun(ctx, made)


def on_account(ctx: Context, currency: str) -> int:
    """What could be paid out."""
    return sum(moved["net"] for moved in ctx.store.find(KIND) if moved["currency"] == currency)


def take_all(ctx: Context, currency: str, at: int | None, arrives: int | None) -> Json:
    """An automatic payout of all there is, as Stripe makes them by its schedule."""
    now = at or ctx.now()
    loose = [
        moved
        for moved in ctx.store.find(KIND, oldest_first=True)
        if moved["currency"] == currency and moved["_payout"] is None
    ]
    amount = sum(moved["net"] for moved in loose)
    if amount < 1:
        raise StripeError(f"There is nothing in {currency} to pay out: {amount}.")
    made = _blank(amount, currency, now, automatic=True)
    if arrives is not None:
        made["arrival_date"] = arrives
    for moved in loose:
        moved["_payout"] = made["id"]
        ctx.store.put(moved)
    return _begun(ctx, made)


def _begun(ctx: Context, made: Json) -> Json:
    out = entered(
        ctx, -made["amount"], made["currency"], "payout", source=made["id"], at=made["created"]
    )
    out["_payout"] = made["id"] if made["automatic"] else None
    ctx.store.put(out)
    made["balance_transaction"] = out["id"]
    return ctx.create(made, "payout.created")


def move_on(ctx: Context, payout: Json, status: str) -> Json:
    """Say how it goes: `in_transit`, `paid`, `failed` (also after it was paid) or `canceled`."""
    before, was = ctx.view(payout), payout["status"]
    allowed = {
        "in_transit": ("pending",),
        "paid": ("pending", "in_transit"),
        "failed": ("pending", "in_transit", "paid"),
        "canceled": ("pending",),
    }[status]
    if was not in allowed:
        raise StripeError(f"Payout {payout['id']} is {was} and cannot become {status}.")
    payout["status"] = status
    if status in ("failed", "canceled"):
        back = entered(
            ctx,
            payout["amount"],
            payout["currency"],
            "payout_reversal",
            source=payout["id"],
            at=ctx.now(),
        )
        if status == "canceled":
            back["type"] = "payout_cancel"
            ctx.store.put(back)
        payout["failure_balance_transaction"] = back["id"]
    if status == "failed":
        payout["failure_code"] = "account_closed"
        payout["failure_message"] = "The bank account has been closed"
    told = [] if status == "in_transit" else [f"payout.{status}"]
    return ctx.save(payout, before, "payout.updated", *told)


def cancel(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Called off while it is pending."""
    return move_on(ctx, ctx.store.need("payout", path["id"]), "canceled")


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Metadata only."""
    payout = ctx.store.need("payout", path["id"])
    before = ctx.view(payout)
    payout["metadata"] = merge_metadata(p, payout["metadata"])
    return ctx.save(payout, before, "payout.updated")


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One payout."""
    return ctx.view(ctx.store.need("payout", path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By time, `arrival_date` and `status`."""
    status, arrives = p.choice("status", _STATUSES), range_filter(p, "arrival_date")
    return page(
        ctx,
        p,
        "payout",
        "/v1/payouts",
        keep=lambda o: (status is None or o["status"] == status) and arrives(o["arrival_date"]),
    )


def _blank(amount: int, currency: str, now: int, *, automatic: bool) -> Json:
    empty = dict.fromkeys(
        [
            "application_fee",
            "application_fee_amount",
            "balance_transaction",
            "failure_balance_transaction",
            "failure_code",
            "failure_message",
            "original_payout",
            "payout_method",
            "reversed_by",
            "statement_descriptor",
            "trace_id",
        ]
    )
    return {
        "id": new_id("po"),
        "object": "payout",
        **empty,
        "amount": amount,
        # Two days, as with a bank in the euro area.
        "arrival_date": now - now % _DAY + 2 * _DAY,
        "automatic": automatic,
        "created": now,
        "currency": currency,
        "description": "STRIPE PAYOUT" if automatic else None,
        "destination": new_id("ba"),
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "reconciliation_status": "completed" if automatic else "not_applicable",
        "source_type": "card",
        "status": "pending",
        "type": "bank_account",
    }


ROUTES: Routes = [
    ("POST", "/v1/payouts", create),
    ("GET", "/v1/payouts", listing),
    ("GET", "/v1/payouts/{id}", retrieve),
    ("POST", "/v1/payouts/{id}", update),
    ("POST", "/v1/payouts/{id}/cancel", cancel),
]
