"""The console's way in, in process on a real PostgreSQL, with an identity provider on loopback."""

from collections.abc import AsyncIterator

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI

from canonical_models.acts import Role
from console.guard import Entrance
from console.sign_in import router
from operations import sign_in
from operations.context import AppContext
from operations.engine import Engine
from operations.oidc import Provider
from persistence.database import Database
from runtime.settings import OidcSettings, SignInSettings
from tests.api.conftest import no_temporal
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
def context(database: Database) -> AppContext:
    return AppContext(database, Engine(no_temporal, namespace="default", ui=None), {})


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with identity_provider(f"{HOME}/sign-in/callback") as provider:
        yield provider


@pytest.fixture
def app(context: AppContext, idp: Idp) -> FastAPI:
    oidc = OidcSettings(issuer=idp.issuer, client_id="trueup", redirect=f"{HOME}/sign-in/callback")
    app = FastAPI()
    app.include_router(router)
    app.state.entrance = Entrance(
        context, SignInSettings(oidc=oidc), Provider(oidc, idp.client.client_secret)
    )
    return app


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


async def enters(
    browser: httpx.AsyncClient, password: str = PASSWORD, name: str = "fay"
) -> httpx.Response:
    return await browser.post("/sign-in", data={"name": name, "password": password})
