"""The sums of an invoice: discounts, then taxes, then the customer's balance.

https://docs.stripe.com/api/invoices/object. `subtotal` is before the invoice's discounts and
exclusive taxes, but after those of the single lines; `total` is after all of them.
"""

from sandbox.simulators.stripe.automatic_tax import rates_of
from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.credit_balance import of_line, of_lines
from sandbox.simulators.stripe.customer_balance import balance_in
from sandbox.simulators.stripe.discounting import Part, cuts, pretax_credits, taken
from sandbox.simulators.stripe.discounts import offs
from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.taxes import behaviour_sum, line_taxes, totals


def retotal(ctx: Context, invoice: Json) -> None:
    """Compute the lines' discounts and taxes, and all sums, of an invoice that is not final."""
    customer = ctx.store.need("customer", invoice["customer"])
    _discount(ctx, invoice)
    subtotal = net_subtotal = after = 0
    for line in invoice["lines"]:
        line["invoice"] = invoice["id"]
        rates = _rates(ctx, invoice, customer, line)
        before = line["amount"] - taken(line["_reductions"], item=True)
        rest = line["amount"] - taken(line["_reductions"]) - of_line(line)
        line["taxes"] = line_taxes(rest, rates, customer["tax_exempt"])
        untouched = line_taxes(before, rates, customer["tax_exempt"])
        subtotal += before
        net_subtotal += before - behaviour_sum(untouched, "inclusive")
        after += rest
    taxes = totals(invoice["lines"])
    total = after + behaviour_sum(taxes, "exclusive")
    balance = balance_in(customer, invoice["currency"])
    owed = max(balance + total, 0)
    invoice |= {
        "subtotal": subtotal,
        "subtotal_excluding_tax": net_subtotal,
        "total": total,
        "total_excluding_tax": after - behaviour_sum(taxes, "inclusive"),
        "total_taxes": taxes,
        "starting_balance": balance,
        "amount_due": owed,
        "amount_remaining": owed,
    }


def _rates(ctx: Context, invoice: Json, customer: Json, line: Json) -> list[Json]:
    """Those set up by hand go before what Stripe Tax finds."""
    keys = line["_rates"] or invoice["default_tax_rates"]
    if not keys and invoice["automatic_tax"]["enabled"]:
        return rates_of(ctx, customer, line)
    return [ctx.store.need("tax_rate", key) for key in keys]


def _discount(ctx: Context, invoice: Json) -> None:
    currency, lines = invoice["currency"], invoice["lines"]
    parts = [_part(ctx, line, currency) for line in lines]
    summed = dict.fromkeys(invoice["discounts"], 0)
    found = cuts(parts, offs(ctx, invoice["discounts"], currency))
    for line, entries in zip(lines, found, strict=True):
        # Discounts of a proration were settled when it was made.
        settled = line["_cuts"]
        reductions = entries if settled is None else [] if line["_included"] else settled
        line["_reductions"] = reductions
        line["discount_amounts"] = [
            {"amount": one["amount"], "discount": one["discount"]} for one in reductions
        ]
        for one in reductions:
            summed[one["discount"]] = summed.get(one["discount"], 0) + one["amount"]
        if line["_included"]:
            # Its amount is net already; Stripe names the invoice's discounts, with nothing.
            line["discount_amounts"] = [
                {"amount": 0, "discount": one["discount"]} for one in settled if not one["item"]
            ]
        line["pretax_credit_amounts"] = [
            *pretax_credits(line["discount_amounts"]),
            *line.get("_credits", ()),
        ]
    invoice["total_discount_amounts"] = [
        {"amount": amount, "discount": key} for key, amount in summed.items()
    ]
    invoice["total_pretax_credit_amounts"] = [
        *pretax_credits(invoice["total_discount_amounts"]),
        *of_lines(lines),
    ]


def _part(ctx: Context, line: Json, currency: str) -> Part:
    price = (line["pricing"] or {}).get("price_details") or {}
    open_to = line["discountable"] and line["_cuts"] is None
    own = offs(ctx, line["discounts"], currency) if open_to else []
    return Part(line["amount"], price.get("product"), own, open_to)
