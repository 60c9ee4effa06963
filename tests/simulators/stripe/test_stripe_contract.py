"""Both directions against Stripe's own types: what the SDK may send, and what it must get."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import stripe
from stripe import params as sdk_params
from stripe.params import billing as billing_params
from stripe.params import test_helpers as clock_params

from sandbox.simulators.stripe.app import ROUTES
from sandbox.simulators.stripe.forms import nest, parse_pairs
from tests.simulators.stripe.stripe_book_stories import (
    discounting,
    ending,
    paying_out,
    standing_alone,
)
from tests.simulators.stripe.stripe_price_stories import selling_more
from tests.simulators.stripe.stripe_sdk_schemas import Schemas, coerce
from tests.simulators.stripe.stripe_sim import Child, Json
from tests.simulators.stripe.stripe_stories import Recorder, crediting, everything, money

REQUESTS: dict[tuple[str, str], Any] = {
    ("POST", "/v1/customers"): sdk_params.CustomerCreateParams,
    ("POST", "/v1/customers/{id}"): sdk_params.CustomerUpdateParams,
    ("GET", "/v1/customers"): sdk_params.CustomerListParams,
    ("POST", "/v1/products"): sdk_params.ProductCreateParams,
    ("POST", "/v1/products/{id}"): sdk_params.ProductUpdateParams,
    ("POST", "/v1/prices"): sdk_params.PriceCreateParams,
    ("POST", "/v1/prices/{id}"): sdk_params.PriceUpdateParams,
    ("POST", "/v1/tax_rates"): sdk_params.TaxRateCreateParams,
    ("POST", "/v1/subscriptions"): sdk_params.SubscriptionCreateParams,
    ("POST", "/v1/subscriptions/{id}"): sdk_params.SubscriptionUpdateParams,
    ("DELETE", "/v1/subscriptions/{id}"): sdk_params.SubscriptionCancelParams,
    ("GET", "/v1/subscriptions"): sdk_params.SubscriptionListParams,
    ("POST", "/v1/subscription_items"): sdk_params.SubscriptionItemCreateParams,
    ("POST", "/v1/subscription_items/{id}"): sdk_params.SubscriptionItemUpdateParams,
    ("DELETE", "/v1/subscription_items/{id}"): sdk_params.SubscriptionItemDeleteParams,
    ("POST", "/v1/invoiceitems"): sdk_params.InvoiceItemCreateParams,
    ("GET", "/v1/invoiceitems"): sdk_params.InvoiceItemListParams,
    ("POST", "/v1/invoices"): sdk_params.InvoiceCreateParams,
    ("POST", "/v1/invoices/{id}"): sdk_params.InvoiceUpdateParams,
    ("GET", "/v1/invoices"): sdk_params.InvoiceListParams,
    ("POST", "/v1/invoices/create_preview"): sdk_params.InvoiceCreatePreviewParams,
    ("POST", "/v1/invoices/{id}/finalize"): sdk_params.InvoiceFinalizeInvoiceParams,
    ("POST", "/v1/invoices/{id}/pay"): sdk_params.InvoicePayParams,
    ("POST", "/v1/credit_notes"): sdk_params.CreditNoteCreateParams,
    ("GET", "/v1/credit_notes"): sdk_params.CreditNoteListParams,
    ("GET", "/v1/credit_notes/{id}"): sdk_params.CreditNoteRetrieveParams,
    ("GET", "/v1/credit_notes/{id}/lines"): sdk_params.CreditNoteListLinesParams,
    ("POST", "/v1/credit_notes/{id}"): sdk_params.CreditNoteUpdateParams,
    ("POST", "/v1/credit_notes/{id}/void"): sdk_params.CreditNoteVoidCreditNoteParams,
    ("GET", "/v1/credit_notes/preview"): sdk_params.CreditNotePreviewParams,
    ("GET", "/v1/invoice_payments"): sdk_params.InvoicePaymentListParams,
    ("GET", "/v1/invoice_payments/{id}"): sdk_params.InvoicePaymentRetrieveParams,
    ("GET", "/v1/payment_intents"): sdk_params.PaymentIntentListParams,
    ("GET", "/v1/payment_intents/{id}"): sdk_params.PaymentIntentRetrieveParams,
    ("GET", "/v1/charges"): sdk_params.ChargeListParams,
    ("GET", "/v1/charges/{id}"): sdk_params.ChargeRetrieveParams,
    ("POST", "/v1/refunds"): sdk_params.RefundCreateParams,
    ("POST", "/v1/refunds/{id}"): sdk_params.RefundUpdateParams,
    ("GET", "/v1/refunds"): sdk_params.RefundListParams,
    ("GET", "/v1/refunds/{id}"): sdk_params.RefundRetrieveParams,
    ("POST", "/v1/refunds/{id}/cancel"): sdk_params.RefundCancelParams,
    ("GET", "/v1/disputes"): sdk_params.DisputeListParams,
    ("POST", "/v1/disputes/{id}"): sdk_params.DisputeUpdateParams,
    ("GET", "/v1/balance_transactions"): sdk_params.BalanceTransactionListParams,
    ("POST", "/v1/customers/{id}/balance_transactions"): (
        sdk_params.CustomerBalanceTransactionCreateParams
    ),
    ("GET", "/v1/customers/{id}/balance_transactions"): (
        sdk_params.CustomerBalanceTransactionListParams
    ),
    ("GET", "/v1/customers/{id}/balance_transactions/{transaction}"): (
        sdk_params.CustomerBalanceTransactionRetrieveParams
    ),
    ("POST", "/v1/customers/{id}/balance_transactions/{transaction}"): (
        sdk_params.CustomerBalanceTransactionUpdateParams
    ),
    ("GET", "/v1/balance"): sdk_params.BalanceRetrieveParams,
    ("POST", "/v1/payouts"): sdk_params.PayoutCreateParams,
    ("GET", "/v1/payouts"): sdk_params.PayoutListParams,
    ("GET", "/v1/payouts/{id}"): sdk_params.PayoutRetrieveParams,
    ("POST", "/v1/payouts/{id}"): sdk_params.PayoutUpdateParams,
    ("POST", "/v1/payouts/{id}/cancel"): sdk_params.PayoutCancelParams,
    ("POST", "/v1/coupons"): sdk_params.CouponCreateParams,
    ("POST", "/v1/coupons/{id}"): sdk_params.CouponUpdateParams,
    ("GET", "/v1/coupons"): sdk_params.CouponListParams,
    ("GET", "/v1/coupons/{id}"): sdk_params.CouponRetrieveParams,
    ("POST", "/v1/subscriptions/{id}/migrate"): sdk_params.SubscriptionMigrateParams,
    ("POST", "/v1/invoiceitems/{id}"): sdk_params.InvoiceItemUpdateParams,
    ("GET", "/v1/invoiceitems/{id}"): sdk_params.InvoiceItemRetrieveParams,
    ("GET", "/v1/invoices/{id}"): sdk_params.InvoiceRetrieveParams,
    ("GET", "/v1/invoices/{id}/lines"): sdk_params.InvoiceListLinesParams,
    ("POST", "/v1/invoices/{id}/add_lines"): sdk_params.InvoiceAddLinesParams,
    ("POST", "/v1/invoices/{id}/update_lines"): sdk_params.InvoiceUpdateLinesParams,
    ("POST", "/v1/invoices/{id}/remove_lines"): sdk_params.InvoiceRemoveLinesParams,
    ("POST", "/v1/invoices/{id}/lines/{line}"): sdk_params.InvoiceLineItemUpdateParams,
    ("GET", "/v1/subscriptions/{id}"): sdk_params.SubscriptionRetrieveParams,
    ("GET", "/v1/customers/{id}"): sdk_params.CustomerRetrieveParams,
    ("POST", "/v1/customers/{id}/tax_ids"): sdk_params.CustomerTaxIdCreateParams,
    ("GET", "/v1/customers/{id}/tax_ids"): sdk_params.CustomerTaxIdListParams,
    ("GET", "/v1/events"): sdk_params.EventListParams,
    ("POST", "/v1/webhook_endpoints"): sdk_params.WebhookEndpointCreateParams,
    ("POST", "/v1/webhook_endpoints/{id}"): sdk_params.WebhookEndpointUpdateParams,
    ("POST", "/v1/billing/meters"): billing_params.MeterCreateParams,
    ("POST", "/v1/billing/meters/{id}"): billing_params.MeterUpdateParams,
    ("GET", "/v1/billing/meters"): billing_params.MeterListParams,
    ("GET", "/v1/billing/meters/{id}/event_summaries"): (
        billing_params.MeterListEventSummariesParams
    ),
    ("POST", "/v1/billing/meter_events"): billing_params.MeterEventCreateParams,
    ("POST", "/v1/billing/credit_grants"): billing_params.CreditGrantCreateParams,
    ("POST", "/v1/billing/credit_grants/{id}"): billing_params.CreditGrantUpdateParams,
    ("GET", "/v1/billing/credit_grants"): billing_params.CreditGrantListParams,
    ("GET", "/v1/billing/credit_balance_summary"): (
        billing_params.CreditBalanceSummaryRetrieveParams
    ),
    ("GET", "/v1/billing/credit_balance_transactions"): (
        billing_params.CreditBalanceTransactionListParams
    ),
    ("POST", "/v1/subscription_schedules"): sdk_params.SubscriptionScheduleCreateParams,
    ("POST", "/v1/subscription_schedules/{id}"): sdk_params.SubscriptionScheduleUpdateParams,
    ("GET", "/v1/subscription_schedules"): sdk_params.SubscriptionScheduleListParams,
    ("GET", "/v1/customers/search"): sdk_params.CustomerSearchParams,
    ("GET", "/v1/invoices/search"): sdk_params.InvoiceSearchParams,
    ("POST", "/v1/test_helpers/test_clocks"): clock_params.TestClockCreateParams,
    ("POST", "/v1/test_helpers/test_clocks/{id}/advance"): clock_params.TestClockAdvanceParams,
}
ANSWERS: dict[str, Any] = {
    "customer": stripe.Customer,
    "product": stripe.Product,
    "price": stripe.Price,
    "tax_rate": stripe.TaxRate,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
    "invoice": stripe.Invoice,
    "line_item": stripe.InvoiceLineItem,
    "invoiceitem": stripe.InvoiceItem,
    "credit_note": stripe.CreditNote,
    "credit_note_line_item": stripe.CreditNoteLineItem,
    "invoice_payment": stripe.InvoicePayment,
    "payment_intent": stripe.PaymentIntent,
    "payment_record": stripe.PaymentRecord,
    "charge": stripe.Charge,
    "refund": stripe.Refund,
    "dispute": stripe.Dispute,
    "balance": stripe.Balance,
    "balance_transaction": stripe.BalanceTransaction,
    "payout": stripe.Payout,
    "customer_balance_transaction": stripe.CustomerBalanceTransaction,
    "billing.meter": stripe.billing.Meter,
    "billing.meter_event": stripe.billing.MeterEvent,
    "billing.meter_event_summary": stripe.billing.MeterEventSummary,
    "billing.credit_grant": stripe.billing.CreditGrant,
    "billing.credit_balance_summary": stripe.billing.CreditBalanceSummary,
    "billing.credit_balance_transaction": stripe.billing.CreditBalanceTransaction,
    "subscription_schedule": stripe.SubscriptionSchedule,
    "coupon": stripe.Coupon,
    "discount": stripe.Discount,
    "tax_id": stripe.TaxId,
    "event": stripe.Event,
    "webhook_endpoint": stripe.WebhookEndpoint,
    "test_helpers.test_clock": stripe.test_helpers.TestClock,
}


@pytest.fixture(scope="module")
def exchanges(sim: Child) -> list[tuple[str, str, str, Json]]:
    recorder = Recorder()
    api = stripe.StripeClient("sk_test_x", base_addresses={"api": sim.url}, http_client=recorder)
    everything(api)
    crediting(api)
    money(sim, api)
    standing_alone(sim, api)
    discounting(sim, api)
    ending(sim, api)
    paying_out(sim, api)
    selling_more(sim, api)
    return recorder.seen


def template(method: str, path: str) -> str:
    """The route of a request; Starlette takes the first that matches, so do we."""
    for known, pattern, _ in ROUTES:
        if known == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", pattern), path):
            return pattern
    raise AssertionError(f"no route for {method} {path}")


def test_accepted_requests_are_what_stripe_takes(
    exchanges: list[tuple[str, str, str, Json]],
) -> None:
    checked = set()
    for method, path, form, _ in exchanges:
        key = (method, template(method, path))
        kind = REQUESTS.get(key)
        if kind is None:
            assert not form, f"{key} sent parameters and has no schema here"
            continue
        schemas = Schemas()
        schema = schemas.of(kind)
        sent = coerce(nest(parse_pairs(form)), schema, schemas.definitions)
        jsonschema.Draft202012Validator(schema).validate(sent)
        checked.add(key)
    assert len(checked) >= 60


def test_answers_have_the_shape_of_the_sdks_resources(
    exchanges: list[tuple[str, str, str, Json]],
) -> None:
    validators = {}
    for name, kind in ANSWERS.items():
        validators[name] = jsonschema.Draft202012Validator(Schemas().of(kind))
    seen = set()
    for method, path, _, answer in exchanges:
        for obj in answer.get("data", [answer]):
            if obj.get("deleted"):
                continue
            errors = [e.message[:200] for e in validators[obj["object"]].iter_errors(obj)]
            assert not errors, f"{method} {path}: {errors[:5]}"
            seen.add(obj["object"])
            if obj["object"] == "event":
                inner = obj["data"]["object"]
                errors = [e.message[:200] for e in validators[inner["object"]].iter_errors(inner)]
                assert not errors, f"{obj['type']}: {errors[:5]}"
    # A discount is only ever shown inside of others, and by the events.
    assert set(ANSWERS) - seen == {"discount"}


def test_every_event_type_is_one_of_stripes(exchanges: list[tuple[str, str, str, Json]]) -> None:
    known = Schemas().of(stripe.Event)["$defs"]["stripe._event.Event"]["properties"]["type"]
    types = {
        obj["type"]
        for *_, answer in exchanges
        for obj in answer.get("data", [])
        if obj["object"] == "event"
    }
    assert len(types) > 25
    assert types <= set(known["enum"])


def contracts() -> Path:
    default = Path(__file__).parents[3] / ".." / "shared" / "contracts"
    return Path(os.environ.get("TRUEUP_CONTRACTS", default)) / "stripe-subset-noprose.json"


@pytest.mark.skipif(not contracts().exists(), reason="Stripe's OpenAPI subset is not here")
def test_paths_of_the_published_contract_are_served() -> None:
    served = {(m.lower(), re.sub(r"\{\w+\}", "{}", p)) for m, p, _ in ROUTES}
    paths: Json = json.loads(contracts().read_text())["paths"]
    wanted = {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for path, operations in paths.items()
        for method in operations
    }
    assert wanted <= served


def test_a_parameter_stripe_does_not_know_is_refused(api: stripe.StripeClient) -> None:
    send: Callable[..., Any] = api.v1.customers.create
    with pytest.raises(stripe.InvalidRequestError) as refused:
        send({"name": "Ada", "nickname": "A"})
    assert refused.value.code == "parameter_unknown"
    assert refused.value.param == "nickname"
