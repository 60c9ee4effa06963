"""Our requests against Stripe's own contracts."""

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

from canonical_models.commerce import SyncMetadata
from canonical_models.documents import DocumentStatus
from connectors.config import ConnectionConfig
from connectors.stripe.adapter import StripeBilling
from tests.connectors.stripe.books import by_id

Json = dict[str, Any]
Subscribe = Callable[..., stripe.Subscription]
Errand = Callable[[httpx.AsyncBaseTransport], Awaitable[None]]
FOLDER = Path(os.environ.get("TRUEUP_CONTRACTS", "../shared/contracts"))
FILES = ("contract_httpx.py", "stripe-subset-noprose.json")
SYNC = SyncMetadata(change_id="chg_1", state="synchronised", erp_document="INV-7")


def names(*kinds: Any) -> set[str]:
    return {name for kind in kinds for name in kind.__annotations__}


#: Parameters that the SDK of the pinned version knows, by the requests that we make: to a list, to
#: one object (`id`), and to what is below it.
KNOWN = {
    ("GET", "subscriptions", ""): names(sdk_params.SubscriptionListParams),
    ("GET", "subscriptions", "id"): names(sdk_params.SubscriptionRetrieveParams),
    ("POST", "subscriptions", "id"): names(sdk_params.SubscriptionUpdateParams),
    ("DELETE", "subscriptions", "id"): names(sdk_params.SubscriptionCancelParams),
    ("GET", "invoices", ""): names(sdk_params.InvoiceListParams),
    ("GET", "invoices", "id"): names(sdk_params.InvoiceRetrieveParams),
    ("POST", "invoices", "id"): names(sdk_params.InvoiceUpdateParams),
    ("GET", "invoices", "lines"): names(sdk_params.InvoiceListLinesParams),
    ("POST", "invoices", "void"): names(sdk_params.InvoiceVoidInvoiceParams),
    ("POST", "invoices", "mark_uncollectible"): names(sdk_params.InvoiceMarkUncollectibleParams),
    ("GET", "invoiceitems", ""): names(sdk_params.InvoiceItemListParams),
    ("GET", "invoice_payments", ""): names(sdk_params.InvoicePaymentListParams),
    ("GET", "invoice_payments", "id"): names(sdk_params.InvoicePaymentRetrieveParams),
    ("GET", "payment_intents", "id"): names(sdk_params.PaymentIntentRetrieveParams),
    ("GET", "charges", "id"): names(sdk_params.ChargeRetrieveParams),
    ("GET", "refunds", ""): names(sdk_params.RefundListParams),
    ("GET", "refunds", "id"): names(sdk_params.RefundRetrieveParams),
    ("GET", "disputes", ""): names(sdk_params.DisputeListParams),
    ("GET", "disputes", "id"): names(sdk_params.DisputeRetrieveParams),
    ("GET", "credit_notes", ""): names(sdk_params.CreditNoteListParams),
    ("GET", "credit_notes", "id"): names(sdk_params.CreditNoteRetrieveParams),
    ("POST", "credit_notes", "id"): names(sdk_params.CreditNoteUpdateParams),
    ("GET", "credit_notes", "lines"): names(sdk_params.CreditNoteListLinesParams),
    ("GET", "customers", "id"): names(sdk_params.CustomerRetrieveParams),
    ("GET", "customers", "balance_transactions"): names(
        sdk_params.CustomerBalanceTransactionListParams
    ),
    ("GET", "tax_rates", "id"): names(sdk_params.TaxRateRetrieveParams),
    ("GET", "prices", "id"): names(sdk_params.PriceRetrieveParams),
    ("GET", "test_helpers", "test_clocks"): names(sdk_params.test_helpers.TestClockRetrieveParams),
}


class Recorder(httpx.AsyncHTTPTransport):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return await super().handle_async_request(request)


def bill(sdk: stripe.StripeClient, sold: stripe.Subscription, *amounts: int) -> str:
    """An open invoice with a line for each amount."""
    for amount in amounts:
        sdk.v1.invoice_items.create(
            {
                "customer": str(sold.customer),
                "subscription": sold.id,
                "amount": amount,
                "currency": "eur",
            }
        )
    invoice = sdk.v1.invoices.create({"customer": str(sold.customer), "subscription": sold.id})
    return sdk.v1.invoices.finalize_invoice(invoice.id, {"auto_advance": False}).id


