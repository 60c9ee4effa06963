"""Billing's documents and the ERP's laid beside each other, each read from the system itself.

What is compared is what both show to people: gross, tax by rate, what is open, what the customer
owes as a whole, and what is not billed yet. Nothing of ours is read.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from sandbox.demo.systems import Row
from sandbox.erp.instance import ErpInstance
from tests.harness.buyers import Buyer, major
from tests.harness.erp import books_of
from tests.harness.erp_documents import Document

ZERO = Decimal(0)
_UNBILLED = "not billed yet: "


@dataclass(frozen=True)
class Issued:
    """A final document as billing shows it; credit notes are negative. `tax` is by rate, a
    fraction; `void` one owes nothing, whatever it was."""

    key: str
    number: str
    gross: Decimal
    tax: dict[Decimal, Decimal]
    open: Decimal
    void: bool
    issued: date
    raw: Row


@dataclass(frozen=True)
class Sides:
    """All of a customer. `papers` are the ERP's documents by billing's number, `counter` those that
    take one back or were taken back, `drafts` what it shows as not billed. `owed` is what the party
    owes over all in the ERP; `debts`, `balance` and `pending` are billing's."""

    buyer: Buyer
    issued: list[Issued]
    papers: dict[str, Document]
    counter: list[Document]
    drafts: list[Document]
    owed: Decimal
    debts: Decimal
    balance: Decimal
    pending: Decimal
    rates: dict[str, Decimal] = field(default_factory=dict)

    def paper(self, number: str) -> Document:
        return self.papers[number]

    def tax(self, document: Document) -> dict[Decimal, Decimal]:
        """By rate, without zeros."""
        found: dict[Decimal, Decimal] = defaultdict(Decimal)
        for row in document.taxes:
            found[self.rates[row.code]] += row.amount
        return {rate: amount for rate, amount in found.items() if amount}

    def differences(self) -> list[str]:
        """In words, for a person who reads why a test fails."""
        return [text for _, text in self.of_documents()] + self.in_total()

    def of_documents(self) -> list[tuple[Issued | None, str]]:
        """Where single documents differ; None with what is in the ERP alone."""
        found: list[tuple[Issued | None, str]] = []
        for one in self.issued:
            paper = self.papers.get(one.number)
            if paper is None:
                if not one.void:
                    found.append((one, f"{one.number} is not in the ERP"))
                continue
            found += [
                (one, f"{one.number} {what}: billing {ours}, ERP {theirs}")
                for what, ours, theirs in (
                    ("gross", one.gross, paper.total),
                    ("tax", one.tax, self.tax(paper)),
                    ("open", one.open, paper.open),
                    ("posted", True, paper.state in ("posted", "paid") and bool(paper.number)),
                )
                if ours != theirs
            ]
        known = {one.number for one in self.issued}
        found += [
            (None, f"{number} is in the ERP alone") for number in self.papers if number not in known
        ]
        # What had been paid of a document that was taken back stands on the account so.
        by_key = {one.key: one for one in self.issued}
        found += [
            (
                by_key.get((paper.reference or "").partition("/")[0]),
                f"{paper.reference} is open: {paper.open}",
            )
            for paper in self.counter
            if paper.open
        ]
        return found

    def in_total(self, kept_out: Decimal = ZERO) -> list[str]:
        """Where what the party owes, or what is not billed yet, differs. `kept_out` is what the
        customer has to its credit at billing, and by a person's word not in the ERP."""
        wanted = sum((one.open for one in self.issued), ZERO) - self.balance + self.debts
        shown = sum((paper.net for paper in self.drafts), ZERO)
        # Receivables are kept in the currency of the company: of another one only what is settled
        # can be told without the rate of each day.
        foreign = self.buyer.currency != {"LE-DE": "eur", "LE-US": "usd"}[self.buyer.entity]
        found = []
        if self.owed - kept_out != wanted and not (foreign and wanted):
            found.append(f"the party owes {self.owed} in the ERP, {wanted} by billing")
        if shown != self.pending:
            found.append(f"not billed yet: {shown} in the ERP, {self.pending} in billing")
        return found


async def sides_of(erp: ErpInstance, buyer: Buyer) -> Sides:
    """Both sides as they are now."""
    async with books_of(erp) as books:
        papers = await books.documents(party=buyer.party)
        owed = await books.receivable_of(buyer.party, buyer.entity)
    return await beside(erp, buyer, papers, owed)


async def beside(erp: ErpInstance, buyer: Buyer, papers: list[Document], owed: Decimal) -> Sides:
    """Billing's side as it is now, and the ERP's as it was read."""
    issued, debts, balance, pending = await asyncio.gather(
        _issued(buyer), _debts(buyer), _balance(buyer), _pending(buyer)
    )
    drafts = [paper for paper in papers if (paper.reference or "").startswith(_UNBILLED)]
    final = [paper for paper in papers if paper not in drafts]
    # Of several of one number the newest counts: what was released after an undo is made anew.
    numbers = {_number(paper): paper for paper in final if not _takes_back(paper)}
    newest = [paper.id for paper in numbers.values()]
    return Sides(
        buyer=buyer,
        issued=issued,
        papers=numbers,
        counter=[paper for paper in final if paper.id not in newest],
        drafts=drafts,
        owed=owed,
        debts=debts,
        balance=balance,
        pending=pending,
        rates={
            code: Decimal(tax.rate)
            for facts in erp.companies.values()
            for code, tax in facts.taxes.items()
        },
    )


