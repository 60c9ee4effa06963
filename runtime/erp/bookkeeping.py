"""What the ERP's own people do by hand: close periods, map products, block customers.

For demonstrations and tests; they act as the administrator over JSON-RPC, beside the connector.
"""

import datetime
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from runtime.erp.instance import ErpInstance
from runtime.erp.rpc import TrytonRpc, date


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
        journals = await self._rpc.search(
            "account.journal.period",
            [["period", "=", period], ["state", "=", "closed"]],
            ["journal"],
        )
        if journals:
            ids = [journal["id"] for journal in journals]
            await self._call("account.journal.period.reopen", ids, company)

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
