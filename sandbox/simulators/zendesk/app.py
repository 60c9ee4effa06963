"""The simulator as one ASGI application over one state file."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from sandbox.simulators.zendesk.control import Control
from sandbox.simulators.zendesk.faults import DEFAULT_PER_MINUTE, Faults, RateLimit
from sandbox.simulators.zendesk.gate import Gate
from sandbox.simulators.zendesk.oauth import Tokens
from sandbox.simulators.zendesk.organizations import Organizations
from sandbox.simulators.zendesk.search import Search
from sandbox.simulators.zendesk.sla import SlaPolicies
from sandbox.simulators.zendesk.store import Store
from sandbox.simulators.zendesk.tickets import Tickets
from sandbox.simulators.zendesk.users import Users
from sandbox.simulators.zendesk.webhooks import Webhooks
from sandbox.simulators.zendesk.wire import ApiError, invalid_endpoint


def create_app(
    state: Path,
    *,
    token: str,
    per_minute: int = DEFAULT_PER_MINUTE,
    strict_fields: bool = False,
) -> Gate:
    """The simulator. `state` is created when missing; `token` is the API token it accepts."""
    store = Store(state)
    faults = Faults()
    rate_limit = RateLimit(store, per_minute)
    policies = SlaPolicies(store)
    users = Users(store)
    tokens = Tokens(store)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        yield
        store.close()

    application = Starlette(
        lifespan=lifespan,
        exception_handlers={ApiError: _api_error, 404: _no_endpoint, 405: _no_endpoint},
        routes=[
            *Control(store, faults, rate_limit).routes(),
            *Organizations(store, strict_fields=strict_fields).routes(),
            *Tickets(store, policies, users).routes(),
            *policies.routes(),
            *Search(store).routes(),
            *Webhooks(store).routes(),
            *tokens.routes(),
            *users.routes(),
        ],
    )
    return Gate(
        application, store=store, faults=faults, rate_limit=rate_limit, token=token, tokens=tokens
    )


async def _api_error(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return error.response()


async def _no_endpoint(_request: Request, _error: Exception) -> Response:
    return invalid_endpoint().response()
