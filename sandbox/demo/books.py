"""The books of an account on both sides: billing's documents and the ERP's, read from the systems
themselves and laid beside each other."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from sandbox.demo.observed import Evidence
from sandbox.demo.systems import Row, amount
from sandbox.demo.world import Account, World

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class Pair:
    """A document of billing and the ERP's; None where one is missing."""

    billing: Row
    erp: Row | None

    @property
    def number(self) -> str:
        return str(self.billing["number"])

    @property
    def differences(self) -> list[str]:
        if self.erp is None:
            return [f"{self.number} is not in the ERP"]
        sides = (
            ("gross", _major(self.billing["total"]), amount(self.erp["total_amount"])),
            ("tax", _tax(self.billing), amount(self.erp["tax_amount"])),
            ("open", _open(self.billing), amount(self.erp["amount_to_pay"])),
        )
        return [
            f"{self.number} {what}: billing {ours}, ERP {theirs}"
            for what, ours, theirs in sides
            if ours != theirs
        ]


async def pairs(world: World, account: Account) -> list[Pair]:
    """Every document that billing has made final and owes to nobody's void, oldest first."""
    issued, papers = await asyncio.gather(
        world.billing.all("invoices", customer=account.customer),
        world.erp.documents(account.party),
    )
    by_id = {paper["external_id"]: paper for paper in papers}
    final = [one for one in issued if one["status"] in ("open", "paid", "uncollectible")]
    return [
        Pair(one, by_id.get(one["id"])) for one in sorted(final, key=lambda one: one["created"])
    ]


async def claim_books(
    world: World, account: Account, evidence: Evidence, *, count: int | None = None
) -> list[Pair]:
    """Gross, tax and what is open agree to the cent for each document."""
    found = await pairs(world, account)
    differences = [text for pair in found for text in pair.differences]
    if count is not None:
        evidence.claim(f"billing has issued {count} documents", len(found) == count, len(found))
    evidence.claim(
        "gross, tax and open amount of each agree on both sides, to the cent",
        bool(found) and not differences,
        "; ".join(differences),
    )
    return found


async def unbilled(world: World, account: Account) -> list[Row]:
    """What the ERP shows as not billed yet."""
    papers = await world.erp.documents(account.party)
    reference = f"not billed yet: {account.subscription}/unbilled"
    return [paper for paper in papers if paper["reference"] == reference]


async def pending_net(world: World, account: Account) -> Decimal:
    """What waits in billing for an invoice, without tax."""
    items = await world.billing.all("invoiceitems", customer=account.customer, pending="true")
    return sum((_major(item["amount"]) for item in items), Decimal(0))


def words(paper: Row) -> str:
    kind = "credit" if amount(paper["total_amount"]) < 0 else "invoice"
    return (
        f"{paper['number'] or 'draft'} {kind} {amount(paper['total_amount'])} "
        f"{paper['currency']['code']}, tax {amount(paper['tax_amount'])}, "
        f"open {amount(paper['amount_to_pay'])}"
    )


def _major(minor: int) -> Decimal:
    return (Decimal(minor) / 100).quantize(_CENT)


def _tax(invoice: Row) -> Decimal:
    return sum((_major(tax["amount"]) for tax in invoice["total_taxes"] or []), Decimal(0))


def _open(invoice: Row) -> Decimal:
    """Nobody waits for what was given up."""
    if invoice["status"] == "uncollectible":
        return Decimal(0)
    return _major(invoice["amount_remaining"])
