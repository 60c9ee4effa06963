"""The governed API: thin routes over `operations`, for one tenant by API key."""

from fastapi import APIRouter, Depends, FastAPI

from operations.context import AppContext
from starter_api.callers import Callers
from starter_api.v1 import (
    accounts,
    amendments,
    audit,
    backfills,
    batches,
    cash,
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
    numbers,
    periods,
    previews,
    reconciliations,
    releases,
    renewals,
    shadow,
    streams,
    subscriptions,
    support,
    targets,
)
from starter_api.v1.error_mapping import map_errors
from starter_api.v1.openapi import describe
from starter_api.v1.parameters import only_known_parameters


def install(app: FastAPI, context: AppContext, callers: Callers) -> None:
    """Add `/v1` to the application. Nothing is connected before the first request."""
    app.state.context, app.state.callers, app.state.uses = context, callers, {}
    map_errors(app)
    routes = APIRouter(prefix="/v1", dependencies=[Depends(only_known_parameters)])
    for area in (
        changes,
        subscriptions,
        amendments,
        renewals,
        accounts,
        invoices,
        decisions,
        differences,
        reconciliations,
        periods,
        shadow,
        cash,
        dunning,
        exceptions,
        causes,
        previews,
        releases,
        connections,
        inbox,
        backfills,
        batches,
        mappings,
        entitlements,
        grants,
        support,
        targets,
        events,
        streams,
        audit,
        numbers,
    ):
        routes.include_router(area.router)
    app.include_router(routes)
    describe(app)
