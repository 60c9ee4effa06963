"""Members of a subscription that bill nothing by themselves."""

from sandbox.simulators.stripe.automatic_tax import read_form
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.discounts import announce, inherited, read_discounts
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import set_texts
from sandbox.simulators.stripe.forms import Params

_METHODS = ("charge_automatically", "send_invoice")
_MISSING = ("cancel", "create_invoice", "pause")
_PAUSES = ("keep_as_draft", "mark_uncollectible", "void")
_DISPLAYS = ("included", "itemized")


def apply_settings(p: Params, subscription: Json) -> None:
    """Collection method, terms, the end of a trial, and description."""
    if method := p.choice("collection_method", _METHODS):
        subscription["collection_method"] = method
    if (days := p.integer("days_until_due", 0, 3650)) is not None:
        subscription["days_until_due"] = days
    if subscription["collection_method"] == "send_invoice":
        if subscription["days_until_due"] is None:
            raise StripeError(
                "You must pass the days_until_due parameter when collection_method is "
                "send_invoice.",
                param="days_until_due",
            )
    elif p.has("days_until_due"):
        raise StripeError(
            "days_until_due goes with collection_method send_invoice only.",
            param="days_until_due",
        )
    subscription["automatic_tax"] = read_form(p, subscription["automatic_tax"])
    if trial := p.sub("trial_settings"):
        ending = trial.sub("end_behavior")
        if ending is None:
            raise StripeError(
                "Missing required param: trial_settings[end_behavior].",
                code="parameter_missing",
                param="trial_settings[end_behavior]",
            )
        ending.need("missing_payment_method")
        missing = ending.choice("missing_payment_method", _MISSING)
        subscription["trial_settings"] = {"end_behavior": {"missing_payment_method": missing}}
    set_texts(p, subscription, ("description",))
    # A payment method is named, not charged: the control API decides how payments end.
    set_texts(p, subscription, ("default_payment_method",))
    p.boolean("off_session")


def apply_discounts(ctx: Context, p: Params, subscription: Json) -> None:
    """Replace the subscription's discounts by those of the form, if it has any word on them."""
    customer = ctx.store.need("customer", subscription["customer"])
    old = subscription["discounts"]
    found = read_discounts(
        ctx,
        p,
        customer,
        subscription["currency"],
        known=[*old, *inherited(ctx, customer, None)],
        holder=subscription["id"],
        subscription=subscription["id"],
    )
    if found is not None:
        subscription["discounts"] = found
        announce(ctx, old, found)


def billing_mode(mode: Params | None, current: Json) -> Json:
    """The `billing_mode` of a form, or the current one; classic knows no further choice."""
    if mode is None:
        return current
    kind = mode.choice("type", ("classic", "flexible")) or mode.need("type")
    flexible = mode.sub("flexible")
    shown = flexible.choice("proration_discounts", _DISPLAYS) if flexible else None
    if kind == "classic":
        if flexible is not None:
            raise StripeError(
                "billing_mode[flexible] goes with type flexible only.",
                param="billing_mode[flexible]",
            )
        return {"flexible": None, "type": kind, "updated_at": None}
    return {
        "flexible": {"proration_discounts": shown or "included"},
        "type": kind,
        "updated_at": None,
    }


def apply_pause(p: Params, subscription: Json) -> None:
    """`pause_collection`; an empty string resumes."""
    if p.cleared("pause_collection"):
        p.text("pause_collection")
        subscription["pause_collection"] = None
    elif pause := p.sub("pause_collection"):
        subscription["pause_collection"] = {
            "behavior": pause.choice("behavior", _PAUSES) or pause.need("behavior"),
            "resumes_at": pause.time("resumes_at"),
        }


def schedule_cancel(p: Params, subscription: Json, now: int) -> None:
    """`cancel_at_period_end` and `cancel_at`, set or taken back."""
    at_end = p.boolean("cancel_at_period_end")
    if at_end is not None and p.has("cancel_at"):
        raise StripeError(
            "You may only specify one of these parameters: cancel_at_period_end, cancel_at.",
            param="cancel_at",
        )
    if at_end is not None:
        period_end = subscription["items"][0]["current_period_end"]
        subscription["cancel_at_period_end"] = at_end
        _schedule(subscription, period_end if at_end else None, now)
    elif p.cleared("cancel_at"):
        p.text("cancel_at")
        subscription["cancel_at_period_end"] = False
        _schedule(subscription, None, now)
    elif p.has("cancel_at"):
        _schedule(subscription, _cancel_time(p, subscription, now), now)
    if details := p.sub("cancellation_details"):
        for name in ("comment", "feedback"):
            if (value := details.text(name)) is not None:
                subscription["cancellation_details"][name] = value or None


def _cancel_time(p: Params, subscription: Json, now: int) -> int:
    if p.text("cancel_at") in ("min_period_end", "max_period_end"):
        return int(subscription["items"][0]["current_period_end"])
    at = p.time("cancel_at")
    if at is None or at <= now:
        raise StripeError("cancel_at must be in the future.", param="cancel_at")
    return at


def _schedule(subscription: Json, at: int | None, now: int) -> None:
    if at == subscription["cancel_at"]:
        return
    subscription["cancel_at"] = at
    subscription["canceled_at"] = None if at is None else now
    subscription["cancellation_details"]["reason"] = (
        None if at is None else "cancellation_requested"
    )
