"""The seeded ERP does what the sagas need of it, through REST with the connector's own key."""

import asyncio
import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from sandbox.erp.bookkeeping import bookkeeper
from sandbox.erp.instance import ErpInstance
from sandbox.erp.rpc import TrytonRpc, TrytonRpcError
from tests.erp.conftest import MakeRest

pytestmark = [pytest.mark.slow, pytest.mark.erp, pytest.mark.timeout(300)]


def money(document: dict[str, Any], field: str) -> Decimal:
    return Decimal(document[field]["decimal"])


@pytest.mark.parametrize(
    ("company", "party", "tax", "price", "total"),
    [
        ("LE-DE", "C-1001", "DE-VAT-19", "33.33", "118.99"),
        ("LE-DE", "C-1002", "DE-RC-0", "33.33", "99.99"),
        ("LE-US", "C-1003", "US-SALES-825", "33.33", "108.24"),
        ("LE-US", "C-1004", "US-SALES-0", "33.33", "99.99"),
    ],
)
async def test_invoice_is_posted_with_the_tax_of_its_party(
    rest: MakeRest, company: str, party: str, tax: str, price: str, total: str
) -> None:
    document = await rest(company).posted(("PRO", 3, price), party=party, tax=tax)

    assert document["state"] == "posted"
    assert document["number"].startswith(f"{company.removeprefix('LE-')}-2")
    assert money(document, "total_amount") == Decimal(total)


async def test_negative_quantities_make_a_credit_note_with_our_reference(rest: MakeRest) -> None:
    document = await rest("LE-DE").posted(
        ("PRO", -2, "40.00"), party="C-1001", tax="DE-VAT-19", reference="undo-1"
    )

    assert document["number"].startswith("DE-CN")
    assert document["reference"] == "undo-1"
    assert money(document, "total_amount") == Decimal("-95.20")


async def test_tax_that_the_rules_do_not_give_is_refused(rest: MakeRest) -> None:
    client = rest("LE-DE")
    draft = (await client.create(("PRO", 1, "40"), party="C-1002", tax="DE-VAT-19")).json()

    answer = await client.post(draft["id"])

    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.json()["status"] == httpx.codes.BAD_REQUEST


async def test_unmapped_product_is_refused_until_it_is_mapped(
    rest: MakeRest, erp: ErpInstance
) -> None:
    client = rest("LE-DE")
    draft = (await client.create(("UNMAPPED", 1, "10"), party="C-1001", tax="DE-VAT-19")).json()
    refused = await client.post(draft["id"])
    async with bookkeeper(erp) as books:
        await books.map_product("UNMAPPED")
        accepted = await client.post(draft["id"])
        await books.unmap_product("UNMAPPED")

    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert accepted.json()["state"] == "posted"


async def test_closed_period_refuses_until_it_is_reopened(rest: MakeRest, erp: ErpInstance) -> None:
    client = rest("LE-US")
    today = datetime.datetime.now(tz=datetime.UTC).date()
    # Posting once gives the period a journal, which closes with it.
    await client.posted(("PRO", 1, "40"), party="C-1003", tax="US-SALES-825")
    draft = (await client.create(("PRO", 1, "40"), party="C-1003", tax="US-SALES-825")).json()
    async with bookkeeper(erp) as books:
        await books.close_period("LE-US", today)
        refused = await client.post(draft["id"])
        await books.reopen_period("LE-US", today)
    accepted = await client.post(draft["id"])

    assert refused.status_code == httpx.codes.BAD_REQUEST
    assert accepted.json()["state"] == "posted"


async def test_blocked_party_is_not_found(rest: MakeRest, erp: ErpInstance) -> None:
    path = f"party.party/{erp.facts.parties['C-1008'].id}"
    async with bookkeeper(erp) as books:
        await books.set_party_active("C-1008", active=False)
        blocked = await rest("LE-DE").http.get(path, params={"f": ["active"]})
        await books.set_party_active("C-1008", active=True)
    freed = await rest("LE-DE").http.get(path, params={"f": ["active"]})

    assert not blocked.json()["active"]
    assert freed.json()["active"]


async def test_numbers_stay_unique_when_many_post_at_once(rest: MakeRest) -> None:
    client = rest("LE-DE")

    documents = await asyncio.gather(
        *(
            client.posted(("STARTER", 1, "15"), party="C-1001", tax="DE-VAT-19", reference=f"p{n}")
            for n in range(8)
        )
    )

    assert len({document["number"] for document in documents}) == 8
    assert len({document["move"]["number"] for document in documents}) == 8


async def test_the_api_user_may_not_close_periods(erp: ErpInstance) -> None:
    credentials = erp.credentials
    async with TrytonRpc(
        erp.url, erp.database, credentials.api_login, credentials.api_password
    ) as rpc:
        (period, *_) = await rpc.search("account.period", [], ["state"])
        with pytest.raises(TrytonRpcError) as refusal:
            await rpc.call("model.account.period.close", [period["id"]])

    assert refusal.value.kind == "UserError"


async def test_wrong_password_is_refused(erp: ErpInstance) -> None:
    with pytest.raises(TrytonRpcError) as refusal:
        async with TrytonRpc(erp.url, erp.database, "nobody", "wrong"):
            raise AssertionError("the session must not open")

    assert refusal.value.kind == "http-401"
