"""Whatever is billed, credited or void: lines add up to documents, documents to the balance."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
import stripe

from tests.simulators.stripe.stripe_sim import (
    Json,
    draft_invoice,
    euros,
    new_rate,
    percent,
    plain,
)


@dataclass
class Life:
    """A customer to whom things are done at random, the same for the same seed."""

    api: stripe.StripeClient
    dice: random.Random
    customer: str
    rates: list[str]
    coupons: list[str]
    invoices: list[str] = field(default_factory=list)

    def some(self, of: list[str], most: int = 2) -> list[str]:
        return self.dice.sample(of, self.dice.randint(0, most))

    def bill(self) -> None:
        amounts = [self.dice.randint(-300, 2000) for _ in range(self.dice.randint(1, 5))]
        form: Any = {"default_tax_rates": self.some(self.rates)}
        if chosen := self.some(self.coupons):
            form["discounts"] = [{"coupon": key} for key in chosen]
        draft = draft_invoice(self.api, self.customer, *amounts, **form)
        for entry in self.api.v1.invoice_items.list({"invoice": draft}).data:
            if self.dice.random() < 0.3:
                own: Any = {"discounts": [{"coupon": self.dice.choice(self.coupons)}]}
                self.api.v1.invoice_items.update(entry.id, own)
        self.api.v1.invoices.finalize_invoice(draft)
        self.invoices.append(draft)

    def settle(self) -> None:
        key = self.dice.choice(self.invoices)
        if self.api.v1.invoices.retrieve(key).status == "open":
            outside = self.dice.random() < 0.5
            self.api.v1.invoices.pay(key, {"paid_out_of_band": outside})

    def void(self) -> None:
        key = self.dice.choice(self.invoices)
        if self.api.v1.invoices.retrieve(key).status == "open":
            self.api.v1.invoices.void_invoice(key)

    def adjust(self) -> None:
        amount = self.dice.choice([-1500, -40, 60, 900])
        self.api.v1.customers.balance_transactions.create(
            self.customer, {"amount": amount, "currency": "eur"}
        )

    def credit(self) -> None:
        invoice = self.api.v1.invoices.retrieve(self.dice.choice(self.invoices))
        left = invoice.total - invoice.post_payment_credit_notes_amount
        if invoice.status == "paid" and left > 0:
            amount = self.dice.randint(1, left)
            self.api.v1.credit_notes.create(
                {"invoice": invoice.id, "amount": amount, "credit_amount": amount}
            )


def check_document(invoice: Json) -> None:
    """The sums of an invoice are those of its lines, and what is due follows from them."""
    own = all_off = exclusive = inclusive = 0
    for line in invoice["lines"]["data"]:
        off = {one["discount"]: one["amount"] for one in line["discount_amounts"]}
        own += sum(off[key] for key in line["discounts"] if key in off)
        all_off += sum(off.values())
        assert 0 <= sum(off.values()) <= max(line["amount"], 0)
        for tax in line["taxes"]:
            if tax["tax_behavior"] == "exclusive":
                exclusive += tax["amount"]
            else:
                inclusive += tax["amount"]
    gross = sum(line["amount"] for line in invoice["lines"]["data"])
    assert invoice["subtotal"] == gross - own
    assert invoice["total"] == gross - all_off + exclusive
    assert invoice["total_excluding_tax"] == gross - all_off - inclusive
    assert sum(one["amount"] for one in invoice["total_discount_amounts"]) == all_off
    assert sum(tax["amount"] for tax in invoice["total_taxes"]) == exclusive + inclusive
    noted = invoice["pre_payment_credit_notes_amount"]
    owed = invoice["starting_balance"] + invoice["total"]
    assert invoice["ending_balance"] == min(owed, 0)
    assert invoice["amount_due"] == max(owed, 0) - noted
    assert invoice["amount_due"] == invoice["amount_paid"] + invoice["amount_remaining"]


def check_ledger(life: Life) -> None:
    """Each transaction goes on from the one before, and the last is the customer's balance."""
    found = life.api.v1.customers.balance_transactions.list(life.customer, {"limit": 100})
    moves = list(reversed(list(found.auto_paging_iter())))
    balance = 0
    used: dict[str, int] = {}
    for move in moves:
        balance += move.amount
        assert move.ending_balance == balance
        if move.type in ("applied_to_invoice", "unapplied_from_invoice"):
            key = str(move.invoice)
            used[key] = used.get(key, 0) + move.amount
    assert life.api.v1.customers.retrieve(life.customer).balance == balance
    for key in life.invoices:
        invoice = life.api.v1.invoices.retrieve(key)
        moved = (invoice.ending_balance or 0) - invoice.starting_balance
        assert used.get(key, 0) == (0 if invoice.status == "void" else moved)


@pytest.mark.parametrize("seed", range(6))
def test_documents_and_balance_add_up(api: stripe.StripeClient, seed: int) -> None:
    dice = random.Random(seed)
    life = Life(
        api,
        dice,
        api.v1.customers.create({"name": "Ada"}).id,
        [new_rate(api, 19), new_rate(api, 7.7), new_rate(api, 20, inclusive=True)],
        [percent(api, 33.3), percent(api, 100), euros(api, 777), euros(api, 5)],
    )
    life.bill()
    steps = [life.bill, life.bill, life.settle, life.void, life.adjust, life.credit]
    for _ in range(30):
        dice.choice(steps)()
    assert len(life.invoices) > 3
    for key in life.invoices:
        check_document(plain(api.v1.invoices.retrieve(key)))
    check_ledger(life)