def credit(sdk: stripe.StripeClient, invoice: str) -> None:
    """A credit note of more lines than come with it."""
    line: Any = {
        "type": "custom_line_item",
        "description": "Courtesy",
        "quantity": 1,
        "unit_amount": 1,
    }
    sdk.v1.credit_notes.create({"invoice": invoice, "lines": [line] * 11})


@pytest.fixture
def errand(
    stripe_config: ConnectionConfig,
    sdk: stripe.StripeClient,
    subscribe: Subscribe,
    control: Callable[..., Json],
) -> Errand:
    """Every request that the adapter makes, through the given transport."""
    vat = sdk.v1.tax_rates.create({"display_name": "VAT", "inclusive": False, "percentage": 19})
    sold = subscribe()
    first = str(sold.latest_invoice)
    customer = str(sold.customer)
    (charge,) = sdk.v1.charges.list({"customer": customer}).data
    refund = sdk.v1.refunds.create({"charge": charge.id, "amount": 1})
    dispute = control(f"charges/{charge.id}/dispute", amount=100)["id"]
    sdk.v1.customers.balance_transactions.create(customer, {"amount": -5, "currency": "eur"})
    taxed: Any = {"customer": customer, "subscription": sold.id, "amount": 5, "currency": "eur"}
    sdk.v1.invoice_items.create(taxed | {"tax_rates": [vat.id]})
    open_one = bill(sdk, sold, *range(1, 13))
    for _ in range(11):
        control(f"invoices/{open_one}/partial_payment", amount=1)
    credit(sdk, open_one)
    (note,) = sdk.v1.credit_notes.list({"invoice": open_one}).data
    void, lost = bill(sdk, sold, 500), bill(sdk, sold, 600)
    control(f"customers/{customer}/payment", outcome="fail")
    with pytest.raises(stripe.CardError):
        sdk.v1.invoices.pay(lost)
    share = sdk.v1.invoice_payments.list({"invoice": first}).data[0].id

    async def run(transport: httpx.AsyncBaseTransport) -> None:
        async with StripeBilling.connect(stripe_config, transport=transport) as billing:
            await billing.documents([open_one, note.id, first])
            found = await billing.snapshot(sold.id, documents=[open_one, note.id, first])
            documents = by_id(found.documents)
            assert (len(documents[open_one].lines), len(documents[note.id].lines)) == (13, 11)
            assert len(documents[open_one].settlements) == 11 + 2
            since = found.subscription.started_at
            assert len(by_id((await billing.snapshot(sold.id, since=since)).documents)) == 5
            account = await billing.account_snapshot(customer, documents=[lost], since=since)
            assert by_id(account.documents)[lost].overdue_since is not None
            assert (await billing.document_page(since=since, limit=2)).documents
            (whose,) = (await billing.customer_page(only=customer)).customers
            assert (await billing.customer_page(limit=1)).customers is not None
            assert whose.subscriptions == (sold.id,)
            for name in (str(charge.payment_intent), charge.id, refund.id, dispute, share):
                assert await billing.document_of(name) == first
            assert await billing.account(customer) is not None
            await billing.record_sync(sold.id, SYNC, key=f"{sold.id}/1")
            await billing.record_erp_status(open_one, {"document": "7"}, key=f"{sold.id}/2")
            await billing.record_erp_status(note.id, {"document": "8"}, key=f"{sold.id}/3")
            await billing.close_invoice(void, DocumentStatus.VOID, key=f"{sold.id}/4")
            await billing.close_invoice(lost, DocumentStatus.UNCOLLECTIBLE, key=f"{sold.id}/5")
            await billing.cancel(sold.id, key=f"{sold.id}/6")

    return run


def sent(request: httpx.Request) -> Iterator[str]:
    """Names of the parameters, without what is inside their brackets."""
    form = httpx.QueryParams(request.content.decode())
    for name in (*request.url.params, *form):
        yield name.partition("[")[0]


def shape(request: httpx.Request) -> tuple[str, str, str]:
    """The request as `KNOWN` names it."""
    _, version, kind, *rest = request.url.path.split("/")
    assert version == "v1"
    if kind == "test_helpers":
        return request.method, kind, rest[0]
    return request.method, kind, "" if not rest else "id" if len(rest) == 1 else rest[1]


async def test_every_parameter_is_known_to_the_sdk(errand: Errand) -> None:
    transport = Recorder()
    await errand(transport)
    for request in transport.seen:
        assert set(sent(request)) <= KNOWN[shape(request)], request.url
        assert request.headers["stripe-version"] == stripe.api_version
    assert {shape(request) for request in transport.seen} == KNOWN.keys()
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


