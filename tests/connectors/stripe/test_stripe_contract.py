"""Our requests against Stripe's own contracts, and answers that do not keep them."""

import importlib.util
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import orjson
import pytest
import stripe
from stripe import params as sdk_params

from canonical_models.commerce import SyncMark
from canonical_models.failures import ContractDrift, Rejection, RejectionCode
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling

Json = dict[str, Any]
Subscribe = Callable[..., stripe.Subscription]
Errand = Callable[[httpx.AsyncBaseTransport], Awaitable[None]]
FOLDER = Path(os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts"))
FILES = ("contract_httpx.py", "stripe-subset-noprose.json")
MARK = SyncMark(change_id="chg_1", state="synchronised", erp_document="INV-7")


def names(*kinds: Any) -> set[str]:
    return {name for kind in kinds for name in kind.__annotations__}


#: Parameters that the SDK of the pinned version knows, by the requests that we make.
KNOWN = {
    ("GET", "subscriptions", ""): names(sdk_params.SubscriptionRetrieveParams),
    ("POST", "subscriptions", ""): names(sdk_params.SubscriptionUpdateParams),
    ("GET", "invoices", ""): names(sdk_params.InvoiceListParams),
    ("GET", "invoices", "lines"): names(sdk_params.InvoiceListLinesParams),
    ("GET", "invoiceitems", ""): names(sdk_params.InvoiceItemListParams),
}


class Recorder(httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return await super().handle_async_request(request)


@pytest.fixture
def errand(
    stripe_config: ConnectionConfig, sdk: stripe.StripeClient, subscribe: Subscribe
) -> Errand:
    """Every request that the adapter makes, through the given transport."""
    sold = subscribe()
    for amount in range(1, 13):
        sdk.v1.invoice_items.create(
            {
                "customer": str(sold.customer),
                "subscription": sold.id,
                "amount": amount,
                "currency": "eur",
            }
        )
    invoice = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id})
    sdk.v1.invoices.finalize_invoice(invoice.id)

    async def run(transport: httpx.AsyncBaseTransport) -> None:
        async with StripeBilling.connect(stripe_config, transport=transport) as billing:
            found = await billing.snapshot(sold.id, since=None)
            assert len(found.lines) == 13
            since = found.subscription.started_at
            assert await billing.snapshot(sold.id, since=since) is not None
            await billing.record_sync(sold.id, MARK, key=f"{sold.id}/1")

    return run


def sent(request: httpx.Request) -> Iterator[str]:
    """Names of the parameters, without what is inside their brackets."""
    form = httpx.QueryParams(request.content.decode())
    for name in (*request.url.params, *form):
        yield name.partition("[")[0]


async def test_every_parameter_is_known_to_the_sdk(errand: Errand) -> None:
    transport = Recorder()
    await errand(transport)
    made = set()
    for request in transport.seen:
        _, version, kind, _, tail = (*request.url.path.split("/"), "", "")[:5]
        assert version == "v1"
        made.add((request.method, kind, tail))
        assert set(sent(request)) <= KNOWN[request.method, kind, tail], request.url
        assert request.headers["stripe-version"] == stripe.api_version
    assert made == KNOWN.keys()
    keys = [request.headers.get("idempotency-key") for request in transport.seen]
    assert [key is not None for key in keys] == [
        request.method == "POST" for request in transport.seen
    ]


def contract() -> ModuleType:
    for name in FILES:
        if not (FOLDER / name).is_file():
            pytest.skip(f"{name} is not in {FOLDER}: set TRUEUP_CONTRACTS to its folder")
    spec = importlib.util.spec_from_file_location("contract_httpx", FOLDER / FILES[0])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def listed(kind: Any, *path: str) -> Json:
    """A GET that the subset leaves out, from the SDK's parameters."""
    query = [{"name": name, "in": "query"} for name in names(kind)]
    known = [{"name": name, "in": "path", "schema": {"type": "string"}} for name in path]
    return {"get": {"parameters": [*query, *known], "responses": {}}}


async def test_every_request_keeps_stripes_openapi_contract(errand: Errand) -> None:
    module = contract()
    missing = {
        "/v1/invoiceitems": listed(sdk_params.InvoiceItemListParams),
        "/v1/invoices/{invoice}/lines": listed(sdk_params.InvoiceListLinesParams, "invoice"),
    }
    subset = orjson.loads((FOLDER / FILES[1]).read_bytes())
    known = module.Contract(module.merge(subset, {"paths": missing}), strict=True)
    # Its answers are those of an older version than the one we pin.
    known.response = lambda _operation, _answer: None
    async with httpx.AsyncHTTPTransport() as inner:
        await errand(module.AsyncContractTransport(known, inner))
    with pytest.raises(module.ContractViolation):
        known.request(httpx.Request("GET", "http://127.0.0.1/v1/invoices?bogus=1"))


