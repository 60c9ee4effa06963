"""`/_sim/…` about money: how charges and refunds end, partial payments, disputes, dunning."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.routing import Route

from sandbox.simulators.stripe import disputes, refund_outcomes
from sandbox.simulators.stripe.billing_settings import (
    AFTER_RETRIES,
    DEFAULT_BILLING,
    SETTING,
    billing,
)
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.control import Operation, endpoint
from sandbox.simulators.stripe.coupons import redeemable
from sandbox.simulators.stripe.discounts import announce, redeem, switch
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import living
from sandbox.simulators.stripe.invoices import pay_part
from sandbox.simulators.stripe.pipeline import Simulator

# A customer with a payment method missing fails too; a trial may end differently for it.
_OUTCOMES = ("succeed", "fail", "missing")
Act = Callable[[Context, Json, Json], Json]


def set_payment(_ctx: Context, customer: Json, data: Json) -> Json:
    """How the customer's charges end from now on."""
    customer["_payment"] = _one_of(data, "outcome", _OUTCOMES)
    return {"id": customer["id"], "outcome": customer["_payment"]}


def set_refunds(_ctx: Context, customer: Json, data: Json) -> Json:
    """What the customer's refunds come to from now on, until told otherwise one by one."""
    customer["_refunds"] = _one_of(data, "outcome", tuple(refund_outcomes.OUTCOMES))
    return {"id": customer["id"], "outcome": customer["_refunds"]}


def give_discount(ctx: Context, customer: Json, data: Json) -> Json:
    """Redeem a `coupon` for the customer, which today's API has no way to do; answers it."""
    living(ctx, customer["id"])
    coupon = redeemable(ctx, str(data.get("coupon")), "coupon")
    old, before = customer["discount"], ctx.view(customer)
    made = redeem(ctx, coupon, customer, param="coupon")
    customer["discount"] = made["id"]
    ctx.save(customer, before, "customer.updated")
    if old:
        switch(ctx, ctx.store.need("discount", old), made)
    else:
        announce(ctx, [], [made["id"]])
    return ctx.view(made)


def partial_payment(ctx: Context, invoice: Json, data: Json) -> Json:
    """The customer pays `amount` of an invoice; answers the invoice."""
    amount = _whole(data, "amount")
    if amount is None:
        raise StripeError("amount is a whole number of minor units")
    return pay_part(ctx, invoice, amount)


def open_dispute(ctx: Context, charge: Json, data: Json) -> Json:
    """The customer disputes a charge, by `amount` (default: all) and `reason`."""
    return disputes.open_dispute(ctx, charge, _whole(data, "amount"), data.get("reason"))


def review_dispute(ctx: Context, dispute: Json, _data: Json) -> Json:
    """Evidence was handed in."""
    return disputes.review(ctx, dispute)


def close_dispute(ctx: Context, dispute: Json, data: Json) -> Json:
    """The bank decides."""
    return disputes.close(ctx, dispute, _one_of(data, "status", disputes.OUTCOMES))


def succeed_refund(ctx: Context, made: Json, _data: Json) -> Json:
    """A waiting refund arrives."""
    return refund_outcomes.succeed(ctx, made)


def fail_refund(ctx: Context, made: Json, data: Json) -> Json:
    """A refund comes back, for a `reason`."""
    return refund_outcomes.fail(ctx, made, data.get("reason", "unknown"))


def cancel_refund(ctx: Context, made: Json, _data: Json) -> Json:
    """A waiting refund is called off."""
    return refund_outcomes.cancel(ctx, made)


def set_billing(sim: Simulator, _request: Request, data: Json) -> Json:
    """Change the given settings; answers all of them."""
    if unknown := set(data) - set(DEFAULT_BILLING):
        raise StripeError(f"unknown setting: {', '.join(sorted(unknown))}")
    if data.get("after_retries", "past_due") not in AFTER_RETRIES:
        raise StripeError(f"after_retries is one of {', '.join(AFTER_RETRIES)}")
    if type(data.get("least_charge", False)) is not bool:
        raise StripeError("least_charge is true or false")
    settings = billing(Context(sim.store)) | data
    sim.store.put_setting(SETTING, settings)
    return settings


def show_billing(sim: Simulator, _request: Request, _data: Json) -> Json:
    """The settings in force."""
    return billing(Context(sim.store))


def _one_of(data: Json, name: str, allowed: tuple[str, ...]) -> str:
    value = data.get(name)
    if value not in allowed:
        raise StripeError(f"{name} is one of {', '.join(allowed)}")
    return str(value)


def _whole(data: Json, name: str) -> int | None:
    value = data.get(name)
    if value is not None and type(value) is not int:
        raise StripeError(f"{name} is a whole number of minor units")
    return value


def _on(kind: str, act: Act) -> Operation:
    """An operation on the object of the path, in one transaction."""

    def operate(sim: Simulator, request: Request, data: Json) -> Json:
        with sim.store.transaction():
            found = sim.store.need(kind, request.path_params["id"])
            shown = act(Context(sim.store), found, data)
        sim.deliverer.wake()
        return shown

    return operate


def _setting(act: Act) -> Act:
    """An act that only notes something on the object."""

    def noted(ctx: Context, found: Json, data: Json) -> Json:
        shown = act(ctx, found, data)
        ctx.store.put(found)
        return shown

    return noted


def routes(sim: Simulator) -> list[Route]:
    """The control routes about money."""
    table: list[tuple[str, str, Operation]] = [
        ("POST", "/_sim/customers/{id}/payment", _on("customer", _setting(set_payment))),
        ("POST", "/_sim/customers/{id}/refunds", _on("customer", _setting(set_refunds))),
        ("POST", "/_sim/customers/{id}/discount", _on("customer", give_discount)),
        ("POST", "/_sim/invoices/{id}/partial_payment", _on("invoice", partial_payment)),
        ("POST", "/_sim/charges/{id}/dispute", _on("charge", open_dispute)),
        ("POST", "/_sim/disputes/{id}/review", _on("dispute", review_dispute)),
        ("POST", "/_sim/disputes/{id}/close", _on("dispute", close_dispute)),
        ("POST", "/_sim/refunds/{id}/succeed", _on("refund", succeed_refund)),
        ("POST", "/_sim/refunds/{id}/fail", _on("refund", fail_refund)),
        ("POST", "/_sim/refunds/{id}/cancel", _on("refund", cancel_refund)),
        ("POST", "/_sim/settings", set_billing),
        ("GET", "/_sim/settings", show_billing),
    ]
    return [Route(path, endpoint(sim, act), methods=[method]) for method, path, act in table]