def asking(kind: Any, *path: str) -> Json:
    """A request that the subset leaves out, from the SDK's parameters."""
    query = [{"name": name, "in": "query"} for name in names(kind)]
    known = [{"name": name, "in": "path", "schema": {"type": "string"}} for name in path]
    return {"parameters": [*query, *known], "responses": {}}


def telling(kind: Any, *path: str) -> Json:
    """The same for a form."""
    form: Json = {"type": "object", "properties": {name: {} for name in names(kind)}}
    known = [{"name": name, "in": "path", "schema": {"type": "string"}} for name in path]
    body = {"content": {"application/x-www-form-urlencoded": {"schema": form}}}
    return {"parameters": known, "requestBody": body, "responses": {}}


MISSING = {
    # A DELETE has its parameters in the address, as Stripe's own clients send them.
    "/v1/subscriptions/{subscription_exposed_id}": {
        "delete": asking(sdk_params.SubscriptionCancelParams, "subscription_exposed_id")
    },
    "/v1/subscriptions": {"get": asking(sdk_params.SubscriptionListParams)},
    "/v1/invoiceitems": {"get": asking(sdk_params.InvoiceItemListParams)},
    "/v1/invoices/{invoice}": {"post": telling(sdk_params.InvoiceUpdateParams, "invoice")},
    "/v1/invoices/{invoice}/lines": {"get": asking(sdk_params.InvoiceListLinesParams, "invoice")},
    "/v1/invoices/{invoice}/void": {
        "post": telling(sdk_params.InvoiceVoidInvoiceParams, "invoice")
    },
    "/v1/invoices/{invoice}/mark_uncollectible": {
        "post": telling(sdk_params.InvoiceMarkUncollectibleParams, "invoice")
    },
    "/v1/invoice_payments": {"get": asking(sdk_params.InvoicePaymentListParams)},
    "/v1/invoice_payments/{invoice_payment}": {
        "get": asking(sdk_params.InvoicePaymentRetrieveParams, "invoice_payment")
    },
    "/v1/payment_intents/{intent}": {
        "get": asking(sdk_params.PaymentIntentRetrieveParams, "intent")
    },
    "/v1/charges/{charge}": {"get": asking(sdk_params.ChargeRetrieveParams, "charge")},
    "/v1/refunds": {"get": asking(sdk_params.RefundListParams)},
    "/v1/refunds/{refund}": {"get": asking(sdk_params.RefundRetrieveParams, "refund")},
    "/v1/disputes": {"get": asking(sdk_params.DisputeListParams)},
    "/v1/disputes/{dispute}": {"get": asking(sdk_params.DisputeRetrieveParams, "dispute")},
    "/v1/credit_notes": {"get": asking(sdk_params.CreditNoteListParams)},
    "/v1/credit_notes/{id}": {
        "get": asking(sdk_params.CreditNoteRetrieveParams, "id"),
        "post": telling(sdk_params.CreditNoteUpdateParams, "id"),
    },
    "/v1/credit_notes/{id}/lines": {"get": asking(sdk_params.CreditNoteListLinesParams, "id")},
    "/v1/customers/{customer}/balance_transactions": {
        "get": asking(sdk_params.CustomerBalanceTransactionListParams, "customer")
    },
    "/v1/tax_rates/{tax_rate}": {"get": asking(sdk_params.TaxRateRetrieveParams, "tax_rate")},
    "/v1/prices/{price}": {"get": asking(sdk_params.PriceRetrieveParams, "price")},
    "/v1/test_helpers/test_clocks/{clock}": {
        "get": asking(sdk_params.test_helpers.TestClockRetrieveParams, "clock")
    },
}


async def test_every_request_keeps_stripes_openapi_contract(errand: Errand) -> None:
    module = contract()
    subset = orjson.loads((FOLDER / FILES[1]).read_bytes())
    known = module.Contract(module.merge(subset, {"paths": MISSING}), strict=True)
    # Its answers are those of an older version than the one we pin.
    known.response = lambda _operation, _answer: None
    async with httpx.AsyncHTTPTransport() as inner:
        await errand(module.AsyncContractTransport(known, inner))
    with pytest.raises(module.ContractViolation):
        known.request(httpx.Request("GET", "http://127.0.0.1/v1/invoices?bogus=1"))
