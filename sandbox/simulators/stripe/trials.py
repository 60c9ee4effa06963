"""The end of a trial without a payment method, and the pause that may follow.

https://docs.stripe.com/billing/subscriptions/trials/free-trials#create-free-trials-without-payment
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import bill_now, end, period_lines, place_period, renew
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params


def renew_or_pause(ctx: Context, subscription: Json) -> None:
    """Begin the next period, unless a trial ended that nobody can pay for."""
    match _without_method(ctx, subscription):
        case "pause":
            before = ctx.view(subscription)
            subscription["status"] = "paused"
            ctx.save(
                subscription,
                before,
                "customer.subscription.updated",
                "customer.subscription.paused",
            )
        case "cancel":
            end(ctx, subscription, prorate=False, invoice_now=False, keep_pending=False)
        case _:
            renew(ctx, subscription)


def _without_method(ctx: Context, subscription: Json) -> str:
    """What the trial settings say for a customer without a payment method, where it matters."""
    customer = ctx.store.need("customer", subscription["customer"])
    settings = subscription["trial_settings"]
    if (
        subscription["status"] != "trialing"
        or subscription["collection_method"] != "charge_automatically"
        or customer["_payment"] != "missing"
        or settings is None
    ):
        return "create_invoice"
    return str(settings["end_behavior"]["missing_payment_method"])


def resume(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Resume a paused subscription: a new billing cycle begins now and is billed at once."""
    subscription = ctx.store.need("subscription", path["id"])
    if subscription["status"] != "paused":
        raise StripeError(
            f"Subscription {subscription['id']} is {subscription['status']}; only a paused one can"
            " be resumed."
        )
    anchor = p.sub("billing_cycle_anchor")
    if anchor is not None and anchor.need("type") != "now":
        raise StripeError(
            "This simulator resumes with a new billing cycle only.",
            param="billing_cycle_anchor[type]",
        )
    behaviour = p.choice(
        "payment_behavior", ("resume_on_payment_attempt", "resume_on_payment_success")
    )
    before = ctx.view(subscription)
    now = ctx.now(subscription["customer"])
    subscription |= {"status": "active", "billing_cycle_anchor": now}
    place_period(ctx, subscription, now)
    ctx.store.put(subscription)
    bill_now(ctx, subscription, "subscription_update", period_lines(ctx, subscription))
    subscription = ctx.store.need("subscription", subscription["id"])
    if behaviour == "resume_on_payment_success" and subscription["status"] == "past_due":
        raise StripeError(
            "The resumption invoice could not be paid.",
            status=402,
            kind="card_error",
            code="card_declined",
        )
    return ctx.save(
        subscription, before, "customer.subscription.updated", "customer.subscription.resumed"
    )


ROUTES: Routes = [("POST", "/v1/subscriptions/{id}/resume", resume)]
