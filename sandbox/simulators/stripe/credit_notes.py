"""/v1/credit_notes (https://docs.stripe.com/invoicing/credit-notes)."""

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.credit_note_lines import note_lines, note_sums
from sandbox.simulators.stripe.customer_balance import post
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, living, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.invoices import mark_paid
from sandbox.simulators.stripe.listing import page, page_of
from sandbox.simulators.stripe.payments import charges_of, follow_remaining
from sandbox.simulators.stripe.refunds import refund_invoice
from sandbox.simulators.stripe.views import credit_note_lines

_REASONS = ("duplicate", "fraudulent", "order_change", "product_unsatisfactory")


def create(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Credit a finalized invoice, by `lines` or by `amount`.

    What the customer has not paid yet is taken off the invoice first (`pre_payment_amount`); for
    the rest the caller says where it goes: `refund_amount`, `refunds` (made before),
    `credit_amount` (to the balance) or `out_of_band_amount`, which must add up exactly.
    """
    invoice = ctx.store.need("invoice", p.need("invoice"), "invoice")
    note = _compose(ctx, p, invoice)
    before = ctx.view(invoice)
    invoice["pre_payment_credit_notes_amount"] += note["pre_payment_amount"]
    invoice["post_payment_credit_notes_amount"] += note["post_payment_amount"]
    invoice["amount_remaining"] -= note["pre_payment_amount"]
    invoice["amount_due"] -= note["pre_payment_amount"]
    invoice["_credit_notes"] = invoice.get("_credit_notes", 0) + 1
    follow_remaining(ctx, invoice)
    if note["_to_balance"]:
        note["customer_balance_transaction"] = _credit_balance(ctx, note)
    note["refunds"] += refund_invoice(ctx, invoice, note["_to_refund"])
    for link in note["refunds"]:
        _note_refund(ctx, invoice, link)
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
    lines = note_lines(ctx, p, invoice)
    sums = note_sums(ctx, invoice, lines)
    total = sums["total"]
    open_amount = invoice["amount_remaining"] if invoice["status"] == "open" else 0
    links = _links(ctx, p, invoice)
    linked = sum(link["amount_refunded"] for link in links)
    creditable = min(
        open_amount + _left_of_paid(ctx, invoice) + linked, _left_of_total(ctx, invoice) + linked
    )
    if not 0 < total <= creditable:
        raise StripeError(
            f"The sum of credit notes ({total}) must be greater than zero and at most the "
            f"creditable amount of {invoice['id']} ({creditable}).",
            param="amount",
        )
    pre = min(open_amount, total)
    split = _split(p, total - pre, linked)
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
        "reason": p.choice("reason", _REASONS),
        "refunds": links,
        "shipping_cost": None,
        "status": "issued",
        **sums,
        "type": "pre_payment" if pre == total else "mixed" if pre else "post_payment",
        "voided_at": None,
        "_to_balance": split["credit_amount"],
        "_to_refund": split["refund_amount"],
        "_subscription": invoice["_subscription"],
    }


def _split(p: Params, post: int, linked: int) -> dict[str, int]:
    names = ("refund_amount", "credit_amount", "out_of_band_amount")
    split = {name: p.integer(name) or 0 for name in names}
    p.choice("email_type", ("credit_note", "none"))
    given = sum(split.values()) + linked
    if any(value < 0 for value in split.values()) or given != post:
        raise StripeError(
            f"The sum of refunds, refund_amount, credit_amount and out_of_band_amount ({given}) "
            f"must equal the post payment amount ({post}).",
            param="credit_amount",
        )
    return split


def _left_of_paid(ctx: Context, invoice: Json) -> int:
    """What was paid, by money or from the balance, and neither credited nor refunded."""
    settled = invoice["amount_paid"] + max(invoice.get("_balance_applied", 0), 0)
    noted = invoice["post_payment_credit_notes_amount"]
    return int(settled - noted - _refunded_alone(ctx, invoice))


def _left_of_total(ctx: Context, invoice: Json) -> int:
    """What of the invoice itself is not credited yet: it may have asked for an older debt too."""
    noted = sum(invoice[f"{when}_payment_credit_notes_amount"] for when in ("pre", "post"))
    return int(invoice["total"] - noted - _refunded_alone(ctx, invoice))


def _refunded_alone(ctx: Context, invoice: Json) -> int:
    """What was refunded without a note; a refund of a note counts but once."""
    refunded = sum(charge["amount_refunded"] for charge in charges_of(ctx, invoice))
    return int(refunded - invoice.get("_refunds_of_notes", 0))


def _links(ctx: Context, p: Params, invoice: Json) -> list[Json]:
    """The `refunds` of the form: ones of this invoice that no note has named yet."""
    charges = {charge["id"] for charge in charges_of(ctx, invoice)}
    found: list[Json] = []
    for given in p.subs("refunds") or []:
        given.choice("type", ("refund",))
        made = ctx.store.need("refund", given.need("refund"), given.name("refund"))
        amount, left = given.integer("amount_refunded"), made["amount"] - made.get("_of_notes", 0)
        amount = left if amount is None else amount
        if made["charge"] not in charges or not 0 < amount <= left:
            raise StripeError(
                f"{amount} of the refund {made['id']} cannot be linked to {invoice['id']}.",
                param=given.name("refund"),
            )
        found.append({"amount_refunded": amount, "refund": made["id"], "type": "refund"})
    return found


def _note_refund(ctx: Context, invoice: Json, link: Json) -> None:
    made, amount = ctx.store.need("refund", link["refund"]), link["amount_refunded"]
    made |= {"_of_notes": made.get("_of_notes", 0) + amount, "_noted_on": invoice["id"]}
    ctx.store.put(made)
    invoice["_refunds_of_notes"] = invoice.get("_refunds_of_notes", 0) + amount


def _credit_balance(ctx: Context, note: Json) -> str:
    """Put the note's credit on the customer's balance; the id of the transaction."""
    customer = living(ctx, note["customer"], "customer")
    made = post(
        ctx,
        customer,
        -note["_to_balance"],
        "credit_note",
        note["currency"],
        invoice=note["invoice"],
        credit_note=note["id"],
    )
    return str(made["id"])


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
    follow_remaining(ctx, invoice)
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
    shown = credit_note_lines(ctx.store, note)
    return page_of(p, shown, f"/v1/credit_notes/{note['id']}/lines")


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
