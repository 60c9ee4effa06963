"""The least client of Tryton's REST interface: raw requests, as its documentation shows them."""

import base64
import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx

from sandbox.erp.instance import CompanyFacts, ErpInstance
from sandbox.erp.rpc import Json, decimal

FIELDS = [
    "id",
    "number",
    "state",
    "reference",
    "untaxed_amount",
    "tax_amount",
    "total_amount",
    "move.number",
]


def encode(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


class Rest:
    """In the context of one company, with the key of the connector's user."""

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

    async def search(
        self,
        model: str,
        domain: list[Any],
        fields: list[str],
        *,
        order: Sequence[tuple[str, str]] = (("id", "ASC"),),
        limit: int = 1000,
    ) -> list[Json]:
        params: dict[str, str | int | list[str]] = {
            "d": encode(domain),
            "o": encode(order),
            "s": limit,
            "f": fields,
        }
        answer = await self.http.get(model, params=params)
        rows: list[Json] = _ok(answer)
        return rows

    def line(self, product: str, quantity: int, price: str, tax: str | None, **fields: Any) -> Json:
        facts = self.erp.facts
        return {
            "type": "line",
            "company": self.company.id,
            "currency": facts.currencies[self.company.currency],
            "product": facts.products[product],
            "unit": facts.unit,
            "quantity": quantity,
            "unit_price": decimal(price),
            "account": self.company.revenue_account,
            "taxes": [["add", [self.company.taxes[tax].id]]] if tax else [],
            **fields,
        }

    async def draft(self, party: str, *lines: Json, **fields: Any) -> httpx.Response:
        """Ask for a draft invoice of the lines."""
        customer = self.erp.facts.parties[party]
        body: Json = {
            "type": "out",
            "company": self.company.id,
            "party": customer.id,
            "invoice_address": customer.address,
            "currency": self.erp.facts.currencies[self.company.currency],
            "account": self.company.receivable_account,
            "journal": self.company.revenue_journal,
            "lines": [["create", list(lines)]],
            **fields,
        }
        return await self.http.post("account.invoice", json=body, params={"f": FIELDS})

    async def drafted(self, party: str, *lines: Json, **fields: Any) -> int:
        """The id of a draft invoice of the lines."""
        number: int = _ok(await self.draft(party, *lines, **fields))["id"]
        return number

    async def create(
        self, *amounts: tuple[str, int, str], party: str, tax: str, reference: str = "ref"
    ) -> httpx.Response:
        """Ask for a draft; each amount is product code, quantity and unit price."""
        lines = [self.line(*amount, tax) for amount in amounts]
        return await self.draft(party, *lines, reference=reference)

    async def post(self, invoice: int) -> httpx.Response:
        return await self.act("account.invoice", invoice, "post")

    async def act(self, model: str, record: int, action: str) -> httpx.Response:
        fields = FIELDS if model == "account.invoice" else ["id", "state"]
        return await self.http.post(f"{model}/{record}/{action}", json={}, params={"f": fields})

    async def posted(
        self, *amounts: tuple[str, int, str], party: str, tax: str, reference: str = "ref"
    ) -> Json:
        lines = [self.line(*amount, tax) for amount in amounts]
        return await self.posted_of(party, *lines, reference=reference)

    async def posted_of(self, party: str, *lines: Json, **fields: Any) -> Json:
        """A posted invoice of the lines."""
        document: Json = _ok(await self.post(await self.drafted(party, *lines, **fields)))
        return document


def amount(value: dict[str, str]) -> Decimal:
    return Decimal(value["decimal"])


def _ok(answer: httpx.Response) -> Any:
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()
