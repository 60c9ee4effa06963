"""/v1/balance_transactions and /v1/balance: what moved the account's own balance, and what is on
it.

https://docs.stripe.com/api/balance_transactions, https://docs.stripe.com/api/balance.
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import ACCOUNT_CURRENCY
from sandbox.simulators.stripe.moves import KIND


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One transaction."""
    return ctx.view(ctx.store.need(KIND, path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By time, `type`, `currency`, `source` and automatic `payout`."""
    wanted = {name: p.text(name) for name in ("type", "currency", "source")}
    if payout := p.text("payout"):
        found = ctx.store.need("payout", payout, "payout")
        if not found["automatic"]:
            raise StripeError(
                "Balance transaction history can only be filtered on automatic transfers, not "
                "manual.",
                param="payout",
            )
    return page(
        ctx,
        p,
        KIND,
        "/v1/balance_transactions",
        keep=lambda o: (
            all(value is None or o[name] == value for name, value in wanted.items())
            and (not payout or o["_payout"] == payout)
        ),
    )


def balance(ctx: Context, _p: Params, _path: dict[str, str]) -> Json:
    """What is on the account in each currency; nothing is ever pending here."""
    held: dict[str, int] = {ACCOUNT_CURRENCY: 0}
    for moved in ctx.store.find(KIND):
        held[moved["currency"]] = held.get(moved["currency"], 0) + moved["net"]

    def shown(amounts: dict[str, int]) -> list[Json]:
        return [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted(amounts.items())
        ]

    return {
        "object": "balance",
        "available": shown(held),
        "livemode": False,
        "pending": shown(dict.fromkeys(held, 0)),
    }


ROUTES: Routes = [
    ("GET", "/v1/balance", balance),
    ("GET", "/v1/balance_transactions", listing),
    ("GET", "/v1/balance_transactions/{id}", retrieve),
]
