"""What the ERP's own people do by hand: close periods, map products, block customers, take money.

For demonstrations and tests; they act as the administrator over JSON-RPC, beside the connector.
"""

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import Json, TrytonRpc, date, decimal


class Bookkeeper:
    """Acts in the ERP ``erp`` through the session ``rpc``."""

    def __init__(self, erp: ErpInstance, rpc: TrytonRpc) -> None:
        self._erp = erp
        self._rpc = rpc

    async def close_period(self, company: str, day: datetime.date) -> None:
        """Close the month of ``day`` for the legal entity with the code ``company``.

        Raises ``TrytonRpcError`` if it is closed or has moves that are not posted.
        """
        period = await self._period(company, day)
        await self._call("account.period.close", [period], company)

    async def reopen_period(self, company: str, day: datetime.date) -> None:
        """Open the month again, and its journals, which Tryton closes with it but leaves closed."""
        period = await self._period(company, day)
        await self._call("account.period.reopen", [period], company)
        await self.reopen_journals(company, day)

    async def reopen_journals(self, company: str, day: datetime.date) -> None:
        """Open what journals are closed in a month that is open."""
        period = await self._period(company, day)
        journals = await self._rpc.search(
            "account.journal.period",
            [["period", "=", period], ["state", "=", "closed"]],
            ["journal"],
        )
        if journals:
            ids = [journal["id"] for journal in journals]
            await self._call("account.journal.period.reopen", ids, company)

    async def close_journal(self, company: str, day: datetime.date, journal: str) -> None:
        """Close one journal (by code) in the month of ``day``, which stays open for the others."""
        period = await self._period(company, day)
        (found,) = await self._rpc.search(
            "account.journal.period",
            [["period", "=", period], ["journal.code", "=", journal]],
            ["state"],
        )
        await self._call("account.journal.period.close", [found["id"]], company)

    async def map_product(self, product: str) -> None:
        """Give the product (by code) the accounts and taxes that the mapped products have."""
        mapped, unmapped = await self._template("PRO"), await self._template(product)
        (source,) = await self._rpc.search(
            "product.template", [["id", "=", mapped]], ["account_category"]
        )
        category = source["account_category"]
        await self._rpc.write("product.template", [unmapped], {"account_category": category})

    async def unmap_product(self, product: str) -> None:
        """Take the product's accounts away, by the category that has none."""
        template = await self._template(product)
        (category,) = await self._rpc.search(
            "product.category", [["name", "=", "Without accounts"]], ["name"]
        )
        await self._rpc.write("product.template", [template], {"account_category": category["id"]})

    async def set_party_active(self, party: str, *, active: bool) -> None:
        """Block the customer with the code ``party``, or free it again."""
        await self._rpc.write(
            "party.party", [self._erp.facts.parties[party].id], {"active": active}
        )

    async def pay(self, document: str, company: str, amount: str) -> None:
        """Register that ``amount`` (major units) of an invoice came in today, as the client does.

        Raises ``TrytonRpcError`` for a paid invoice and for more than is open.
        """
        number = int(document)
        facts = self._erp.companies[company]
        (invoice,) = await self._rpc.search(
            "account.invoice", [["id", "=", number]], ["party", "currency", "amount_to_pay"]
        )
        start = {
            "payee": invoice["party"],
            "amount": decimal(amount),
            "currency": invoice["currency"],
            "company": facts.id,
            "payment_method": facts.payment_methods["BANK"],
        }
        steps: list[tuple[str, Json]] = [("choice", {"start": start})]
        if Decimal(amount) != Decimal(invoice["amount_to_pay"]["decimal"]):
            # What does not fit is asked about; what fits is paid at once.
            steps.append(("pay", {"start": start, "ask": {"type": "partial"}}))
        await self._rpc.wizard(
            "account.invoice.pay",
            *steps,
            context={
                "company": facts.id,
                "active_model": "account.invoice",
                "active_id": number,
                "active_ids": [number],
            },
        )

    async def set_rate(self, currency: str, day: datetime.date, rate: str) -> None:
        """Say that from ``day`` on ``rate`` units of ``currency`` are one euro."""
        number = self._erp.facts.currencies[currency]
        known = await self._rpc.search(
            "currency.currency.rate",
            [["currency", "=", number], ["date", "=", date(day)]],
            ["rate"],
        )
        values = {"rate": decimal(rate)}
        if known:
            await self._rpc.write("currency.currency.rate", [known[0]["id"]], values)
        else:
            record = {"currency": number, "date": date(day), **values}
            await self._rpc.create("currency.currency.rate", record)

    async def booked(self, move: str) -> dict[str, str]:
        """What a move adds to each account, by account code, in major units without zeros."""
        rows = await self._rpc.search(
            "account.move.line", [["move", "=", int(move)]], ["account.code", "debit", "credit"]
        )
        totals: dict[str, Decimal] = {}
        for row in rows:
            added = Decimal(row["debit"]["decimal"]) - Decimal(row["credit"]["decimal"])
            code = row["account."]["code"]
            totals[code] = totals.get(code, Decimal(0)) + added
        return {code: f"{total.normalize():f}" for code, total in sorted(totals.items()) if total}

    async def _template(self, product: str) -> int:
        (row,) = await self._rpc.search(
            "product.product", [["id", "=", self._erp.facts.products[product]]], ["template"]
        )
        template: int = row["template"]
        return template

    async def _period(self, company: str, day: datetime.date) -> int:
        (row,) = await self._rpc.search(
            "account.period",
            [
                ["company", "=", self._erp.companies[company].id],
                ["type", "=", "standard"],
                ["start_date", "<=", date(day)],
                ["end_date", ">=", date(day)],
            ],
            ["name"],
        )
        period: int = row["id"]
        return period

    async def _call(self, action: str, ids: list[int], company: str) -> None:
        context = {"company": self._erp.companies[company].id}
        await self._rpc.call(f"model.{action}", ids, context=context)


@asynccontextmanager
async def bookkeeper(erp: ErpInstance) -> AsyncIterator[Bookkeeper]:
    """A session of the administrator of ``erp``."""
    credentials = erp.credentials
    async with TrytonRpc(
        erp.url, erp.database, credentials.admin_login, credentials.admin_password
    ) as rpc:
        yield Bookkeeper(erp, rpc)
