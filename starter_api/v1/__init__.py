"""The governed API: thin routes over `operations`, for one tenant by API key."""

from fastapi import APIRouter, Depends, FastAPI

from operations.context import AppContext
from starter_api.callers import Callers
from starter_api.v1 import (
    accounts,
    audit,
    batches,
    causes,
    changes,
    connections,
    decisions,
    differences,
    dunning,
    entitlements,
    events,
    exceptions,
    grants,
    inbox,
    invoices,
    mappings,
    previews,
    releases,
    renewals,
    subscriptions,
    targets,
)
from starter_api.v1.error_mapping import map_errors
from starter_api.v1.openapi import describe
from starter_api.v1.parameters import only_known_parameters


def install(app: FastAPI, context: AppContext, callers: Callers) -> None:
    """Add `/v1` to the application. Nothing is connected before the first request."""
    app.state.context, app.state.callers = context, callers
    map_errors(app)
    routes = APIRouter(prefix="/v1", dependencies=[Depends(only_known_parameters)])
    for area in (
        changes,
        subscriptions,
        renewals,
        accounts,
        invoices,
        decisions,
        differences,
        dunning,
        exceptions,
        causes,
        previews,
        releases,
        connections,
        inbox,
        batches,
        mappings,
        entitlements,
        grants,
        targets,
        events,
        audit,
    ):
        routes.include_router(area.router)
    app.include_router(routes)
    describe(app)
