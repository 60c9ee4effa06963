"""`DELETE /v1/customers/{id}`: what ends with a customer, and what is left.

https://docs.stripe.com/api/customers/delete. Subscriptions end at once, nothing is collected any
more, and what was billed stays readable.
"""

from sandbox.simulators.stripe.changes import TERMINAL
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.cycle import end, stop_collecting
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.fields import Routes, deleted, living
from sandbox.simulators.stripe.forms import Params


def delete(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Delete for good; a second time there is no such customer."""
    customer = living(ctx, path["id"])
    delete_customer(ctx, customer)
    return deleted(customer)


def delete_customer(ctx: Context, customer: Json) -> None:
    """End the subscriptions, let go of what is pending, and mark the customer as deleted."""
    for subscription in list(ctx.store.find("subscription", customer=customer["id"])):
        if subscription["status"] not in TERMINAL:
            end(ctx, subscription, prorate=False, invoice_now=False, keep_pending=False)
    for invoice in list(ctx.store.find("invoice", customer=customer["id"])):
        stop_collecting(ctx, invoice)
    for entry in list(ctx.store.find("invoiceitem", customer=customer["id"])):
        if entry["invoice"] is None:
            ctx.emit("invoiceitem.deleted", ctx.view(entry))
            ctx.store.delete(entry["id"])
    customer["_deleted"] = True
    ctx.store.put(customer)
    ctx.emit("customer.deleted", ctx.view(customer))


ROUTES: Routes = [("DELETE", "/v1/customers/{id}", delete)]
