"""The API in process on a real PostgreSQL, with two tenants that hold the same kinds of things."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from operations.context import AppContext
from operations.engine import Engine
from persistence.database import Database
from runtime.settings import ApiSettings, ConnectionSettings, TenantSettings
from starter_api.callers import Callers
from starter_api.problems import speak_problems
from starter_api.v1 import install
from tests.api.described import described
from tests.api.seeding import Ids, key_of, seeded
from tests.api.seeding_books import BOOKS_FROM
from tests.harness.deciding import delivering
from tests.harness.sagas import Sagas, sagas_at_work
from tests.harness.systems import Systems as Vendors

Call = Callable[..., Awaitable[httpx.Response]]


async def no_temporal() -> Client:
    """As when the server is down."""
    return await Client.connect("127.0.0.1:9")


@pytest.fixture
def tenant_settings() -> TenantSettings:
    one = ConnectionSettings(
        vendor="stripe", base_url="http://127.0.0.1:9", books_from=BOOKS_FROM.date()
    )
    return TenantSettings(
        billing="billing", erp="billing", support="billing", connections={"billing": one}
    )


@pytest.fixture
def context(database: Database, tenant_settings: TenantSettings) -> AppContext:
    engine = Engine(no_temporal, namespace="default", ui="http://127.0.0.1:8233/")
    return AppContext(database, engine, {"acme": tenant_settings, "globex": tenant_settings})


@pytest.fixture(scope="session")
def routes() -> FastAPI:
    """Put together once, because that takes longer than most tests."""
    app = FastAPI(docs_url=None, redoc_url=None)
    speak_problems(app)
    engine = Engine(no_temporal, namespace="default", ui="http://127.0.0.1:8233/")
    context = AppContext(Database("postgresql://nobody"), engine, {})
    install(app, context, Callers(ApiSettings()))
    return app


@pytest.fixture
def app(routes: FastAPI, context: AppContext) -> FastAPI:
    routes.state.context = context
    return routes


@pytest.fixture
async def acme(database: Database) -> Ids:
    return await seeded(database, "acme")


@pytest.fixture
async def globex(database: Database) -> Ids:
    return await seeded(database, "globex")


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Answers 500 as a client sees it, so that a test can say that it must not be one."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client


@pytest.fixture
async def sagas(temporal: WorkflowEnvironment, database: Database) -> AsyncIterator[Sagas]:
    async with (
        sagas_at_work(temporal.client, database, Vendors()) as working,
        delivering(database, temporal.client),
    ):
        yield working


@pytest.fixture
def call(app: FastAPI, api: httpx.AsyncClient, database: Database) -> Call:
    """`await call("GET", "/v1/changes", "changes:read")` with a key of acme; each answer is as
    the document describes it."""

    async def calling(
        method: str,
        path: str,
        *scopes: str,
        tenant: str = "acme",
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        key = await key_of(database, tenant, *(scopes or ("admin",)))
        sent = {"authorization": f"Bearer {key}", **(headers or {})}
        answer = await api.request(method, path, headers=sent, **more)
        described(app).holds(answer)
        return answer

    return calling