def answering(**pages: Any) -> httpx.MockTransport:
    """Answers that no real Stripe gives, by the last part of the path."""

    def respond(request: httpx.Request) -> httpx.Response:
        body = pages.get(request.url.path.split("/")[2], {"data": [], "has_more": False})
        if isinstance(body, httpx.Response):
            return body
        return httpx.Response(200, json=body)

    return httpx.MockTransport(respond)


def subscription(**changes: Any) -> Json:
    plain: Json = {
        "id": "sub_1",
        "customer": {"id": "cus_1"},
        "status": "active",
        "currency": "eur",
        "items": {"data": [], "has_more": False},
        "start_date": 1,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "ended_at": None,
        "metadata": {},
        "automatic_tax": {"enabled": False},
    }
    return plain | changes


DRIFTS: list[tuple[Json, str]] = [
    ({"subscriptions": httpx.Response(200, content=b"<html>")}, "$"),
    ({"subscriptions": httpx.Response(200, content=b'{"id": "\xff"}')}, "$"),
    ({"subscriptions": []}, "$"),
    ({"subscriptions": {}}, "$.id"),
    ({"subscriptions": subscription(customer="cus_1")}, "$.customer"),
    ({"subscriptions": subscription(start_date="1")}, "$.start_date"),
    ({"subscriptions": subscription(start_date=10**15)}, "$.start_date"),
    ({"subscriptions": subscription(currency="EURO")}, "$.currency"),
    ({"subscriptions": subscription(currency="xau")}, "$.currency"),
    ({"subscriptions": subscription(metadata=[])}, "$.metadata"),
    ({"subscriptions": subscription(items={"data": [{}], "has_more": False})}, "$.items.data[0]"),
    ({"invoices": {"data": []}}, "$.has_more"),
    ({"invoices": {"data": [{"id": "in_1"}], "has_more": False}}, "$.data[0]"),
    ({"invoiceitems": {"data": [], "has_more": True}}, "$.has_more"),
    ({"subscriptions": httpx.Response(302)}, "$"),
    ({"subscriptions": httpx.Response(418)}, "$"),
    ({"invoices": httpx.Response(404)}, "$"),
]


@pytest.mark.parametrize(("pages", "path"), DRIFTS)
async def test_an_answer_outside_the_contract(
    stripe_config: ConnectionConfig, pages: Json, path: str
) -> None:
    transport = answering(**{"subscriptions": subscription()} | pages)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(ContractDrift) as caught:
            await billing.snapshot("sub_1", since=None)
    assert (caught.value.payload_path or "").startswith(path)


async def test_a_list_without_end_is_drift(stripe_config: ConnectionConfig) -> None:
    lines: Json = {"data": [], "has_more": False}
    invoice: Json = {"id": "in_1", "currency": "eur", "status": "void", "lines": lines}
    page = {"data": [invoice], "has_more": True}
    transport = answering(subscriptions=subscription(), invoices=page)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(ContractDrift, match="does not end after 101 objects"):
            await billing.snapshot("sub_1", since=None)


@pytest.mark.parametrize("amount", [10**15 + 1, -(2**62)])
async def test_an_amount_out_of_range_is_rejected(
    stripe_config: ConnectionConfig, amount: int
) -> None:
    item: Json = {
        "id": "ii_1",
        "amount": amount,
        "currency": "eur",
        "description": None,
        "parent": {"subscription_details": {"subscription": "sub_1"}},
        "period": {"start": 1, "end": 2},
        "pricing": None,
        "proration": True,
        "quantity": 1,
    }
    pending = {"data": [item], "has_more": False}
    transport = answering(subscriptions=subscription(), invoiceitems=pending)
    async with StripeBilling.connect(stripe_config, transport=transport) as billing:
        with pytest.raises(Rejection, match="ii_1") as caught:
            await billing.snapshot("sub_1", since=None)
    assert caught.value.reason is RejectionCode.AMOUNT_OUT_OF_RANGE


async def test_under_stripe_tax_prices_are_asked_for(stripe_config: ConnectionConfig) -> None:
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/subscriptions"):
            return httpx.Response(200, json=subscription(automatic_tax={"enabled": True}))
        seen.append(str(request.url.params))
        return httpx.Response(200, json={"data": [], "has_more": False})

    async with StripeBilling.connect(
        stripe_config, transport=httpx.MockTransport(respond)
    ) as billing:
        await billing.snapshot("sub_1", since=None)
    assert any("data.pricing.price_details.price" in query for query in seen)
