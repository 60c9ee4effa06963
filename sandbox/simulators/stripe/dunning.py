"""What becomes of a subscription that is not paid for.

https://docs.stripe.com/billing/revenue-recovery/smart-retries#failed-payments,
https://docs.stripe.com/billing/subscriptions/overview#subscription-statuses
"""

from sandbox.simulators.stripe.arrears import in_arrears
from sandbox.simulators.stripe.billing_settings import billing
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import end
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.invoices import collect


def retry(ctx: Context, invoice: Json) -> None:
    """One more automatic attempt; after the last one the subscription goes as the setting says."""
    shown = collect(ctx, invoice)
    if shown["status"] != "open" or shown["next_payment_attempt"] is not None:
        return
    subscription = ctx.store.get(invoice["_subscription"] or "")
    if subscription is None or subscription["status"] != "past_due":
        return
    match billing(ctx)["after_retries"]:
        case "unpaid":
            before = ctx.view(subscription)
            subscription["status"] = "unpaid"
            ctx.save(subscription, before, "customer.subscription.updated")
        case "canceled":
            subscription["cancellation_details"]["reason"] = "payment_failed"
            end(ctx, subscription, prorate=False, invoice_now=False, keep_pending=False)
        case _:
            pass


def fall_due(ctx: Context, invoice: Json) -> None:
    """A sent invoice was not paid by its due date: it is overdue, its subscription past due."""
    invoice["_overdue"] = True
    ctx.store.put(invoice)
    ctx.emit("invoice.overdue", ctx.view(invoice))
    in_arrears(ctx, invoice)
