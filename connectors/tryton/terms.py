"""Whether and how a document will post, asked of Tryton itself: company, party, period, tax rules.

The tax of an item is the ERP's decision: its own `on_change` applies the party's rule, and what it
answers is what is posted.
"""

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import (
    LedgerAnswer,
    LedgerQuestion,
    LegalEntity,
    TaxDetermination,
)
from connectors.tryton.client import TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.mapping import Company, Party, Tax, Terms, parsed
from connectors.tryton.masterdata import MasterData

#: Seconds for which master data that was just checked is used to post without asking again.
FRESH = 30.0


@dataclass(frozen=True)
class Determination:
    """All that a document needs: by Tryton's ids, and in canonical words."""

    company: Company
    party: Party
    currency: int
    journal: int
    receivable: int
    terms: dict[str, Terms]
    answer: LedgerAnswer


class Determiner:
    def __init__(self, client: TrytonClient, master: MasterData) -> None:
        self._client, self._master = client, master
        self._known: dict[LedgerQuestion, tuple[float, Determination]] = {}

    async def fresh(self, question: LedgerQuestion) -> Determination:
        """As `determine`, from memory if it was determined a moment ago."""
        at, known = self._known.get(question, (-FRESH, None))
        if known is None or time.monotonic() - at > FRESH:
            return await self.determine(question)
        return known

    async def determine(self, question: LedgerQuestion) -> Determination:
        """Raises Rejection for the first thing that would keep the document from posting."""
        company = await self._master.company(question.legal_entity)
        party, currency, journal, receivable, _ = await together(
            self._master.party(question.party, company),
            self._master.currency(question.currency),
            self._master.journal(company),
            self._master.default_receivable(company),
            self._master.open_period(
                question.legal_entity,
                question.posting_date,
                company,
                journal=("type", "revenue"),
            ),
        )
        items = await together(
            *(self._terms(item, company, party, currency) for item in question.items)
        )
        terms = dict(zip(question.items, items, strict=True))
        taxes = await self._taxes(company, terms)
        account = party.account_receivable or receivable
        if account is None:
            raise Rejection(
                RejectionCode.DOCUMENT_REFUSED,
                f"ERP party {question.party} has no receivable account in {question.legal_entity}"
                ": set one on the party, or a default in the accounting configuration",
                system=SYSTEM,
                subject=question.party,
            )
        determination = Determination(
            company=company,
            party=party,
            currency=currency,
            journal=journal,
            receivable=account,
            terms=terms,
            answer=LedgerAnswer(
                legal_entity=LegalEntity(
                    code=question.legal_entity, currency=company.currency.code
                ),
                taxes=taxes,
            ),
        )
        self._known = {
            asked: entry
            for asked, entry in self._known.items()
            if time.monotonic() - entry[0] <= FRESH
        }
        self._known[question] = (time.monotonic(), determination)
        return determination

    async def _terms(self, item: str, company: Company, party: Party, currency: int) -> Terms:
        rows = await self._client.search(
            "product.product",
            [["code", "=", item], ["active", "in", [True, False]]],
            ["active"],
            what=f"item {item}",
            company=company.id,
        )
        if not rows:
            raise Rejection(
                RejectionCode.ITEM_NOT_POSTABLE,
                f"the ERP has no item {item}: create it, or correct the item mapping",
                system=SYSTEM,
                subject=item,
            )
        if not rows[0].get("active"):
            raise Rejection(
                RejectionCode.ITEM_NOT_POSTABLE,
                f"ERP item {item} is deactivated: activate it, or correct the item mapping",
                system=SYSTEM,
                subject=item,
            )
        product = int(rows[0]["id"])
        changed = await self._client.rpc(
            "model.account.invoice.line.on_change",
            _line_in_hand(product, company, party, currency),
            ["product"],
            what=f"the terms of item {item}",
            company=company.id,
        )
        if changed.get("account") is None:
            raise Rejection(
                RejectionCode.ITEM_NOT_POSTABLE,
                f"ERP item {item} has no revenue account: set one on its accounting category",
                system=SYSTEM,
                subject=item,
            )
        added = (changed.get("taxes") or {}).get("add", [])
        return Terms(
            product=product,
            account=changed["account"],
            unit=changed["unit"],
            taxes=tuple(int(values["id"]) for _, values in added),
        )

    async def _taxes(
        self, company: Company, terms: dict[str, Terms]
    ) -> tuple[TaxDetermination, ...]:
        ids = sorted({tax for term in terms.values() for tax in term.taxes})
        rows = await self._client.search(
            "account.tax",
            [["id", "in", ids]],
            ["name", "type", "rate"],
            what="the taxes",
            company=company.id,
        )
        known = {tax.id: tax for tax in (parsed(Tax, row, "tax") for row in rows)}
        return tuple(
            TaxDetermination(
                item=item,
                tax_codes=tuple(f"tax-{tax}" for tax in term.taxes),
                rate=sum((_rate(known, tax, item) for tax in term.taxes), Decimal(0)),
            )
            for item, term in terms.items()
        )


def _rate(known: dict[int, Tax], tax: int, item: str) -> Decimal:
    found = known.get(tax)
    if found is None or found.type != "percentage" or found.rate is None:
        raise Rejection(
            RejectionCode.TAX_UNDETERMINED,
            f"the tax of ERP item {item} is not a plain percentage: give the item a percentage tax",
            system=SYSTEM,
            subject=item,
        )
    return found.rate


def _line_in_hand(product: int, company: Company, party: Party, currency: int) -> dict[str, Any]:
    """An invoice line as the ERP's own client has it when the product was just chosen."""
    return {
        "product": product,
        "type": "line",
        "quantity": 1,
        "party": None,
        "company": company.id,
        "currency": currency,
        "invoice_type": "out",
        "taxes": [],
        "account": None,
        "unit": None,
        "invoice": -1,
        "_parent_invoice.type": "out",
        "_parent_invoice.party": party.id,
        "_parent_invoice.company": company.id,
        "_parent_invoice.currency": currency,
        "_parent_invoice.invoice_date": None,
        "_parent_invoice.id": -1,
    }


async def together(*reads: Coroutine[Any, Any, Any]) -> list[Any]:
    """Side by side; the first failure stops the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
