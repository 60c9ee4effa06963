"""/v1/credit_notes (https://docs.stripe.com/invoicing/credit-notes)."""

from decimal import Decimal
from fractions import Fraction

from simulators.stripe.context import Context, new_id
from simulators.stripe.errors import Json, StripeError, missing
from simulators.stripe.fields import Routes, merge_metadata, tax_rate_ids
from simulators.stripe.forms import MOST_QUANTITY, Params
from simulators.stripe.invoices import mark_paid
from simulators.stripe.listing import page, page_of
from simulators.stripe.proration import line_amount, round_half_up
from simulators.stripe.taxes import behaviour_sum, line_taxes, totals

_REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Credit a finalized invoice, by `lines` or by `amount`.

    What the customer has not paid yet is taken off the invoice first (`pre_payment_amount`); for
    the rest the caller says where it goes: `refund_amount`, `credit_amount` (to the balance) or
    `out_of_band_amount`, which must add up exactly.
    """
    invoice = ctx.store.need("invoice", p.need("invoice"), "invoice")
    note = _compose(ctx, p, invoice)
    before = ctx.view(invoice)
    invoice["pre_payment_credit_notes_amount"] += note["pre_payment_amount"]
    invoice["post_payment_credit_notes_amount"] += note["post_payment_amount"]
    invoice["amount_remaining"] -= note["pre_payment_amount"]
    invoice["amount_due"] -= note["pre_payment_amount"]
    invoice["_credit_notes"] = invoice.get("_credit_notes", 0) + 1
    if note["_to_balance"]:
        _change_balance(ctx, note["customer"], -note["_to_balance"])
    shown = ctx.create(note, "credit_note.created")
    ctx.save(invoice, before, "invoice.updated")
    if invoice["status"] == "open" and invoice["amount_remaining"] == 0:
        mark_paid(ctx, invoice)
    return shown


def preview(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """What `create` would make, without making it."""
    invoice = ctx.store.need("invoice", p.need("invoice"), "invoice")
    return ctx.view(_compose(ctx, p, invoice))


def _compose(ctx: Context, p: Params, invoice: Json) -> Json:
    if invoice["status"] not in ("open", "paid"):
        raise StripeError(
            f"Credit notes can only be created on open or paid invoices; {invoice['id']} is "
            f"{invoice['status']}.",
            param="invoice",
        )
    lines = _lines(ctx, p, invoice)
    taxes = totals(lines)
    subtotal = sum(line["amount"] for line in lines)
    net = subtotal - behaviour_sum(taxes, "inclusive")
    total = subtotal + behaviour_sum(taxes, "exclusive")
    open_amount = invoice["amount_remaining"] if invoice["status"] == "open" else 0
    creditable = open_amount + invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"]
    if not 0 < total <= creditable:
        raise StripeError(
            f"The sum of credit notes ({total}) must be greater than zero and at most the "
            f"creditable amount of {invoice['id']} ({creditable}).",
            param="amount",
        )
    pre = min(open_amount, total)
    split = _split(p, total - pre)
    number = invoice.get("_credit_notes", 0) + 1
    now = ctx.now(invoice["customer"])
    return {
        "id": new_id("cn"),
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": now,
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "effective_at": p.time("effective_at") or now,
        "invoice": invoice["id"],
        "lines": lines,
        "livemode": False,
        "memo": p.text("memo") or None,
        "metadata": merge_metadata(p, {}),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": split["out_of_band_amount"] or None,
        "pdf": f"https://pay.stripe.com/credit_notes/{invoice['id']}/{number}/pdf",
        "post_payment_amount": total - pre,
        "pre_payment_amount": pre,
        "pretax_credit_amounts": [],
        "reason": p.choice("reason", _REASONS),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": subtotal,
        "subtotal_excluding_tax": net,
        "total": total,
        "total_excluding_tax": net,
        "total_taxes": taxes,
        "type": "pre_payment" if pre == total else "mixed" if pre else "post_payment",
        "voided_at": None,
        "_to_balance": split["credit_amount"],
        "_subscription": invoice["_subscription"],
    }


def _split(p: Params, post: int) -> dict[str, int]:
    names = ("refund_amount", "credit_amount", "out_of_band_amount")
    split = {name: p.integer(name) or 0 for name in names}
    p.choice("email_type", ("credit_note", "none"))
    if any(value < 0 for value in split.values()) or sum(split.values()) != post:
        raise StripeError(
            f"The sum of refund_amount, credit_amount and out_of_band_amount "
            f"({sum(split.values())}) must equal the post payment amount ({post}).",
            param="credit_amount",
        )
    return split


def _lines(ctx: Context, p: Params, invoice: Json) -> list[Json]:
    amount, given = p.integer("amount"), p.subs("lines")
    if (amount is None) == (given is None):
        raise StripeError(
            "You must specify exactly one of amount or lines.",
            code="parameter_missing",
            param="lines",
        )
    if given is None:
        line = _blank_line(amount or 0, "custom_line_item") | {"description": "Credit"}
        return [line]
    return [
        _invoice_line(p_line, invoice)
        if p_line.choice("type", ("invoice_line_item", "custom_line_item")) == "invoice_line_item"
        else _custom_line(ctx, p_line)
        for p_line in given
    ]


def _blank_line(amount: int, kind: str) -> Json:
    return {
        "id": new_id("cnli"),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": None,
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": None,
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": None,
        "tax_rates": [],
        "taxes": [],
        "type": kind,
        "unit_amount": None,
        "unit_amount_decimal": None,
    }


def _invoice_line(p: Params, invoice: Json) -> Json:
    """Part of an invoice line, by `amount` or `quantity`; its taxes follow in proportion."""
    key = p.need("invoice_line_item")
    source = next((line for line in invoice["lines"] if line["id"] == key), None)
    if source is None:
        raise missing("invoice line item", key[:80], p.name("invoice_line_item"))
    amount, quantity = p.integer("amount"), p.integer("quantity", 0, MOST_QUANTITY)
    if amount is None:
        if quantity is None:
            raise StripeError(
                "A credit note line of an invoice line needs a quantity or an amount.",
                param=p.name("quantity"),
            )
        whole = source["quantity"] or 1
        if not 0 < quantity <= whole:
            raise StripeError("The quantity exceeds the line's.", param=p.name("quantity"))
        amount = round_half_up(Fraction(source["amount"] * quantity, whole))
    part = Fraction(amount, source["amount"]) if source["amount"] else Fraction(0)
    scaled = [
        tax
        | {
            "amount": round_half_up(tax["amount"] * part),
            "taxable_amount": round_half_up(tax["taxable_amount"] * part),
        }
        for tax in source["taxes"]
    ]
    return _blank_line(amount, "invoice_line_item") | {
        "description": source["description"],
        "invoice_line_item": key,
        "metadata": merge_metadata(p, {}),
        "quantity": quantity,
        "tax_rates": [tax["tax_rate_details"]["tax_rate"] for tax in scaled],
        "taxes": scaled,
    }


def _custom_line(ctx: Context, p: Params) -> Json:
    quantity = p.integer("quantity", 1, MOST_QUANTITY) or 1
    unit = p.decimal("unit_amount_decimal")
    if unit is None:
        p.need("unit_amount")
        unit = Decimal(p.integer("unit_amount") or 0)
    amount = line_amount(unit, quantity)
    ids = tax_rate_ids(ctx, p, "tax_rates") or []
    return _blank_line(amount, "custom_line_item") | {
        "description": p.need("description"),
        "metadata": merge_metadata(p, {}),
        "quantity": quantity,
        "tax_rates": ids,
        "taxes": line_taxes(amount, [ctx.store.need("tax_rate", key) for key in ids]),
        "unit_amount": int(unit) if unit == unit.to_integral_value() else None,
        "unit_amount_decimal": str(unit),
    }


def _change_balance(ctx: Context, key: str, by: int) -> None:
    customer = ctx.store.need("customer", key)
    before = ctx.view(customer)
    customer["balance"] += by
    ctx.save(customer, before, "customer.updated")


def void(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Void a note of an invoice that is still open; money already given back stays given."""
    note = ctx.store.need("credit_note", path["id"])
    invoice = ctx.store.need("invoice", note["invoice"])
    if note["status"] == "void":
        raise StripeError("This credit note is already void.")
    if invoice["status"] != "open":
        raise StripeError("You can only void a credit note whose invoice is open.")
    before, invoice_before = ctx.view(note), ctx.view(invoice)
    note |= {"status": "void", "voided_at": ctx.now(note["customer"])}
    invoice["pre_payment_credit_notes_amount"] -= note["pre_payment_amount"]
    invoice["amount_remaining"] += note["pre_payment_amount"]
    invoice["amount_due"] += note["pre_payment_amount"]
    ctx.save(invoice, invoice_before, "invoice.updated")
    return ctx.save(note, before, "credit_note.updated", "credit_note.voided")


