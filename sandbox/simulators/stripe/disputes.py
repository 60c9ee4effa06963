"""/v1/disputes, and how a bank opens and decides one (https://docs.stripe.com/disputes).

Opening takes the amount away at once; winning gives it back. `disputed` of the charge stays true.
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, merge_metadata, set_texts
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import exponent
from sandbox.simulators.stripe.money_blanks import blank_dispute
from sandbox.simulators.stripe.moves import moved
from sandbox.simulators.stripe.payment_routes import owner_of
from sandbox.simulators.stripe.payments import on_charge

OPEN = ("needs_response", "under_review")
OUTCOMES = ("won", "lost")
_FEE_UNITS = 15
_DECISIVE = {"losing_evidence": "lost", "winning_evidence": "won"}
_EVIDENCE = (
    *("access_activity_log", "billing_address", "cancellation_policy_disclosure"),
    *("cancellation_rebuttal", "customer_email_address", "customer_name"),
    *("customer_purchase_ip", "duplicate_charge_explanation", "duplicate_charge_id"),
    *("product_description", "refund_policy_disclosure", "refund_refusal_explanation"),
    *("service_date", "shipping_address", "shipping_carrier", "shipping_date"),
    *("shipping_tracking_number", "uncategorized_text"),
)
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
    fee = _FEE_UNITS * 10 ** exponent(charge["currency"])
    taken = moved(ctx, dispute, charge["customer"], -wanted, "dispute", fee=fee)
    dispute["balance_transactions"] = [ctx.view(taken)]
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
    _submit(dispute)
    return ctx.save(dispute, before, "charge.dispute.updated")


def _submit(dispute: Json) -> None:
    details = dispute["evidence_details"]
    dispute["status"] = "under_review"
    details |= {
        "has_evidence": True,
        "submission_count": details["submission_count"] + 1,
        "submission_method": "manual",
    }


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
        back = moved(ctx, dispute, dispute["_customer"], dispute["amount"], "dispute_reversal")
        dispute["balance_transactions"].append(ctx.view(back))
    return ctx.save(dispute, before, *events)


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Evidence, which goes to the bank unless `submit` is false, and metadata.

    As in Stripe's test mode a submitted `uncategorized_text` decides at once:
    https://docs.stripe.com/testing#disputes-evidence
    """
    dispute = ctx.store.need("dispute", path["id"])
    evidence, submit = p.sub("evidence"), p.boolean("submit")
    if evidence is not None and dispute["status"] not in OPEN:
        raise StripeError("This dispute is already closed.", param="evidence")
    before = ctx.view(dispute)
    dispute["metadata"] = merge_metadata(p, dispute["metadata"])
    if evidence is not None:
        set_texts(evidence, dispute["evidence"], _EVIDENCE)
        dispute["evidence_details"]["has_evidence"] = True
        if submit is not False:
            _submit(dispute)
    shown = ctx.save(dispute, before, "charge.dispute.updated")
    decided = _DECISIVE.get(dispute["evidence"].get("uncategorized_text") or "")
    if dispute["status"] == "under_review" and decided:
        shown = close(ctx, dispute, decided)
    return shown


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
    ("POST", "/v1/disputes/{id}", update),
    ("POST", "/v1/disputes/{id}/close", accept),
]
