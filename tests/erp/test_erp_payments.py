"""The seeded ERP has what payments need, and the connector's user may do what it does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.erp import seeded
from runtime.erp.bookkeeping import bookkeeper
from runtime.erp.instance import ErpInstance
from runtime.erp.rpc import TrytonRpc, TrytonRpcError

pytestmark = [pytest.mark.erp, pytest.mark.timeout(300)]

MakeRest = Callable[[str], Any]


@pytest.mark.parametrize("company", ["LE-DE", "LE-US"])
@pytest.mark.parametrize(
    ("model", "kind"),
    [
        ("account.invoice.payment.method", "cash"),
        ("account.move.reconcile.write_off", "write-off"),
    ],
)
async def test_each_legal_entity_has_one_method_of_each_kind(
    erp: ErpInstance, company: str, model: str, kind: str
) -> None:
    credentials = erp.credentials
    async with TrytonRpc(
        erp.url, erp.database, credentials.api_login, credentials.api_password
    ) as rpc:
        found = await rpc.search(
            model,
            [["company", "=", erp.companies[company].id]],
            ["journal.type", "debit_account.company", "credit_account.company"],
        )

    (method,) = found
    assert method["journal."]["type"] == kind
    assert method["debit_account."]["company"] == erp.companies[company].id
    assert method["credit_account."]["company"] == erp.companies[company].id


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


def test_every_seed_file_counts_for_the_key_of_the_cache() -> None:
    folder = Path(seeded.__file__).parent
    files = {path.name for path in folder.glob("seed*.py")} - {"seeded.py"}

    assert files <= set(seeded.SEED_SOURCES)
