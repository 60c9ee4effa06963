"""The seeded ERP has what payments need, and the connector's user may do what it does."""

import pytest

from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc, TrytonRpcError
from tests.erp.clerk import Clerk
from tests.erp.conftest import MakeRest

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


@pytest.mark.parametrize("company", ["LE-DE", "LE-US"])
async def test_each_legal_entity_has_its_methods_of_payment_and_of_writing_off(
    clerk: Clerk, company: str
) -> None:
    facts = clerk.erp.companies[company]
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for model in ("account.invoice.payment.method", "account.move.reconcile.write_off"):
        rows = await clerk.rpc.search(
            model,
            [["company", "=", facts.id]],
            ["journal.code", "journal.type", "debit_account", "credit_account"],
        )
        assert all(row["debit_account"] == row["credit_account"] for row in rows)
        roles = {account.id: role for role, account in facts.accounts.items()}
        found[model] = {
            row["journal."]["code"]: (row["journal."]["type"], roles[row["debit_account"]])
            for row in rows
        }

    assert found == {
        # The first is what a connector takes that is told of no journal.
        "account.invoice.payment.method": {"BANK": ("cash", "bank"), "CARD": ("cash", "clearing")},
        "account.move.reconcile.write_off": {"WOFF": ("write-off", "bad_debt")},
    }
    assert min(facts.payment_methods.values()) == facts.payment_methods["BANK"]


async def test_the_bookkeeper_registers_a_payment(rest: MakeRest, erp: ErpInstance) -> None:
    client = rest("LE-DE")
    document = await client.posted(("PRO", 1, "100"), party="C-1001", tax="DE-VAT-19")
    states = []
    async with bookkeeper(erp) as books:
        for amount in ("19", "100"):
            await books.pay(str(document["id"]), "LE-DE", amount)
            path = f"account.invoice/{document['id']}"
            states.append((await client.http.get(path, params={"f": "state"})).json()["state"])
        with pytest.raises(TrytonRpcError):
            await books.pay(str(document["id"]), "LE-DE", "1")

    assert states == ["posted", "paid"]


async def test_the_api_user_may_not_undo_a_reconciliation(erp: ErpInstance) -> None:
    credentials = erp.credentials
    async with TrytonRpc(
        erp.url, erp.database, credentials.api_login, credentials.api_password
    ) as rpc:
        with pytest.raises(TrytonRpcError) as refusal:
            await rpc.call("model.account.move.reconciliation.delete", [1])

    assert refusal.value.kind == "UserError"
