"""The service around `/v1`: probes, metrics, and a document that says all of it."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, TypeAdapter

from canonical_models.audit import AuditEntry
from canonical_models.batch import Batch, BatchItem
from canonical_models.closing import CloseReport, PeriodView
from canonical_models.preview import Foreseen
from canonical_models.views import CauseView, ChangeView, ExceptionView, MappingView
from operations import (
    account_places,
    account_sync,
    accounts,
    cases,
    cash,
    causes,
    changes,
    closing,
    closing_accepting,
    deciding,
    decisions,
    differences,
    dunning,
    entitlements,
    events,
    exceptions,
    grants,
    holding,
    inbox,
    invoices,
    mappings,
    numbers,
    orders,
    preview,
    releases,
    renewals,
    sides,
    subscriptions,
    syncing,
    undoing,
    undoing_releases,
)
from operations.context import AppContext
from operations.paging import Page
from operations.support_views import SupportContext
from persistence.account_places import AccountRow
from persistence.inbox import InboxView
from starter_api.app import Application, create_app
from starter_api.v1 import (
    examples,
    examples_accounts,
    examples_audit,
    examples_batches,
    examples_books,
    examples_cash,
    examples_causes,
    examples_closing,
    examples_numbers,
    examples_orders,
    examples_previews,
    examples_processes,
    examples_support,
    examples_whole,
)
from starter_api.v1.changes import Signalled, SignalRequest
from starter_api.v1.mappings import MappingRequest
from tests.api.conftest import Call
from tests.api.described import Described
from tests.api.seeding import Ids

EXAMPLES: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (Page[AuditEntry], examples.page(examples_audit.DECIDED)),
    (Page[ChangeView], examples.page(examples.CHANGE)),
    (changes.ChangeDetail, examples.CHANGE_DETAIL),
    (changes.Cancelled, examples.CANCELLED),
    (SignalRequest, examples.SIGNAL),
    (holding.HoldChangeRequest, examples.HOLD_CHANGE),
    (holding.ChangeHeld, examples.CHANGE_HELD),
    (holding.ChangeHeld, examples.CHANGE_RELEASED),
    (Signalled, examples.SIGNALLED),
    (Page[ExceptionView], examples.page(examples.EXCEPTION)),
    (exceptions.ExceptionDetail, examples.EXCEPTION_DETAIL),
    (exceptions.Resolved, examples.RESOLVED),
    (Page[CauseView], examples.page(examples_causes.CAUSE)),
    (causes.CauseDetail, examples.CAUSE_DETAIL),
    (cases.AssignRequest, examples_causes.ASSIGN),
    (cases.TagsRequest, examples_causes.TAGS),
    (cases.CommentRequest, examples_causes.COMMENT),
    (cases.Noted, examples_causes.NOTED),
    (undoing.AbortPreview, examples_causes.ABORT),
    (undoing.ReopenRequest, examples_causes.REOPEN),
    (undoing.Reopened, examples.REOPENED),
    (exceptions.Decision, {"action": "correct", "item": examples.ITEM}),
    (Page[MappingView], examples.page(examples.MAPPING)),
    (mappings.Mapped, examples.MAPPED),
    (MappingRequest, {"account": examples.ACCOUNT}),
    (Page[InboxView], examples.page(examples.RECEIVED)),
    (inbox.InboxDetail, examples.RECEIVED_DETAIL),
    (inbox.Replay, examples.REPLAY),
    (inbox.ReplaysForeseen, examples.REPLAYS_FORESEEN),
    (entitlements.EntitlementList, examples.ENTITLEMENTS),
    (entitlements.Check, examples.CHECK),
    (Page[subscriptions.SubscriptionSummary], examples.page(examples.AGREED)),
    (subscriptions.SubscriptionDetail, examples_whole.SUBSCRIPTION_DETAIL),
    (syncing.SyncStarted, examples_processes.SYNC_STARTED),
    (accounts.AccountDetail, examples_whole.ACCOUNT_DETAIL),
    (account_sync.AccountAsked, examples_accounts.ASKED),
    (account_sync.AccountSynced, examples_accounts.SYNCED),
    (account_sync.AccountSynced, examples_accounts.PROPOSED),
    (account_places.PlaceRequest, examples_accounts.PLACE_ASKED),
    (account_places.AccountPlaced, examples_accounts.PLACED),
    (Page[AccountRow], examples.page(examples_accounts.ACCOUNT_ROW)),
    (orders.Order, examples_orders.ORDER),
    (orders.Orders, examples_orders.ORDERS),
    (Page[renewals.RenewalView], examples.page(examples_processes.RENEWAL)),
    (Page[dunning.CaseView], examples.page(examples_processes.CASE)),
    (cash.CashStands, examples_cash.STANDS),
    (cash.CashLookedAt, examples_cash.LOOKED),
    (Page[cash.PayoutShown], examples.page(examples_cash.PAYOUT)),
    (closing.Closed, examples_closing.CLOSED),
    (CloseReport, examples_closing.REPORT),
    (Page[PeriodView], examples.page(examples_closing.OPEN)),
    (closing_accepting.Accepting, examples_closing.ACCEPTED),
    (Page[sides.InvoiceSummary], examples.page(examples_books.INVOICE)),
    (invoices.InvoiceDetail, examples_books.INVOICE_DETAIL),
    (invoices.Refreshed, examples_books.REFRESHED),
    (deciding.Decided, examples_books.DECIDED),
    (decisions.HoldRequest, examples_books.HOLD),
    (Page[differences.DifferenceView], examples.page(examples_books.DIFFERENCE)),
    (grants.NewGrant, examples_processes.NEW_GRANT),
    (Page[grants.GrantView], examples.page(examples_processes.GRANT)),
    (grants.GrantChanged, examples_processes.GRANT_CHANGED),
    (events.Feed, examples.FEED),
    (Page[Batch], examples.page(examples_batches.BATCH)),
    (Page[BatchItem], examples.page(examples_batches.ITEM)),
    (Foreseen, examples_previews.FORESEEN),
    (preview.AmendmentAsked, examples_previews.UPGRADE),
    (preview.CausePreview, examples_previews.CAUSE),
    (preview.CausePreview, examples_previews.MAPPING),
    (releases.Release, examples_previews.RELEASE),
    (undoing_releases.ReleaseUndo, examples_previews.RELEASE_UNDO),
    (Batch, examples_previews.UNDO),
    (SupportContext, examples_support.CONTEXT),
    (numbers.Numbers, examples_numbers.NUMBERS),
]


@pytest.mark.parametrize(("model", "example"), EXAMPLES)
def test_an_example_is_what_it_shows(model: type[BaseModel], example: dict[str, Any]) -> None:
    found = TypeAdapter(model).validate_python(example, strict=False)
    # Whole, so that a reader misses no field.
    assert set(found.model_dump()) == set(example) or model in (MappingRequest, exceptions.Decision)


def test_openapi_describes_every_operation(app: FastAPI) -> None:
    document = app.openapi()
    assert document["openapi"].startswith("3.1")
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["description"], where
            assert operation["security"] == [{"ApiKey": []}], where
            done = operation["responses"].get("200") or operation["responses"]["202"]
            answer = done["content"]["application/json"]
            assert answer["example"], where
            for status in ("401", "403", "422", "503"):
                assert "application/problem+json" in operation["responses"][status]["content"]
            if "requestBody" in operation:
                body = operation["requestBody"]["content"]["application/json"]
                assert body["schema"]["$ref"].rsplit("/", 1)[1] in schemas, where
                assert body["examples"], where
    for reference in _references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas


def test_every_example_is_what_its_schema_allows(app: FastAPI) -> None:
    document = Described(app)
    every = list(document.examples())
    assert len(every) > 300
    assert not [
        (where, misfits)
        for where, schema, given in every
        if (misfits := document.misfits(schema, given))
    ]


async def test_every_address_says_all_that_it_takes(service: httpx.AsyncClient) -> None:
    answers: dict[str, str] = {}
    document = (await service.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        address = re.sub(r"\{[a-z_]+\}", "x", path)
        wanted = {method.upper() for method in operations} | {"OPTIONS"}
        wanted |= {"HEAD"} if "GET" in wanted else set()
        options = await service.options(address)
        assert (options.status_code, options.content) == (204, b"")
        refused = await service.request("PATCH", address)
        assert (refused.status_code, refused.json()["code"]) == (405, "method-not-allowed")
        for answer in (options, refused):
            assert set(answer.headers["allow"].split(", ")) >= wanted, path
        answers[path] = refused.headers["allow"]
    assert answers["/v1/grants"] == "GET, HEAD, OPTIONS, POST"
    # A document may be called `refresh`.
    assert answers["/v1/invoices/refresh"] == "GET, HEAD, OPTIONS, POST"
    assert answers["/v1/invoices/{invoice_id}/refresh"] == "OPTIONS, POST"
    assert (await service.options("/v1/nothing")).status_code == 404


async def test_head_is_get_without_its_body(call: Call, acme: Ids) -> None:
    for path in ("/v1/changes", f"/v1/exceptions/{acme.exception}", "/v1/changes/none"):
        got, head = await call("GET", path), await call("HEAD", path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert dict(head.headers) == dict(got.headers)


async def test_nothing_leads_to_a_host_that_the_client_has_named(
    service: httpx.AsyncClient, probes: httpx.AsyncClient
) -> None:
    for client, path in ((service, "/v1/changes/"), (service, "/healthz/"), (probes, "/readyz/")):
        answer = await client.get(path, headers={"host": "evil.example"})
        assert answer.status_code == 404
        assert "evil.example" not in answer.text + str(answer.headers)


async def test_no_page_loads_anything_from_elsewhere(service: httpx.AsyncClient) -> None:
    for path in ("/docs", "/redoc"):
        assert (await service.get(path)).status_code == 404
    assert (await service.get("/openapi.json")).status_code == 200


async def test_where_webhooks_arrive_nothing_is_told_without_a_key(
    service: httpx.AsyncClient, probes: httpx.AsyncClient
) -> None:
    assert (await service.get("/healthz")).status_code == 200
    for path in ("/readyz", "/metrics"):
        assert (await service.get(path)).status_code == 404
        assert (await probes.get(path)).status_code == 200
    assert (await probes.get("/v1/changes")).status_code == 404


async def test_the_service_is_ready_without_temporal(probes: httpx.AsyncClient) -> None:
    ready = await probes.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "database": "ok",
        "migrations": "ok",
        "temporal": "not reachable",
    }


async def test_an_old_schema_is_not_ready(probes: httpx.AsyncClient, context: AppContext) -> None:
    async with context.database.transaction() as conn:
        await conn.execute("update alembic_version set version_num = '0000'")
    answer = await probes.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["migrations"] == "at 0000: run `trueup migrate`"


async def test_metrics_count_what_is_there(
    probes: httpx.AsyncClient, acme: Ids, globex: Ids
) -> None:
    text = (await probes.get("/metrics")).text
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["trueup_database_up",] == 1
    assert found["trueup_changes", "settled"] == 2
    assert found["trueup_changes", "waiting"] == 2
    assert found["trueup_outcomes", "completed"] == 2
    assert found["trueup_inbox", "dispatched"] == 2
    assert found["trueup_exceptions", "finance"] == 2
    assert found["trueup_effects", "confirmed", "erp"] == 4
    assert found["trueup_documents", "seen"] == found["trueup_documents", "posted"] == 2
    assert found["trueup_dunning", "suspended"] == 2
    assert found["trueup_renewals", "blocked"] == 2
    assert found["trueup_invoices", "part_paid"] == 2
    assert found["trueup_targets", "behind", "product"] == 2
    assert found["trueup_pending_age_seconds",] > 0
    assert found["trueup_subscription_to_erp_seconds_bucket", "+Inf"] >= 0
    assert acme.mark not in text


@pytest.fixture
def deployed(dsn: str, context: AppContext) -> Application:
    return create_app(dsn=dsn, connections={}, context=context)


@pytest.fixture
async def service(deployed: Application) -> httpx.AsyncClient:
    """The application as it is deployed, its lifespan aside."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(deployed), base_url="http://api")


@pytest.fixture
async def probes(deployed: Application) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(deployed.probes)
    return httpx.AsyncClient(transport=transport, base_url="http://api")


def _references(node: object) -> list[str]:
    match node:
        case {"$ref": str() as reference}:
            return [reference]
        case dict():
            return [found for value in node.values() for found in _references(value)]
        case list():
            return [found for value in node for found in _references(value)]
        case _:
            return []