async def agree(erp: ErpInstance, buyer: Buyer) -> Sides:
    """Both systems say the same of the customer to the cent, and each entity's books are even."""
    found = await sides_of(erp, buyer)
    differences = found.differences()
    assert not differences, "\n".join(differences)
    await even(erp)
    return found


async def even(erp: ErpInstance) -> None:
    async with books_of(erp) as books:
        for company in erp.companies:
            balance = await books.trial_balance(company)
            assert sum(balance.values(), ZERO) == 0, (company, balance)


def _number(paper: Document) -> str:
    """Billing's number, in either form in which the ERP carries it."""
    return (paper.reference or f"by hand {paper.id}").partition(" (")[0]


def _takes_back(paper: Document) -> bool:
    return (paper.reference or "").rstrip(")").endswith(("/void", "/undo"))


async def _issued(buyer: Buyer) -> list[Issued]:
    billing = buyer.world.billing
    notes = await billing.all("credit_notes", customer=buyer.customer)
    final = [one for one in await buyer.invoices() if one["status"] != "draft"]
    numbered = [one for one in final if one["number"]]
    rates = await _rates(buyer, [*numbered, *notes])
    return [
        *(_invoice(one, rates) for one in numbered),
        *(_note(one, rates) for one in notes[::-1]),
    ]


async def _rates(buyer: Buyer, documents: list[Row]) -> dict[str, Decimal]:
    """As fractions, by billing's id of the rate."""
    used = {tax["tax_rate_details"]["tax_rate"] for one in documents for tax in _taxes(one)}
    found = {key: await buyer.world.billing.read(f"tax_rates/{key}") for key in used}
    return {key: Decimal(str(rate["percentage"])) / 100 for key, rate in found.items()}


def _taxes(document: Row) -> list[Row]:
    return list(document["total_taxes"] or [])


def _invoice(one: Row, rates: dict[str, Decimal]) -> Issued:
    left = one["amount_remaining"] if one["status"] == "open" else 0
    return Issued(
        key=one["id"],
        number=one["number"],
        gross=major(one["total"], one["currency"]),
        tax=_tax(one, 1, rates),
        open=major(left, one["currency"]),
        void=one["status"] == "void",
        issued=_day(one["status_transitions"]["finalized_at"]),
        raw=one,
    )


def _note(one: Row, rates: dict[str, Decimal]) -> Issued:
    return Issued(
        key=one["id"],
        number=one["number"],
        gross=-major(one["total"], one["currency"]),
        tax=_tax(one, -1, rates),
        open=ZERO,
        void=one["status"] == "void",
        issued=_day(one["created"]),
        raw=one,
    )


def _tax(one: Row, sign: int, rates: dict[str, Decimal]) -> dict[Decimal, Decimal]:
    """By rate, without zeros."""
    found: dict[Decimal, Decimal] = defaultdict(Decimal)
    for tax in _taxes(one):
        rate = rates[tax["tax_rate_details"]["tax_rate"]]
        found[rate] += sign * major(tax["amount"], one["currency"])
    return {rate: amount for rate, amount in found.items() if amount}


async def _balance(buyer: Buyer) -> Decimal:
    """What the customer has to its credit."""
    customer = await buyer.world.billing.read(f"customers/{buyer.customer}")
    return -major(customer["balance"], buyer.currency)


async def _debts(buyer: Buyer) -> Decimal:
    """What went back to the customer and no credit note answers."""
    billing = buyer.world.billing
    notes = await billing.all("credit_notes", customer=buyer.customer)
    answered = sum(link["amount_refunded"] for note in notes for link in note["refunds"])
    charges = await billing.all("charges", customer=buyer.customer)
    back = sum(charge["amount_refunded"] for charge in charges) - answered
    for charge in charges:
        if charge["disputed"]:
            for dispute in await billing.all("disputes", charge=charge["id"]):
                back += 0 if dispute["status"] == "won" else dispute["amount"]
    return major(back, buyer.currency)


async def _pending(buyer: Buyer) -> Decimal:
    """Net of all that billing will invoice, pending or on a draft."""
    billing = buyer.world.billing
    items = await billing.all("invoiceitems", customer=buyer.customer, pending="true")
    drafts = await billing.all("invoices", customer=buyer.customer, status="draft")
    waiting = sum([await _net_of(buyer, item) for item in items])
    return major(waiting + sum(one["total_excluding_tax"] for one in drafts), buyer.currency)


async def _net_of(buyer: Buyer, item: Row) -> int:
    """Of a pending item: without the tax that the next invoice will find inside it."""
    of = item["parent"]["subscription_details"]["subscription"] if item["parent"] else None
    if of is None:
        return int(item["amount"])
    preview = await buyer.world.billing.make("invoices/create_preview", subscription=of)
    (line,) = (one for one in preview["lines"]["data"] if _item_of(one) == item["id"])
    off = sum(one["amount"] for one in line["discount_amounts"] or [])
    inside = sum(tax["amount"] for tax in line["taxes"] if tax["tax_behavior"] == "inclusive")
    return int(line["amount"] - off - inside)


def _item_of(line: Row) -> str | None:
    details = (line["parent"] or {}).get("subscription_item_details") or {}
    plain = (line["parent"] or {}).get("invoice_item_details") or {}
    return details.get("invoice_item") or plain.get("invoice_item")


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()
