"""Customers' accounts in the real Tryton: documents posted plainly, and what stands in the books.

Every test has a customer of its own, so that its account is read whole.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest

from canonical_models.documents import SettlementKind
from canonical_models.ledgering import SettlementDraft
from canonical_models.money import Money
from connectors.http import VendorHttp
from connectors.tryton.client import TrytonClient
from connectors.tryton.mapping import Company, day, decimal
from connectors.tryton.masterdata import MasterData
from connectors.tryton.parties import Parties
from connectors.tryton.settlements import SettlementAccounts, Settlements
from sandbox.erp.bookkeeping import Bookkeeper, bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.simulators.child import running_child
from tests.harness.erp import Books, books_of

ACCOUNTS = SettlementAccounts(
    bank_journal="CARD", paid_elsewhere_journal="BANK", goodwill_account="4.3.3"
)


def today() -> date:
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Posted:
    """A document in the ERP; amounts are in minor units."""

    id: str
    line: int
    party: str
    entity: str
    currency: str
    minor: int


class Desk:
    """The half of the adapter that settles, and an oracle beside it."""

    def __init__(self, erp: ErpInstance, client: TrytonClient, books: Books) -> None:
        self.erp, self.client, self.books = erp, client, books
        self.master = MasterData(client)
        self.parties = Parties(client)
        self.settlements = Settlements(client, self.master, accounts=ACCOUNTS)
        self.settle = self.settlements.settle

    async def company(self, entity: str = "LE-DE") -> Company:
        return await self.master.company(entity)

    async def customer(self) -> str:
        code = f"cus_{secrets.token_hex(6)}"
        await self.client.create(
            "party.party",
            {"code": code, "name": code, "addresses": [["create", [{"city": "Ulm"}]]]},
            ("code",),
            what="a customer",
        )
        return code

    async def document(
        self,
        minor: int,
        *,
        party: str | None = None,
        entity: str = "LE-DE",
        currency: str = "EUR",
        corrects: Posted | None = None,
        on: date | None = None,
    ) -> Posted:
        """A posted document over `minor` without tax; negative ones are credit notes."""
        facts = self.erp.companies[entity]
        code = party or (corrects.party if corrects else await self.customer())
        owner = await self.master.account_of(code, await self.company(entity))
        price = decimal(abs(Money(minor=minor, currency=currency)).decimal)
        line: dict[str, Any] = {
            "type": "line",
            "company": facts.id,
            "currency": self.erp.facts.currencies[currency],
            "account": facts.revenue_account,
            "quantity": 1 if minor >= 0 else -1,
            "unit_price": price,
            "origin": f"account.invoice.line,{corrects.line}" if corrects else None,
        }
        row = await self.client.create(
            "account.invoice",
            {
                "type": "out",
                "company": facts.id,
                "party": owner.id,
                "invoice_address": owner.invoice_address,
                "currency": self.erp.facts.currencies[currency],
                "account": facts.receivable_account,
                "journal": facts.revenue_journal,
                "accounting_date": day(on or today()),
                "lines": [["create", [line]]],
            },
            ("lines",),
            what="a document",
            company=facts.id,
        )
        key = str(row["id"])
        await self.client.act(
            "account.invoice", key, "post", ("state",), what="a document", company=facts.id
        )
        return Posted(key, row["lines"][0], code, entity, currency, minor)

    async def standing(self, *documents: Posted) -> list[tuple[str, int]]:
        """State and minor units that are open, of each document."""
        found = []
        for document in documents:
            now = await self.books.document(int(document.id))
            found.append((now.state, Money.of(now.open, document.currency).minor))
        return found

    async def account(self, party: str, entity: str = "LE-DE") -> list[str]:
        """What is not reconciled on the customer's account, in the currency of the books."""
        items = await self.books.open_items(party, entity)
        return [f"{item.normalize():f}" for item in items if item]

    async def drafts(self, party: str) -> int:
        """Moves that are left unposted."""
        rows = await self.client.search(
            "account.move.line",
            [["party.code", "=", party], ["move.state", "=", "draft"]],
            ("id",),
            what="drafts",
        )
        return len(rows)


def movement(
    minor: int,
    document: Posted | None = None,
    *,
    kind: SettlementKind = SettlementKind.PAYMENT,
    party: str | None = None,
    against: Posted | None = None,
    currency: str | None = None,
    entity: str | None = None,
    **changes: Any,
) -> SettlementDraft:
    """A movement of today, on the document and its customer unless another is given."""
    of = document or against
    return SettlementDraft(
        external_id=changes.pop("external_id", f"mv_{secrets.token_hex(6)}"),
        kind=kind,
        legal_entity=entity or (of.entity if of else "LE-DE"),
        party=party or (of.party if of else "C-1001"),
        amount=Money(minor=minor, currency=currency or (of.currency if of else "EUR")),
        value_date=changes.pop("value_date", today()),
        posting_date=changes.pop("posting_date", today()),
        document=document.id if document else None,
        against=against.id if against else None,
        **changes,
    )


def client_of(erp: ErpInstance, url: str | None = None) -> TrytonClient:
    return TrytonClient(
        VendorHttp("erp", url or erp.url, timeout_seconds=60),
        database=erp.database,
        api_key=erp.api_key,
        login=erp.credentials.api_login,
        password=erp.credentials.api_password,
    )


@asynccontextmanager
async def desk_of(erp: ErpInstance, *faults: dict[str, Any]) -> AsyncIterator[Desk]:
    """A desk at the ERP; with faults behind a proxy that injects them."""
    async with books_of(erp) as books:
        if not faults:
            client = client_of(erp)
            yield Desk(erp, client, books)
            await client.close()
            return
        async with running_child("sandbox.simulators.faultproxy", "--upstream", erp.url) as proxy:
            async with httpx.AsyncClient(base_url=proxy.url) as control:
                (await control.post("/_proxy/faults", json=list(faults))).raise_for_status()
            client = client_of(erp, proxy.url)
            yield Desk(erp, client, books)
            await client.close()


@pytest.fixture
async def desk(erp: ErpInstance) -> AsyncIterator[Desk]:
    async with desk_of(erp) as found:
        yield found


@pytest.fixture
async def keeper(erp: ErpInstance) -> AsyncIterator[Bookkeeper]:
    async with bookkeeper(erp) as found:
        yield found
