"""/v1/disputes, and how a bank opens and decides one (https://docs.stripe.com/disputes).

Opening takes the amount away at once; winning gives it back. `disputed` of the charge stays true.
"""

from simulators.stripe.context import Context
from simulators.stripe.errors import Json, StripeError
from simulators.stripe.fields import Routes
from simulators.stripe.forms import Params
from simulators.stripe.listing import page
from simulators.stripe.money_blanks import blank_dispute
from simulators.stripe.payment_routes import owner_of
from simulators.stripe.payments import on_charge

OPEN = ("needs_response", "under_review")
OUTCOMES = ("won", "lost")
_REASONS = (
    *("bank_cannot_process", "check_returned", "credit_not_processed", "customer_initiated"),
    *("debit_not_authorized", "duplicate", "fraudulent", "general", "incorrect_account_details"),
    *("insufficient_funds", "noncompliant", "product_not_received", "product_unacceptable"),
    *("subscription_canceled", "unrecognized"),
)


def is_held(ctx: Context, charge: Json) -> bool:
    """Whether a dispute that is open or lost holds money of the charge."""
    return any(dispute["status"] != "won" for dispute in on_charge(ctx, "dispute", charge))


def open_dispute(ctx: Context, charge: Json, amount: int | None, reason: str | None) -> Json:
    """The customer's bank takes `amount` (default: all that was not refunded) back."""
    left = charge["amount"] - charge["amount_refunded"]
    wanted = left if amount is None else amount
    if not charge["paid"] or is_held(ctx, charge) or not 0 < wanted <= left:
        raise StripeError(
            f"Charge {charge['id']} cannot be disputed by {wanted}: {left} of it is left, and only"
            " a paid charge without an open or lost dispute can be."
        )
    if reason not in (None, *_REASONS):
        raise StripeError(f"reason is one of {', '.join(_REASONS)}")
    dispute = blank_dispute(charge, wanted, ctx.now(charge["customer"]))
    dispute["reason"] = reason or "general"
    charge["disputed"] = True
    ctx.store.put(charge)
    shown = ctx.create(dispute, "charge.dispute.created")
    ctx.emit("charge.dispute.funds_withdrawn", shown, owner=charge["customer"])
    return shown


def review(ctx: Context, dispute: Json) -> Json:
    """Evidence was handed in; the bank looks at it."""
    if dispute["status"] != "needs_response":
        raise StripeError(f"Dispute {dispute['id']} is {dispute['status']}.")
    before = ctx.view(dispute)
    dispute["status"] = "under_review"
    dispute["evidence_details"] |= {
        "has_evidence": True,
        "submission_count": 1,
        "submission_method": "manual",
    }
    return ctx.save(dispute, before, "charge.dispute.updated")


def close(ctx: Context, dispute: Json, status: str) -> Json:
    """Decide an open dispute, `won` or `lost`; won reinstates the money."""
    if dispute["status"] not in OPEN:
        raise StripeError(
            f"This dispute is already closed: {dispute['id']} is {dispute['status']}."
        )
    before = ctx.view(dispute)
    dispute["status"] = status
    dispute["is_charge_refundable"] = status == "won"
    events = ["charge.dispute.closed"]
    if status == "won":
        events.append("charge.dispute.funds_reinstated")
    return ctx.save(dispute, before, *events)


def accept(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Give the dispute up, which loses it."""
    return close(ctx, ctx.store.need("dispute", path["id"]), "lost")


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One dispute."""
    return ctx.view(ctx.store.need("dispute", path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By charge, payment intent and time."""
    charge, intent = p.text("charge"), p.text("payment_intent")
    return page(
        ctx,
        p,
        "dispute",
        "/v1/disputes",
        customer=owner_of(ctx, "charge", charge) or owner_of(ctx, "payment_intent", intent),
        keep=lambda o: (
            (charge is None or o["charge"] == charge)
            and (intent is None or o["payment_intent"] == intent)
        ),
    )


ROUTES: Routes = [
    ("GET", "/v1/disputes", listing),
    ("GET", "/v1/disputes/{id}", retrieve),
    ("POST", "/v1/disputes/{id}/close", accept),
]
