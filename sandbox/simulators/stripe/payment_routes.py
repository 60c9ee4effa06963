"""/v1/invoice_payments, /v1/payment_intents, /v1/payment_records, /v1/charges: reading only."""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.fields import Handler, Routes, living_owner
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page

_SOURCES = ("payment_intent", "payment_record")


def _one(kind: str) -> Handler:
    def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
        return ctx.view(ctx.store.need(kind, path["id"]))

    return retrieve


def list_invoice_payments(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By invoice, status, and the payment behind."""
    invoice, status = p.text("invoice"), p.choice("status", ("canceled", "open", "paid"))
    wanted: dict[str, str | None] = {}
    if source := p.sub("payment"):
        source.need("type")
        wanted["type"] = source.choice("type", _SOURCES)
        wanted |= {name: source.text(name) for name in _SOURCES if source.has(name)}
    owner = ctx.store.need("invoice", invoice, "invoice")["customer"] if invoice else None
    return page(
        ctx,
        p,
        "invoice_payment",
        "/v1/invoice_payments",
        customer=owner,
        keep=lambda o: (
            (invoice is None or o["invoice"] == invoice)
            and (status is None or o["status"] == status)
            and all(o["payment"].get(name) == value for name, value in wanted.items())
        ),
    )


def list_intents(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer and time."""
    return page(ctx, p, "payment_intent", "/v1/payment_intents", customer=living_owner(ctx, p))


def list_charges(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer, payment intent and time."""
    intent = p.text("payment_intent")
    return page(
        ctx,
        p,
        "charge",
        "/v1/charges",
        customer=living_owner(ctx, p) or owner_of(ctx, "payment_intent", intent),
        keep=lambda o: intent is None or o["payment_intent"] == intent,
    )


def owner_of(ctx: Context, kind: str, key: str | None) -> str | None:
    """The customer of a payment intent or charge; None, and so no narrowing, without a key.

    Raises `resource_missing` for a key that is unknown."""
    if key is None:
        return None
    found: str = ctx.store.need(kind, key, kind)["customer"]
    return found


ROUTES: Routes = [
    ("GET", "/v1/invoice_payments", list_invoice_payments),
    ("GET", "/v1/invoice_payments/{id}", _one("invoice_payment")),
    ("GET", "/v1/payment_intents", list_intents),
    ("GET", "/v1/payment_intents/{id}", _one("payment_intent")),
    ("GET", "/v1/payment_records/{id}", _one("payment_record")),
    ("GET", "/v1/charges", list_charges),
    ("GET", "/v1/charges/{id}", _one("charge")),
]
