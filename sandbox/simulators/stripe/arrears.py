"""A subscription follows what is owed on its invoices.

https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json


def in_arrears(ctx: Context, invoice: Json) -> None:
    """A failed charge, or a due date that passed, makes the subscription past due; not so the
    charge for a change that waits for it."""
    if invoice.get("_pending_update"):
        return
    subscription = ctx.store.get(invoice["_subscription"] or "")
    if subscription is None or subscription["status"] not in ("active", "trialing"):
        return
    before = ctx.view(subscription)
    subscription["status"] = "past_due"
    ctx.save(subscription, before, "customer.subscription.updated")


def out_of_arrears(ctx: Context, invoice: Json) -> None:
    """The last invoice in arrears, once paid or given up, makes the subscription active again.

    Only a payment makes an incomplete one active.
    """
    subscription = ctx.store.get(invoice["_subscription"] or "")
    restores = ("past_due", "unpaid", *(["incomplete"] if invoice["status"] == "paid" else []))
    if subscription is None or subscription["status"] not in restores:
        return
    others = ctx.store.find("invoice", subscription=subscription["id"])
    if any(o["status"] == "open" and (o["attempted"] or o.get("_overdue")) for o in others):
        return
    before = ctx.view(subscription)
    subscription["status"] = "active"
    ctx.save(subscription, before, "customer.subscription.updated")
