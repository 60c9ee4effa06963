"""Seeds how customers' accounts are settled: bank, write-offs, exchange differences, terms.

Journals are shared by all legal entities; Tryton keeps the accounts of a bank in a payment method
and those of a write-off in a write-off method, one of each for every legal entity. The connector
needs no rights for them beyond reading, which everybody has.
"""

from runtime.erp.rpc import TrytonRpc

# Accounts of the chart that Tryton's account module ships ("Universal Chart of Accounts").
_BANK = "1.1.1"
_CREDIT_LOSS = "5.2.3"
_EXCHANGE = "6.2.1"


async def journals(rpc: TrytonRpc) -> tuple[int, int]:
    """Create the journals ``BANK`` and ``WOFF``; returns their ids."""
    bank, write_off = await rpc.create(
        "account.journal",
        {"name": "Bank", "code": "BANK", "type": "cash"},
        {"name": "Write-off", "code": "WOFF", "type": "write-off"},
    )
    return bank, write_off


async def methods(
    rpc: TrytonRpc, company: int, accounts: dict[str, int], *, bank: int, write_off: int
) -> None:
    """Give the company its bank, write-off and exchange accounts; ``accounts`` is by code."""
    context = {"company": company}
    await rpc.create(
        "account.invoice.payment.method",
        {
            "name": "Bank",
            "company": company,
            "journal": bank,
            "debit_account": accounts[_BANK],
            "credit_account": accounts[_BANK],
        },
        context=context,
    )
    await rpc.create(
        "account.move.reconcile.write_off",
        {
            "name": "Write-off",
            "company": company,
            "journal": write_off,
            "debit_account": accounts[_CREDIT_LOSS],
            "credit_account": accounts[_CREDIT_LOSS],
        },
        context=context,
    )
    (configuration,) = await rpc.search("account.configuration", [], ["id"])
    exchange = accounts[_EXCHANGE]
    await rpc.write(
        "account.configuration",
        [configuration["id"]],
        {
            "currency_exchange_debit_account": exchange,
            "currency_exchange_credit_account": exchange,
        },
        company=company,
    )


async def default_term(rpc: TrytonRpc, companies: list[int], term: int) -> None:
    """Make ``term`` what customers get who have none of their own, as new ones do."""
    (configuration,) = await rpc.search("account.configuration", [], ["id"])
    for company in companies:
        await rpc.write(
            "account.configuration",
            [configuration["id"]],
            {"default_customer_payment_term": term},
            company=company,
        )
