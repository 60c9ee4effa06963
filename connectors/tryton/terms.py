"""Whether and how a document will post, asked of Tryton itself: company, party, period, items and
taxes.

The tax of an item is the ERP's decision: its own `on_change` applies the party's rule, and what it
answers is what is posted.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from canonical_models.failures import Rejection, RejectionCode
from canonical_models.ledgering import ItemTerms, LedgerAnswer, LedgerQuestion, LegalEntity
from connectors.tryton.client import TrytonClient
from connectors.tryton.errors import SYSTEM
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Company, Party, ProductType, Wire, day, parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.taxes import TaxBook, Taxes

#: Seconds for which master data that was just checked is used to post without asking again.
FRESH = 30.0
#: As many codes or ids as an address of 8 KiB holds with ease.
CHUNK = 200


@dataclass(frozen=True)
class Terms:
    """How one product is invoiced to one party, by Tryton's ids."""

    product: int
    account: int
    unit: int
    taxes: tuple[int, ...]
    deferrable: bool


@dataclass(frozen=True)
class Determination:
    """All that a document needs: by Tryton's ids, and in canonical words."""

    company: Company
    party: Party
    currency: int
    journal: int
    receivable: int
    terms: dict[str, Terms]
    taxes: Taxes
    answer: LedgerAnswer


class _Product(Wire):
    id: int
    code: str
    active: bool
    type: ProductType
    account_category: int | None
    default_uom: int


