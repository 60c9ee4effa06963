"""How refunds end that did not simply succeed (https://docs.stripe.com/refunds#failed-refunds).

A refund that fails or is canceled leaves its money on the charge again, to be refunded anew.
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.moves import moved

#: What a customer's new refunds come to, and the status that this is at first.
OUTCOMES = {"succeed": "succeeded", "pending": "pending", "requires_action": "requires_action"}
FAILURES = (
    *("charge_for_pending_refund_disputed", "declined", "expired_or_canceled_card"),
    *("insufficient_funds", "lost_or_stolen_card", "merchant_request", "unknown"),
)
_WAITING = ("pending", "requires_action")
# The second is what older endpoints listen to.
_UPDATED = ("refund.updated", "charge.refund.updated")


def succeed(ctx: Context, made: Json) -> Json:
    """The money of a waiting refund has arrived."""
    _must_be(made, _WAITING)
    before = ctx.view(made)
    made.pop("pending_reason", None)
    made["status"] = "succeeded"
    return ctx.save(made, before, *_UPDATED)


def fail(ctx: Context, made: Json, reason: str) -> Json:
    """The bank sent the money back, be it days after the refund had succeeded."""
    _must_be(made, (*_WAITING, "succeeded"))
    if reason not in FAILURES:
        raise StripeError(f"reason is one of {', '.join(FAILURES)}")
    return _undo(ctx, made, {"status": "failed", "failure_reason": reason}, "refund.failed")


def cancel(ctx: Context, made: Json, allowed: tuple[str, ...] = _WAITING) -> Json:
    """A waiting refund is called off."""
    _must_be(made, allowed)
    reason = {"status": "canceled", "failure_reason": "merchant_request"}
    return _undo(ctx, made, reason)


def _must_be(made: Json, allowed: tuple[str, ...]) -> None:
    if made["status"] not in allowed:
        raise StripeError(
            f"This refund is {made['status']}; only one that is {' or '.join(allowed)} can be"
            " changed so."
        )


def _undo(ctx: Context, made: Json, change: Json, *events: str) -> Json:
    before = ctx.view(made)
    charge = ctx.store.need("charge", made["charge"])
    charge["amount_refunded"] -= made["amount"]
    charge["refunded"] = False
    ctx.store.put(charge)
    _forget_note(ctx, made)
    made.pop("pending_reason", None)
    made |= change
    back = moved(ctx, made, charge["customer"], made["amount"], "refund_failure")
    made["failure_balance_transaction"] = back["id"]
    return ctx.save(made, before, *_UPDATED, *events)


def _forget_note(ctx: Context, made: Json) -> None:
    """The credit note stands, but no refund of this invoice answers it any more."""
    invoice = ctx.store.get(made.get("_noted_on") or "")
    if invoice is not None:
        invoice["_refunds_of_notes"] -= made["_of_notes"]
        ctx.store.put(invoice)


def cancel_by_api(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """`POST …/cancel`, which Stripe allows while the customer has still to act."""
    made = ctx.store.need("refund", path["id"])
    return cancel(ctx, made, ("requires_action",))


ROUTES: Routes = [("POST", "/v1/refunds/{id}/cancel", cancel_by_api)]
