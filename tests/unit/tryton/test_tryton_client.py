"""Answers of status 200 that are not what was asked for: drift with the place, and no content."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import orjson
import pytest

from canonical_models.failures import ContractDrift
from connectors.http import VendorHttp
from connectors.tryton.client import TrytonClient
from connectors.tryton.features import FeatureProbe
from connectors.tryton.mapping import Company, parsed
from connectors.tryton.masterdata import MasterData
from connectors.tryton.party_book import PartyBook

PRIVATE = "jane.doe@example.com"
Ask = Callable[[TrytonClient], Awaitable[object]]


def answering(rest: object, rpc: object) -> httpx.MockTransport:
    """JSON-RPC opens a session first."""

    def respond(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/rpc/"):
            return httpx.Response(200, content=orjson.dumps(rest))
        login = orjson.loads(request.content)["method"] == "common.db.login"
        return httpx.Response(200, json={"id": 1, "result": [1, "token"] if login else rpc})

    return httpx.MockTransport(respond)


async def asked(ask: Ask, *, rest: object = (), rpc: object = None) -> ContractDrift:
    async with VendorHttp("erp", "http://erp", transport=answering(rest, rpc)) as http:
        client = TrytonClient(http, database="erp", api_key="k", login="trueup", password="p")
        with pytest.raises(ContractDrift) as caught:
            await ask(client)
    assert PRIVATE not in caught.value.message
    assert caught.value.__cause__ is None
    return caught.value


@pytest.mark.parametrize(
    ("rest", "path"), [({}, "$"), ("words", "$"), ([1], "$[0]"), ([{}, PRIVATE], "$[1]")]
)
async def test_a_search_is_answered_with_a_list_of_objects(rest: object, path: str) -> None:
    drift = await asked(lambda client: client.search("x", [], ["y"], what="it"), rest=rest)
    assert (drift.payload_path, drift.system) == (path, "erp")


@pytest.mark.parametrize("rest", [[], "words", 1, None])
async def test_a_record_is_answered_with_an_object(rest: object) -> None:
    async def ask(client: TrytonClient) -> object:
        return await client.read("x", "1", ["y"], what="it", company=1)

    assert (await asked(ask, rest=rest)).payload_path == "$"


@pytest.mark.parametrize("rest", [[{}], [{"id": PRIVATE, "name": PRIVATE}]])
async def test_a_record_that_does_not_read_as_one_is_told_without_what_it_holds(
    rest: object,
) -> None:
    drift = await asked(lambda client: MasterData(client).company("LE-DE"), rest=rest)
    assert drift.payload_path is not None


def test_a_record_is_named_by_its_number() -> None:
    with pytest.raises(ContractDrift, match="company 7 does not fit its contract"):
        parsed(Company, {"id": 7}, "company")


COMPANY = parsed(Company, {"id": 1, "currency": {"code": "EUR"}}, "company")


@pytest.mark.parametrize("rpc", [None, [], PRIVATE, 1])
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: FeatureProbe(client).features(),
        lambda client: MasterData(client).today(COMPANY),
    ],
    ids=["features", "today"],
)
async def test_what_is_no_object_is_no_answer(ask: Ask, rpc: Any) -> None:
    assert (await asked(ask, rpc=rpc)).payload_path


@pytest.mark.parametrize("rpc", [None, {}, PRIVATE])
async def test_types_are_a_list(rpc: Any) -> None:
    drift = await asked(lambda client: PartyBook(client).types(), rpc=rpc)
    assert drift.payload_path == "$.result"