class Determiner:
    def __init__(
        self, client: TrytonClient, master: MasterData, probe: FeatureProbe, book: TaxBook
    ) -> None:
        self._client, self._master = client, master
        self._probe, self._book = probe, book
        self._known: dict[LedgerQuestion, tuple[float, Determination]] = {}

    async def fresh(self, question: LedgerQuestion) -> Determination:
        """As `determine`, from memory if it was determined a moment ago."""
        at, known = self._known.get(question, (-FRESH, None))
        if known is None or time.monotonic() - at > FRESH:
            return await self.determine(question)
        # What is closed here may have been closed since, and is never posted into.
        await self._master.require_not_closed(question.legal_entity, known.answer.posting_date)
        return known

    async def determine(self, question: LedgerQuestion) -> Determination:
        """Raises Rejection for the first thing that would keep the document from posting."""
        company = await self._master.company(question.legal_entity)
        party, currency, journal, receivable, products = await gathered(
            self._master.party(question.party, company),
            self._master.currency(question.currency),
            self._master.journal(company),
            self._master.default_receivable(company),
            self._products(question.items, company),
        )
        posting_date, terms = await gathered(
            self._posting_date(question, company, journal),
            self._terms(products, company, party, currency, question.on),
        )
        needed = {tax for term in terms.values() for tax in term.taxes}
        taxes = await self._book.of(question.legal_entity, company, needed)
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
            taxes=taxes,
            answer=await self._answer(question, company, posting_date, terms, taxes),
        )
        self._known = {
            asked: entry
            for asked, entry in self._known.items()
            if time.monotonic() - entry[0] <= FRESH
        }
        self._known[question] = (time.monotonic(), determination)
        return determination

    async def _posting_date(self, question: LedgerQuestion, company: Company, journal: int) -> date:
        by_id = ("id", journal)
        if question.closed_period == "first_open_day":
            return await self._master.first_open_day(
                question.legal_entity, question.on, company, journal=by_id
            )
        await self._master.open_period(question.legal_entity, question.on, company, journal=by_id)
        return question.on

    async def _products(self, items: tuple[str, ...], company: Company) -> dict[str, _Product]:
        found: dict[str, _Product] = {}
        wanted = list(dict.fromkeys(items))
        for start in range(0, len(wanted), CHUNK):
            rows = await self._client.search(
                "product.product",
                [["code", "in", wanted[start : start + CHUNK]], ["active", "in", [True, False]]],
                ["code", "active", "type", "account_category", "default_uom"],
                what="the items",
                company=company.id,
            )
            for row in rows:
                product = parsed(_Product, row, "product")
                # A code that was given to a new product is that one's.
                if product.code not in found or not found[product.code].active:
                    found[product.code] = product
        for item in wanted:
            if item not in found:
                raise _not_postable(item, f"the ERP has no item {item}: create it")
            if not found[item].active:
                raise _not_postable(item, f"ERP item {item} is deactivated: activate it")
        return {item: found[item] for item in wanted}

    async def _terms(
        self,
        products: dict[str, _Product],
        company: Company,
        party: Party,
        currency: int,
        on: date,
    ) -> dict[str, Terms]:
        """Account and taxes come from a product's accounting category and the party's rule alone,
        so the ERP is asked once for each category, however many items there are."""
        deferral = (await self._probe.features()).deferral
        by_category = {product.account_category: product for product in products.values()}
        answers = dict(
            zip(
                by_category,
                await gathered(
                    *(
                        self._client.rpc(
                            "model.account.invoice.line.on_change",
                            _line_in_hand(product.id, company, party, currency, on),
                            ["product"],
                            what=f"the terms of item {product.code}",
                            company=company.id,
                        )
                        for product in by_category.values()
                    )
                ),
                strict=True,
            )
        )
        terms = {}
        for item, product in products.items():
            changed = answers[product.account_category]
            if changed.get("account") is None:
                raise _not_postable(
                    item, f"ERP item {item} has no revenue account: give its category one"
                )
            added = (changed.get("taxes") or {}).get("add", [])
            terms[item] = Terms(
                product=product.id,
                account=int(changed["account"]),
                unit=product.default_uom,
                taxes=tuple(int(values["id"]) for _, values in added),
                deferrable=deferral and product.type == "service",
            )
        return terms

    async def _answer(
        self,
        question: LedgerQuestion,
        company: Company,
        posting_date: date,
        terms: dict[str, Terms],
        taxes: Taxes,
    ) -> LedgerAnswer:
        accounts = await self._accounts({term.account for term in terms.values()}, company)
        asked = [taxes.named(code) for code in question.tax_codes]
        return LedgerAnswer(
            legal_entity=LegalEntity(code=question.legal_entity, currency=company.currency.code),
            posting_date=posting_date,
            items=tuple(
                ItemTerms(
                    item=item,
                    account=accounts[term.account],
                    taxes=tuple(taxes.code(tax, item=item) for tax in term.taxes),
                    deferrable=term.deferrable,
                )
                for item, term in terms.items()
            ),
            taxes=tuple(map(taxes.code, asked)),
        )

    async def _accounts(self, ids: Iterable[int], company: Company) -> dict[int, str]:
        rows = await self._client.search(
            "account.account",
            [["id", "in", sorted(ids)]],
            ["code", "name"],
            what="the revenue accounts",
            company=company.id,
        )
        return {int(row["id"]): str(row.get("code") or row["name"]) for row in rows}


def _not_postable(item: str, words: str) -> Rejection:
    return Rejection(
        RejectionCode.ITEM_NOT_POSTABLE,
        f"{words}, or correct the item mapping",
        system=SYSTEM,
        subject=item,
    )


def _line_in_hand(
    product: int, company: Company, party: Party, currency: int, on: date
) -> dict[str, Any]:
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
        "origin": None,
        "invoice": -1,
        "_parent_invoice.type": "out",
        "_parent_invoice.party": party.id,
        "_parent_invoice.company": company.id,
        "_parent_invoice.currency": currency,
        "_parent_invoice.invoice_date": day(on),
        "_parent_invoice.accounting_date": day(on),
        "_parent_invoice.id": -1,
    }


async def gathered(*reads: Coroutine[Any, Any, Any]) -> list[Any]:
    """Side by side; the first failure stops the others."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read) for read in reads]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]
