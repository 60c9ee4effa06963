"""/v1/billing/credit_grants, /v1/billing/credit_balance_summary and …_transactions.

https://docs.stripe.com/api/billing/credit-grant
"""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.credit_balance import GRANT, TRANSACTION, monetary, record, usable
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, living, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import currency_code


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Credit for usage, at once or from `effective_at` on."""
    customer = living(ctx, p.need("customer"), "customer")
    given = p.need_sub("amount")
    given.need("type")
    money = given.need_sub("monetary")
    currency, value = currency_code(money.need("currency")), money.integer("value", 1)
    if value is None:
        money.need("value")
    scope = p.need_sub("applicability_config").need_sub("scope")
    kind, prices = scope.choice("price_type", ("metered",)), scope.subs("prices")
    if (kind is None) == (prices is None):
        raise StripeError(
            "A scope has a price_type or prices.", param="applicability_config[scope]"
        )
    for one in prices or ():
        ctx.store.need("price", one.need("id"), one.name("id"))
    now = ctx.now(customer["id"])
    grant: Json = {
        "id": new_id("credgr_test", 32),
        "object": GRANT,
        "amount": monetary(value or 0, currency),
        "applicability_config": {
            "scope": {"price_type": kind}
            if prices is None
            else {"prices": [{"id": one.need("id")} for one in prices]}
        },
        "category": p.choice("category", ("paid", "promotional")) or "paid",
        "created": now,
        "customer": customer["id"],
        "customer_account": None,
        "effective_at": p.time("effective_at") or now,
        "expires_at": p.time("expires_at"),
        "livemode": False,
        "metadata": merge_metadata(p, {}),
        "name": p.text("name") or None,
        "priority": 50 if (order := p.integer("priority", 0, 100)) is None else order,
        "test_clock": customer["test_clock"],
        "updated": now,
        "voided_at": None,
        "_left": 0,
    }
    shown = ctx.create(grant, "billing.credit_grant.created")
    record(ctx, grant, value or 0, "credits_granted", None)
    return shown


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """When it ends, and metadata."""
    grant = ctx.store.need(GRANT, path["id"])
    before = ctx.view(grant)
    if p.has("expires_at"):
        grant["expires_at"] = None if p.cleared("expires_at") else p.time("expires_at")
        p.text("expires_at")
    grant["metadata"] = merge_metadata(p, grant["metadata"])
    return _saved(ctx, grant, before)


def expire(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """It ends now."""
    grant = ctx.store.need(GRANT, path["id"])
    before = ctx.view(grant)
    grant["expires_at"] = ctx.now(grant["customer"])
    return _saved(ctx, grant, before)


def void(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """It was a mistake, which is only so while nothing of it was used."""
    grant = ctx.store.need(GRANT, path["id"])
    if grant["_left"] != grant["amount"]["monetary"]["value"]:
        raise StripeError("A credit grant that was applied can't be voided; expire it.")
    before = ctx.view(grant)
    grant["voided_at"] = ctx.now(grant["customer"])
    return _saved(ctx, grant, before)


def _saved(ctx: Context, grant: Json, before: Json) -> Json:
    grant["updated"] = ctx.now(grant["customer"])
    return ctx.save(grant, before, "billing.credit_grant.updated")


def summary(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """What the customer has left, by currency."""
    customer = living(ctx, p.need("customer"), "customer")
    asked = p.need_sub("filter")
    asked.need("type")
    asked.text("credit_grant")
    if scope := asked.sub("applicability_scope"):
        scope.text("price_type")
    grants = list(ctx.store.find(GRANT, customer=customer["id"]))
    currencies = sorted({each["amount"]["monetary"]["currency"] for each in grants})
    balances = []
    for currency in currencies:
        left = sum(grant["_left"] for grant in usable(ctx, customer["id"], currency))
        balances.append(
            {
                "available_balance": monetary(left, currency),
                "ledger_balance": monetary(left, currency),
            }
        )
    return {
        "object": "billing.credit_balance_summary",
        "balances": balances,
        "customer": customer["id"],
        "customer_account": None,
        "livemode": False,
    }


def transactions(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Of a customer, or of one grant."""
    grant = p.text("credit_grant")
    return page(
        ctx,
        p,
        TRANSACTION,
        "/v1/billing/credit_balance_transactions",
        customer=p.need("customer"),
        keep=lambda o: grant in (None, o["credit_grant"]),
    )


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer."""
    return page(ctx, p, GRANT, "/v1/billing/credit_grants", customer=p.text("customer"))


def _retrieve(ctx: Context, path: dict[str, str], kind: str) -> Json:
    return ctx.view(ctx.store.need(kind, path["id"]))


_GRANTS, _MOVES = "/v1/billing/credit_grants", "/v1/billing/credit_balance_transactions"
ROUTES: Routes = [
    ("POST", _GRANTS, create),
    ("GET", _GRANTS, listing),
    ("GET", f"{_GRANTS}/{{id}}", lambda c, _p, path: _retrieve(c, path, GRANT)),
    ("POST", f"{_GRANTS}/{{id}}", update),
    ("POST", f"{_GRANTS}/{{id}}/expire", expire),
    ("POST", f"{_GRANTS}/{{id}}/void", void),
    ("GET", "/v1/billing/credit_balance_summary", summary),
    ("GET", _MOVES, transactions),
    ("GET", f"{_MOVES}/{{id}}", lambda c, _p, path: _retrieve(c, path, TRANSACTION)),
]
