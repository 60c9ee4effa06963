"""One seeded ERP for all tests of this folder, and the least client of Tryton's REST interface."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from runtime.erp.instance import CompanyFacts, ErpInstance
from runtime.erp.rpc import decimal
from tests.harness.erp import erp, erp_cache

__all__ = ["erp", "erp_cache"]

FIELDS = ["id", "number", "state", "reference", "total_amount", "tax_amount", "move.number"]


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


class Rest:
    """Raw requests as Tryton's documentation shows them, in the context of one company."""

    def __init__(self, erp: ErpInstance, company: str) -> None:
        self.erp = erp
        self.company: CompanyFacts = erp.companies[company]
        self.http = httpx.AsyncClient(
            base_url=f"{erp.url}/{erp.database}/rest/model/",
            headers={
                "Authorization": f"Bearer {erp.api_key}",
                "X-Tryton-Context": encode({"company": self.company.id}),
            },
            timeout=60,
            trust_env=False,
        )

    async def create(
        self, *amounts: tuple[str, int, str], party: str, tax: str, reference: str = "ref"
    ) -> httpx.Response:
        """Create a draft; each amount is product code, quantity and unit price."""
        facts = self.erp.facts
        customer = facts.parties[party]
        currency = facts.currencies[self.company.currency]
        body: dict[str, Any] = {
            "type": "out",
            "company": self.company.id,
            "party": customer.id,
            "invoice_address": customer.address,
            "currency": currency,
            "account": self.company.receivable_account,
            "journal": self.company.revenue_journal,
            "reference": reference,
            "lines": [
                [
                    "create",
                    [
                        {
                            "type": "line",
                            "company": self.company.id,
                            "currency": currency,
                            "product": facts.products[product],
                            "unit": facts.unit,
                            "quantity": quantity,
                            "unit_price": decimal(price),
                            "account": self.company.revenue_account,
                            "taxes": [["add", [self.company.taxes[tax].id]]],
                        }
                        for product, quantity, price in amounts
                    ],
                ]
            ],
        }
        return await self.http.post("account.invoice", json=body, params={"f": FIELDS})

    async def post(self, invoice: int) -> httpx.Response:
        return await self.http.post(
            f"account.invoice/{invoice}/post", json={}, params={"f": FIELDS}
        )

    async def posted(
        self, *amounts: tuple[str, int, str], party: str, tax: str, reference: str = "ref"
    ) -> dict[str, Any]:
        draft = await self.create(*amounts, party=party, tax=tax, reference=reference)
        assert draft.status_code == httpx.codes.OK, draft.text
        answer = await self.post(draft.json()["id"])
        assert answer.status_code == httpx.codes.OK, answer.text
        document: dict[str, Any] = answer.json()
        return document


def amount(value: dict[str, str]) -> Decimal:
    return Decimal(value["decimal"])


@pytest.fixture
async def rest(erp: ErpInstance) -> AsyncIterator[Callable[[str], Rest]]:
    """Makes a REST client in the context of the company with the given code."""
    async with contextlib.AsyncExitStack() as stack:

        def make(company: str) -> Rest:
            client = Rest(erp, company)
            stack.push_async_callback(client.http.aclose)
            return client

        yield make
