"""/v1/customers"""

import secrets

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.customer_balance import record, set_balance
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.fields import (
    Routes,
    custom_fields,
    deleted,
    living,
    merge_metadata,
    set_hash,
    set_texts,
)
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page
from sandbox.simulators.stripe.money import currency_code
from sandbox.simulators.stripe.tax_ids import add_tax_id

_TEXTS = ("email", "name", "phone", "description", "business_name", "individual_name")
_ADDRESS = ("line1", "line2", "city", "state", "postal_code", "country")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """`test_clock` binds the customer, and all that is billed to it, to simulated time."""
    clock = p.text("test_clock")
    if clock:
        ctx.store.need("test_helpers.test_clock", clock, "test_clock")
    key = new_id("cus", 14)
    obj: Json = {
        "id": key,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": 0,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": secrets.token_hex(4).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": clock or None,
        "_payment": "succeed",
    }
    opened = _apply(p, obj)
    ctx.store.put(obj)
    obj["created"] = ctx.now(key)
    shown = ctx.create(obj, "customer.created")
    if opened:
        record(ctx, obj, opened, "initial", obj["currency"])
    for data in p.subs("tax_id_data") or []:
        add_tax_id(ctx, obj, data)
    return shown


def _apply(p: Params, obj: Json) -> int:
    """Set what was given; returns by how much the balance changed."""
    set_texts(p, obj, _TEXTS)
    set_hash(p, obj, "address", _ADDRESS)
    if (prefix := p.text("invoice_prefix")) is not None:
        obj["invoice_prefix"] = prefix.upper()
    balance = p.integer("balance")
    moved = 0 if balance is None else set_balance(obj, balance)
    exempt = p.choice("tax_exempt", ("", "none", "exempt", "reverse"))
    if exempt is not None:
        obj["tax_exempt"] = exempt or "none"
    if (locales := p.strings("preferred_locales")) is not None:
        obj["preferred_locales"] = locales
    if settings := p.sub("invoice_settings"):
        set_texts(settings, obj["invoice_settings"], ("default_payment_method", "footer"))
        if (fields := custom_fields(settings)) is not None:
            obj["invoice_settings"]["custom_fields"] = fields or None
    obj["metadata"] = merge_metadata(p, obj["metadata"])
    return moved


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One customer; a deleted one answers as such."""
    obj = ctx.store.need("customer", path["id"])
    return deleted(obj) if obj.get("_deleted") else ctx.view(obj)


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change the given members."""
    obj = living(ctx, path["id"])
    before = ctx.view(obj)
    moved = _apply(p, obj)
    shown = ctx.save(obj, before, "customer.updated")
    if moved:
        record(ctx, obj, moved, "adjustment", obj["currency"])
    return shown


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Newest first, by `email` or `test_clock` if given."""
    email, clock = p.text("email"), p.text("test_clock")
    return page(
        ctx,
        p,
        "customer",
        "/v1/customers",
        keep=lambda o: (
            not o.get("_deleted")
            and (email is None or o["email"] == email)
            and (o["test_clock"] == clock if clock else o["test_clock"] is None)
        ),
    )


def use_currency(ctx: Context, customer: Json, currency: str) -> None:
    """The first thing billed fixes a customer's currency."""
    if customer["currency"] is None:
        before = ctx.view(customer)
        customer["currency"] = currency_code(currency)
        ctx.save(customer, before, "customer.updated")


ROUTES: Routes = [
    ("POST", "/v1/customers", create),
    ("GET", "/v1/customers", listing),
    ("GET", "/v1/customers/{id}", retrieve),
    ("POST", "/v1/customers/{id}", update),
]
