"""Seeds how customers' accounts are settled: bank, clearing, write-offs, exchange, terms, deferral.

Journals are shared by all legal entities; Tryton keeps the accounts of a bank in a payment method
and those of a write-off in a write-off method, of which each legal entity has its own. The
connector needs no rights for them beyond reading, which everybody has.
"""

from collections.abc import Collection

from sandbox.erp.instance import AccountFacts
from sandbox.erp.rpc import Json, TrytonRpc

#: Journal code to name and to the role of its account. The first is what a connector takes that is
#: told of none: money that reaches the bank itself.
_CASH = {
    "BANK": ("Bank", "bank"),
    "CARD": ("Payment provider clearing", "clearing"),
}
_WRITE_OFF = {"WOFF": ("Write-off", "bad_debt")}


async def journals(rpc: TrytonRpc) -> dict[str, int]:
    """Create ours beside those that Tryton brings; returns the ids of all of them by code."""
    await rpc.create(
        "account.journal",
        *({"name": n, "code": code, "type": "cash"} for code, (n, _) in _CASH.items()),
        *({"name": n, "code": code, "type": "write-off"} for code, (n, _) in _WRITE_OFF.items()),
    )
    rows = await rpc.search("account.journal", [], ["code"])
    return {row["code"]: row["id"] for row in rows}


async def payment_methods(
    rpc: TrytonRpc, company: int, accounts: dict[str, AccountFacts], journals: dict[str, int]
) -> dict[str, int]:
    """Say on which account money of each cash journal stands; ids by the journal's code."""
    model = "account.invoice.payment.method"
    return await _methods(rpc, model, _CASH, company, accounts, journals)


async def write_off_methods(
    rpc: TrytonRpc, company: int, accounts: dict[str, AccountFacts], journals: dict[str, int]
) -> dict[str, int]:
    """Say what a write-off of each kind costs; ids by the journal's code."""
    model = "account.move.reconcile.write_off"
    return await _methods(rpc, model, _WRITE_OFF, company, accounts, journals)


async def _methods(
    rpc: TrytonRpc,
    model: str,
    kinds: dict[str, tuple[str, str]],
    company: int,
    accounts: dict[str, AccountFacts],
    journals: dict[str, int],
) -> dict[str, int]:
    def record(code: str, name: str, role: str) -> Json:
        return {
            "name": name,
            "company": company,
            "journal": journals[code],
            "debit_account": accounts[role].id,
            "credit_account": accounts[role].id,
        }

    ids = await rpc.create(
        model,
        *(record(code, name, role) for code, (name, role) in kinds.items()),
        context={"company": company},
    )
    return dict(zip(kinds, ids, strict=True))


async def default_accounts(rpc: TrytonRpc, company: int, accounts: dict[str, AccountFacts]) -> None:
    """Say where the ERP books by itself: exchange differences, and revenue that is deferred."""
    await _configure(
        rpc,
        company,
        {
            "currency_exchange_debit_account": accounts["exchange"].id,
            "currency_exchange_credit_account": accounts["exchange"].id,
            "deferred_account_revenue": accounts["deferred_revenue"].id,
        },
    )


async def default_term(rpc: TrytonRpc, companies: Collection[int], term: int) -> None:
    """Make ``term`` what customers get who have none of their own, as new ones do."""
    for company in companies:
        await _configure(rpc, company, {"default_customer_payment_term": term})


async def _configure(rpc: TrytonRpc, company: int, values: Json) -> None:
    (configuration,) = await rpc.search("account.configuration", [], ["id"])
    await rpc.write("account.configuration", [configuration["id"]], values, company=company)
