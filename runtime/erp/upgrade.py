"""Brings an ERP that an earlier version has seeded to what this version seeds.

Its documents stay as they are; master data that has come since is added. Safe to run at each start.
"""

from runtime.erp import seed_payments
from runtime.erp.instance import DATABASE, SeededDatabase
from runtime.erp.rpc import TrytonRpc


async def upgrade(url: str, seeded: SeededDatabase) -> None:
    """Raises ``TrytonRpcError``."""
    admin = seeded.credentials
    async with TrytonRpc(url, DATABASE, admin.admin_login, admin.admin_password) as rpc:
        if await rpc.search("account.invoice.payment.method", [], ["name"]):
            return
        bank, write_off = await seed_payments.journals(rpc)
        companies = [company.id for company in seeded.facts.companies.values()]
        for company in companies:
            rows = await rpc.search("account.account", [["company", "=", company]], ["code"])
            accounts = {row["code"]: row["id"] for row in rows}
            await seed_payments.methods(rpc, company, accounts, bank=bank, write_off=write_off)
        await seed_payments.default_term(rpc, companies, seeded.facts.payment_term)
