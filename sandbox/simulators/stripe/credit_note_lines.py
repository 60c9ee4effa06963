"""Lines of credit notes: parts of an invoice's lines, and bare amounts.

Only a line that credits an invoice's line has `invoice_line_item`, as at Stripe.
"""

from decimal import Decimal
from fractions import Fraction

from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.discounting import pretax_credits, taken
from sandbox.simulators.stripe.errors import Json, StripeError, missing
from sandbox.simulators.stripe.fields import merge_metadata, tax_rate_ids
from sandbox.simulators.stripe.forms import MOST_QUANTITY, Params
from sandbox.simulators.stripe.proration import line_amount, round_half_up
from sandbox.simulators.stripe.taxes import behaviour_sum, line_taxes, totals


def note_lines(ctx: Context, p: Params, invoice: Json) -> list[Json]:
    """New lines by the form's `lines`, or one bare amount by its `amount`."""
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
        else _custom_line(ctx, p_line, invoice)
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
        "livemode": False,
        "metadata": {},
        "pretax_credit_amounts": [],
        "quantity": None,
        "tax_rates": [],
        "taxes": [],
        "type": kind,
        "unit_amount": None,
        "unit_amount_decimal": None,
        "_reductions": [],
    }


def _invoice_line(p: Params, invoice: Json) -> Json:
    """Part of an invoice line, by gross `amount` or `quantity`.

    Its discounts and taxes follow in proportion.
    """
    key = p.need("invoice_line_item")
    source = next((line for line in invoice["lines"] if line["id"] == key), None)
    if source is None:
        raise missing("invoice line item", key[:80], p.name("invoice_line_item"))
    if source.get("_credits"):
        raise StripeError(
            "This simulator credits no line that a credit grant has paid some of.",
            param=p.name("invoice_line_item"),
        )
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
    reductions = [
        one | {"amount": round_half_up(one["amount"] * part)} for one in source["_reductions"]
    ]
    amounts = [{"amount": one["amount"], "discount": one["discount"]} for one in reductions]
    return _blank_line(amount, "invoice_line_item") | {
        "description": source["description"],
        "discount_amount": taken(reductions),
        "discount_amounts": amounts,
        "pretax_credit_amounts": pretax_credits(amounts),
        "_reductions": reductions,
        "invoice_line_item": key,
        "metadata": merge_metadata(p, {}),
        "quantity": quantity,
        "tax_rates": [tax["tax_rate_details"]["tax_rate"] for tax in scaled],
        "taxes": scaled,
    }


def _custom_line(ctx: Context, p: Params, invoice: Json) -> Json:
    quantity = p.integer("quantity", 1, MOST_QUANTITY) or 1
    unit = p.decimal("unit_amount_decimal")
    if unit is None:
        p.need("unit_amount")
        unit = Decimal(p.integer("unit_amount") or 0)
    amount = line_amount(unit, quantity)
    ids = tax_rate_ids(ctx, p, "tax_rates") or []
    rates = [ctx.store.need("tax_rate", key) for key in ids]
    return _blank_line(amount, "custom_line_item") | {
        "description": p.need("description"),
        "metadata": merge_metadata(p, {}),
        "quantity": quantity,
        "tax_rates": ids,
        "taxes": line_taxes(amount, rates, invoice["customer_tax_exempt"]),
        "unit_amount": int(unit) if unit == unit.to_integral_value() else None,
        "unit_amount_decimal": str(unit),
    }


def note_sums(ctx: Context, invoice: Json, lines: list[Json]) -> Json:
    """`subtotal`, `discount_amount` and the other sums of a note that its lines make up."""
    subtotal = net_subtotal = after = 0
    discounts: dict[str, int] = {}
    for line in lines:
        before = line["amount"] - taken(line["_reductions"], item=True)
        rates = [ctx.store.need("tax_rate", key) for key in line["tax_rates"]]
        untouched = line_taxes(before, rates, invoice["customer_tax_exempt"])
        subtotal += before
        net_subtotal += before - behaviour_sum(untouched, "inclusive")
        after += line["amount"] - line["discount_amount"]
        for one in line["discount_amounts"]:
            discounts[one["discount"]] = discounts.get(one["discount"], 0) + one["amount"]
    taxes = totals(lines)
    amounts = [{"amount": amount, "discount": key} for key, amount in discounts.items()]
    return {
        "discount_amount": sum(discounts.values()),
        "discount_amounts": amounts,
        "pretax_credit_amounts": pretax_credits(amounts),
        "subtotal": subtotal,
        "subtotal_excluding_tax": net_subtotal,
        "total": after + behaviour_sum(taxes, "exclusive"),
        "total_excluding_tax": after - behaviour_sum(taxes, "inclusive"),
        "total_taxes": taxes,
    }