def update(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Memo and metadata."""
    note = ctx.store.need("credit_note", path["id"])
    before = ctx.view(note)
    if (memo := p.text("memo")) is not None:
        note["memo"] = memo or None
    note["metadata"] = merge_metadata(p, note["metadata"])
    return ctx.save(note, before, "credit_note.updated")


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One credit note."""
    return ctx.view(ctx.store.need("credit_note", path["id"]))


def lines(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """All lines, in pages."""
    note = ctx.store.need("credit_note", path["id"])
    return page_of(p, note["lines"], f"/v1/credit_notes/{note['id']}/lines")


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By customer and invoice."""
    invoice = p.text("invoice")
    return page(
        ctx,
        p,
        "credit_note",
        "/v1/credit_notes",
        customer=p.text("customer"),
        keep=lambda o: invoice is None or o["invoice"] == invoice,
    )


ROUTES: Routes = [
    ("GET", "/v1/credit_notes/preview", preview),
    ("POST", "/v1/credit_notes", create),
    ("GET", "/v1/credit_notes", listing),
    ("GET", "/v1/credit_notes/{id}", retrieve),
    ("POST", "/v1/credit_notes/{id}", update),
    ("GET", "/v1/credit_notes/{id}/lines", lines),
    ("POST", "/v1/credit_notes/{id}/void", void),
]
