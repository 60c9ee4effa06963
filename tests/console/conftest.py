"""The console's way in, in process on a real PostgreSQL, with an identity provider on loopback."""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.routing import APIRoute

from canonical_models.acts import Role
from console.app import create_app
from console.guard import Entrance
from operations import sign_in
from operations.context import AppContext
from operations.engine import Engine
from operations.oidc import Provider
from persistence.database import Database
from runtime.settings import ConnectionSettings, OidcSettings, SignInSettings, TenantSettings
from tests.api.conftest import no_temporal
from tests.api.seeding_books import BOOKS_FROM
from tests.harness.identity_provider import Idp, identity_provider
from tests.harness.people import joined

PASSWORD = "correct horse battery"
HOME = "http://127.0.0.1"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is looked at hundreds of times here: with less memory than it should take."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(sign_in, "_hasher", lambda: hasher)


@pytest.fixture
def context(database: Database, tenant_settings: TenantSettings) -> AppContext:
    known = {"acme": tenant_settings, "globex": tenant_settings}
    return AppContext(database, Engine(no_temporal, namespace="default", ui=None), known)


@pytest.fixture
def tenant_settings() -> TenantSettings:
    one = ConnectionSettings(
        vendor="stripe", base_url="http://127.0.0.1:9", books_from=BOOKS_FROM.date()
    )
    return TenantSettings(
        billing="billing", erp="billing", support="billing", connections={"billing": one}
    )


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with identity_provider(f"{HOME}/sign-in/callback") as provider:
        yield provider


@pytest.fixture
def app(context: AppContext, idp: Idp) -> FastAPI:
    oidc = OidcSettings(issuer=idp.issuer, client_id="trueup", redirect=f"{HOME}/sign-in/callback")
    return create_app(
        Entrance(context, SignInSettings(oidc=oidc), Provider(oidc, idp.client.client_secret))
    )


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """It keeps cookies, and follows nothing by itself."""
    async with browsing(app) as client:
        yield client


def browsing(app: FastAPI, address: str = "10.0.0.1", home: str = HOME) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, client=(address, 5000))
    return httpx.AsyncClient(transport=transport, base_url=home)


@pytest.fixture
async def fay(context: AppContext) -> str:
    """Of finance, with a password."""
    person_id = await joined(context.database, "acme", "fay", Role.FINANCE)
    await sign_in.set_password(context, person_id, PASSWORD)
    return person_id


def routes_of(app: FastAPI) -> list[APIRoute]:
    """All pages and forms, those of included routers too."""

    def flat(routes: Iterable[Any]) -> Iterator[APIRoute]:
        for route in routes:
            included = getattr(route, "original_router", None)
            if included is not None:
                yield from flat(included.routes)
            elif isinstance(route, APIRoute):
                yield route

    return list(flat(app.routes))


def csrf_in(page: httpx.Response) -> str:
    """What the forms of a page send along."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page.text)
    assert found is not None, page.text
    return found[1]


async def sends(
    browser: httpx.AsyncClient, to: str, *, on: str = "/me", **fields: str
) -> httpx.Response:
    """A form of the page `on`."""
    csrf = csrf_in(await browser.get(on))
    return await browser.post(to, data={"csrf": csrf, **fields})


async def enters(
    browser: httpx.AsyncClient, password: str = PASSWORD, name: str = "fay"
) -> httpx.Response:
    return await browser.post("/sign-in", data={"name": name, "password": password})
