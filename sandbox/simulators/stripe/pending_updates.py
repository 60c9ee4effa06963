"""Changes that wait for their payment (`payment_behavior=pending_if_incomplete`).

https://docs.stripe.com/billing/subscriptions/pending-updates. The invoice of the change is made and
not paid; what the subscription has stays as it was until it is, or until it lapses.
"""

import copy

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.views import item_view

BEHAVIOUR = "pending_if_incomplete"
_SECONDS = 23 * 3600
#: What a change that may have to wait can say.
_SUPPORTED = frozenset(
    {
        *("items", "proration_behavior", "proration_date", "payment_behavior", "trial_end"),
        *("billing_cycle_anchor", "expand", "off_session"),
    }
)


def require_supported(p: Params) -> None:
    """Refuses what cannot wait."""
    if others := sorted(set(p.keys()) - _SUPPORTED):
        raise StripeError(
            f"{', '.join(others)} can't be passed when payment_behavior is {BEHAVIOUR}.",
            param=others[0],
        )


def put_off(ctx: Context, old: Json, changed: Json) -> Json:
    """The subscription with the change waiting, where its invoice was not paid; as `changed` is
    where it was, or none was made."""
    changed.pop("_pending", None)
    invoice = ctx.store.get(changed["latest_invoice"] or "")
    if changed["latest_invoice"] == old["latest_invoice"] or invoice is None:
        return changed
    if invoice["status"] != "open":
        return changed
    invoice |= {"auto_advance": False, "next_payment_attempt": None}
    ctx.store.put(invoice)
    # Credits of what was charged before are on the invoice that waits, and count once it is paid.
    return copy.deepcopy(old) | {
        "latest_invoice": invoice["id"],
        "pending_update": {
            "billing_cycle_anchor": None,
            "discounts": [],
            "expires_at": ctx.now(old["customer"]) + _SECONDS,
            "subscription_items": [item_view(ctx.store, item) for item in changed["items"]],
            "trial_end": None,
            "trial_from_plan": None,
        },
        "_waiting": {"invoice": invoice["id"], "items": changed["items"]},
    }


def paid(ctx: Context, invoice: Json) -> None:
    """The change that waited for this invoice happens."""
    subscription = _of(ctx, invoice)
    if subscription is None:
        return
    before = ctx.view(subscription)
    subscription |= {"items": subscription["_waiting"]["items"], "pending_update": None}
    del subscription["_waiting"]
    ctx.save(
        subscription,
        before,
        "customer.subscription.pending_update_applied",
        "customer.subscription.updated",
    )


def lapsed(ctx: Context, subscription: Json) -> str:
    """The change is given up; the invoice that is to be voided."""
    before = ctx.view(subscription)
    invoice = str(subscription["_waiting"]["invoice"])
    subscription["pending_update"] = None
    del subscription["_waiting"]
    ctx.save(
        subscription,
        before,
        "customer.subscription.pending_update_expired",
        "customer.subscription.updated",
    )
    return invoice


def _of(ctx: Context, invoice: Json) -> Json | None:
    subscription = ctx.store.get(invoice["_subscription"] or "")
    waiting = (subscription or {}).get("_waiting")
    return subscription if waiting and waiting["invoice"] == invoice["id"] else None
