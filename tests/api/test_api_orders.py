"""From a subscription to what it became: changes, plans, writes, documents of both, payments."""

from datetime import UTC, datetime
from typing import Any

import pytest

from persistence import breakers, documents
from persistence.database import Database
from tests.api.conftest import Call
from tests.api.seeding import Ids
from tests.api.seeding_books import BOOKS_FROM, asked
from tests.harness.sagas import Sagas
from tests.harness.subscriptions import invoice, item, line, snapshot, subscription


async def orders(call: Call, subscription_id: str, **query: Any) -> Any:
    answer = await call(
        "GET",
        f"/v1/subscriptions/{subscription_id}/orders",
        "subscriptions:read",
        params=query,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_a_saga_did_is_one_chain(call: Call, sagas: Sagas) -> None:
    sold = subscription(item("pro", 5, key="si_1"), subscription_id="sub_chain")
    issued = invoice(
        line("il_1", 5000, of="sub_chain", item_id="si_1"),
        line("il_2", 700, of="sub_chain", item_id="si_2"),
        key="in_chain",
    )
    sagas.systems.billing.snapshots["sub_chain"] = snapshot(sold, issued)
    begun = datetime.now(UTC)
    done = await sagas.finish("chg_chain", "sub_chain", documents=("in_chain",))
    assert done.outcome == "completed"

    (order,) = (await orders(call, "sub_chain"))["items"]
    assert order["change"]["change_id"] == "chg_chain"
    (planned,) = order["plan"]["value"]["documents"]
    assert planned["document_id"] == "in_chain"
    written = order["effects"]["value"]
    assert "document:acme/in_chain" in [each["key"] for each in written]
    assert {each["state"] for each in written} == {"confirmed"}

    (document,) = order["documents"]
    held = sagas.systems.erp.documents[-1]
    erp, billing = document["erp"], document["billing"]
    assert (erp["source"], billing["source"]) == ("erp", "billing")
    # What the ERP itself has, not what was meant to be posted.
    assert erp["value"]["number"] == held.number
    assert erp["value"]["gross"] == held.gross.model_dump()
    assert billing["value"]["gross"] == issued.gross.model_dump()
    assert document["agrees"] is True
    for part in (erp, billing, document["payments"]):
        assert datetime.fromisoformat(part["as_of"]) >= begun
        assert part["problem"] is None
    lines = {each["line_id"]: each for each in document["lines"]}
    assert {key: each["item_id"] for key, each in lines.items()} == {"il_1": "si_1", "il_2": "si_2"}
    assert {key: each["erp"]["minor"] for key, each in lines.items()} == {
        each.line_id: each.net.minor for each in held.lines
    }
    # Of the change alone it is the same chain.
    alone = (await call("GET", "/v1/changes/chg_chain/order", "changes:read")).json()
    assert (alone["plan"]["value"], alone["change"]) == (order["plan"]["value"], order["change"])
    assert alone["documents"][0]["lines"] == document["lines"]
    assert (await call("GET", "/v1/changes/chg_none/order")).status_code == 404


async def test_payments_what_waits_and_what_is_away_are_told(
    call: Call, acme: Ids, database: Database
) -> None:
    late = asked("in_acme_waits", acme.customer, acme.subscription)
    async with database.transaction() as conn:
        await documents.seen(conn, "acme", "billing", [late], books_from=BOOKS_FROM)
    found = await orders(call, acme.subscription)
    (waiting,) = found["waiting"]
    assert (waiting["document_id"], waiting["agrees"]) == ("in_acme_waits", None)
    assert waiting["erp"]["value"] is None
    assert waiting["erp"]["problem"] == "not posted yet"
    assert [each["erp"] for each in waiting["lines"]] == [None]

    (order,) = [each for each in found["items"] if each["documents"]]
    assert order["change"]["change_id"] == acme.change("done")
    (document,) = order["documents"]
    (paid,) = document["payments"]["value"]
    assert (paid["settlement"]["settlement_id"], paid["entry_number"]) == ("pi_acme", acme.mark)
    assert document["erp"]["value"]["status"] == "part_paid"

    async with database.transaction() as conn:
        await breakers.opened(conn, "acme", "billing", reason="ConnectError", probe_in=60)
    away = await orders(call, acme.subscription)
    (order,) = [each for each in away["items"] if each["documents"]]
    for part in ("billing", "erp", "payments"):
        assert "has been away since" in order["documents"][0][part]["problem"]
        assert order["documents"][0][part]["value"] == document[part]["value"]


async def test_it_is_read_page_by_page(call: Call, acme: Ids) -> None:
    whole = [
        each["change"]["change_id"] for each in (await orders(call, acme.subscription))["items"]
    ]
    assert len(whole) >= 3
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 1}
    while True:
        page = await orders(call, acme.subscription, **query)
        assert len(page["items"]) == 1
        seen += [each["change"]["change_id"] for each in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert seen == whole
    assert (await call("GET", "/v1/subscriptions/sub_none/orders")).status_code == 404
    path = f"/v1/subscriptions/{acme.subscription}/orders"
    assert (await call("GET", path, tenant="globex")).status_code == 404


@pytest.mark.parametrize("cursor", ["bm9uZQ", "WyJhIl0"])
async def test_a_cursor_that_is_none_is_refused(cursor: str, call: Call, acme: Ids) -> None:
    path = f"/v1/subscriptions/{acme.subscription}/orders"
    assert (await call("GET", path, params={"cursor": cursor})).status_code == 422
