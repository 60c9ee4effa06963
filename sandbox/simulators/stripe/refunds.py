"""/v1/refunds (https://docs.stripe.com/refunds). An invoice whose charge is refunded stays paid.

Money counts as refunded from the start, even while its refund is pending.
"""

from sandbox.simulators.stripe.context import Context, changed
from sandbox.simulators.stripe.disputes import is_held
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import money_text
from sandbox.simulators.stripe.money_blanks import blank_refund
from sandbox.simulators.stripe.moves import moved
from sandbox.simulators.stripe.payment_routes import owner_of
from sandbox.simulators.stripe.payments import charges_of
from sandbox.simulators.stripe.refund_outcomes import OUTCOMES

_REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Give money of a charge back: `amount`, or all that was not given back yet."""
    charge = _charge(ctx, p)
    amount = p.integer("amount")
    if amount is not None and amount < 1:
        raise StripeError(
            "Invalid positive integer", code="parameter_invalid_integer", param="amount"
        )
    reason, metadata = p.choice("reason", _REASONS), merge_metadata(p, {})
    left = refundable(ctx, charge)
    return ctx.view(refund(ctx, charge, left if amount is None else amount, reason, metadata))


def _charge(ctx: Context, p: Params) -> Json:
    """The charge that is named, or the last one of the payment intent that is."""
    key, intent_key = p.text("charge"), p.text("payment_intent")
    if not key and not intent_key:
        raise StripeError(
            "One of the following params should be provided for this request: payment_intent or"
            " charge.",
            code="parameter_missing",
        )
    if intent_key:
        intent = ctx.store.need("payment_intent", intent_key, "payment_intent")
        if intent["status"] != "succeeded":
            raise StripeError(
                f"This PaymentIntent ({intent_key}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
                param="payment_intent",
            )
        if key not in (None, "", intent["latest_charge"]):
            raise StripeError("The charge is not one of the payment intent.", param="charge")
        key = intent["latest_charge"]
    return ctx.store.need("charge", key or "", "charge")


def refundable(ctx: Context, charge: Json) -> int:
    """What can still be given back. Raises `StripeError` for a charge of which nothing can."""
    if not charge["paid"]:
        raise StripeError(
            f"Charge {charge['id']} failed, there is nothing to refund.",
            code="charge_not_refundable",
            param="charge",
        )
    if charge["refunded"]:
        raise StripeError(
            f"Charge {charge['id']} has already been refunded.",
            code="charge_already_refunded",
        )
    if is_held(ctx, charge):
        raise StripeError(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
            code="charge_disputed",
        )
    return int(charge["amount"] - charge["amount_refunded"])


def refund(
    ctx: Context, charge: Json, amount: int, reason: str | None, metadata: dict[str, str]
) -> Json:
    """Refund `amount` of a charge; returns the stored refund. Refuses more than is left."""
    left = refundable(ctx, charge)
    if amount > left:
        asked, rest = (money_text(value, charge["currency"]) for value in (amount, left))
        raise StripeError(
            f"Refund amount ({asked}) is greater than unrefunded amount on charge ({rest})",
            param="amount",
        )
    made = blank_refund(charge, amount, ctx.now(charge["customer"]))
    customer = ctx.store.need("customer", charge["customer"])
    made |= {
        "reason": reason,
        "metadata": metadata,
        "status": OUTCOMES[customer.get("_refunds", "succeed")],
    }
    if made["status"] == "pending":
        made["pending_reason"] = "processing"
    taken = moved(ctx, made, customer["id"], -amount, "refund")
    made["balance_transaction"] = taken["id"]
    before = ctx.view(charge)
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    ctx.create(made, "refund.created")
    shown = ctx.save(charge, before)
    ctx.emit("charge.refunded", shown, changed(before, shown))
    return made


def refund_invoice(ctx: Context, invoice: Json, amount: int) -> list[Json]:
    """The `refunds` of a credit note that gives `amount` back, of the newest charges first.

    Raises `StripeError` when less than that was paid by card and is not back yet.
    """
    found: list[Json] = []
    left = amount
    for charge in charges_of(ctx, invoice):
        if charge["refunded"] or is_held(ctx, charge) or not left:
            continue
        part = min(left, refundable(ctx, charge))
        made = refund(ctx, charge, part, None, {})
        found.append({"amount_refunded": part, "refund": made["id"], "type": "refund"})
        left -= part
    if left:
        raise StripeError(
            f"The refund amount ({amount}) exceeds what the payments of {invoice['id']} can give "
            f"back ({amount - left}).",
            param="refund_amount",
        )
    return found


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Metadata only."""
    made = ctx.store.need("refund", path["id"])
    before = ctx.view(made)
    made["metadata"] = merge_metadata(p, made["metadata"])
    return ctx.save(made, before, "refund.updated")


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One refund."""
    return ctx.view(ctx.store.need("refund", path["id"]))


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By charge, payment intent and time."""
    charge, intent = p.text("charge"), p.text("payment_intent")
    return page(
        ctx,
        p,
        "refund",
        "/v1/refunds",
        customer=owner_of(ctx, "charge", charge) or owner_of(ctx, "payment_intent", intent),
        keep=lambda o: (
            (charge is None or o["charge"] == charge)
            and (intent is None or o["payment_intent"] == intent)
        ),
    )


def of_charge(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """The refunds of one charge."""
    charge = ctx.store.need("charge", path["id"])
    return page(
        ctx,
        p,
        "refund",
        f"/v1/charges/{charge['id']}/refunds",
        customer=charge["customer"],
        keep=lambda o: o["charge"] == charge["id"],
    )


ROUTES: Routes = [
    ("POST", "/v1/refunds", create),
    ("GET", "/v1/refunds", listing),
    ("GET", "/v1/charges/{id}/refunds", of_charge),
    ("GET", "/v1/refunds/{id}", retrieve),
    ("POST", "/v1/refunds/{id}", update),
]
