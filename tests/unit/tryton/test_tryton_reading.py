"""A read that meets a record which somebody deletes: Tryton refuses all of it."""

from collections.abc import Iterator

import httpx
import pytest

from canonical_models.failures import Rejection, RejectionCode
from connectors.http import VendorHttp
from connectors.tryton.client import TrytonClient


def client_of(answers: Iterator[httpx.Response]) -> TrytonClient:
    http = VendorHttp(
        "erp", "http://erp", transport=httpx.MockTransport(lambda _request: next(answers))
    )
    return TrytonClient(http, database="erp", api_key="k", login="trueup", password="p")


def gone() -> httpx.Response:
    return httpx.Response(400, json={"message": "Sie lesen einen Datensatz, den es nicht gibt."})


async def test_it_is_read_again() -> None:
    client = client_of(iter([gone(), gone(), httpx.Response(200, json=[{"id": 1}])]))
    assert await client.search("account.move", [], ["id"], what="the movement") == [{"id": 1}]
    await client.close()


async def test_a_read_that_is_refused_every_time_is_refused() -> None:
    client = client_of(iter([gone(), gone(), gone()]))
    with pytest.raises(Rejection, match="the ERP refuses the movement") as refused:
        await client.read("account.move", "1", ["id"], what="the movement", company=1)
    assert refused.value.reason is RejectionCode.DOCUMENT_REFUSED
    await client.close()


async def test_a_write_that_is_refused_is_not_sent_again() -> None:
    client = client_of(iter([gone()]))
    with pytest.raises(Rejection):
        await client.create("account.move", {}, ["id"], what="the movement")
    await client.close()
