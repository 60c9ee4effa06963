"""The OpenAPI 3.1 document of the whole service."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from canonical_models.preview import Mend
from operations.account_places import PlaceRequest
from operations.account_sync import AccountAsked
from operations.backfills import BackfillAsked
from operations.cases import AssignRequest, CommentRequest, TagsRequest
from operations.decisions import (
    CorrectRequest,
    HoldRequest,
    LinkRequest,
    SkipRequest,
    TakeBackRequest,
)
from operations.exceptions import Decision
from operations.grants import NewGrant
from operations.holding import HoldChangeRequest
from operations.inbox import ReplayMany
from operations.preview import AmendmentAsked
from operations.release_approving import ReleaseYes
from operations.releases import MoreAsked, ReleaseAsked
from operations.streams import Again, NewStream, Rotation
from operations.trials import TrialAsked
from operations.undoing import ReopenRequest
from operations.undoing_releases import ReleaseUndoAsked
from starter_api import lifecycle
from starter_api.v1.changes import SignalRequest
from starter_api.v1.described import Problem
from starter_api.v1.grants import SuspendRequest
from starter_api.v1.mappings import MappingRequest
from starter_api.v1.periods import CloseAsked, WhyAsked

#: Models that FastAPI does not see: bodies are read by `starter_api.v1.bodies`.
_MODELS: tuple[type[BaseModel], ...] = (
    AccountAsked,
    Again,
    AmendmentAsked,
    AssignRequest,
    CloseAsked,
    BackfillAsked,
    CommentRequest,
    CorrectRequest,
    Decision,
    HoldChangeRequest,
    HoldRequest,
    LinkRequest,
    MappingRequest,
    Mend,
    MoreAsked,
    NewGrant,
    NewStream,
    PlaceRequest,
    Problem,
    ReleaseAsked,
    ReleaseUndoAsked,
    ReleaseYes,
    ReplayMany,
    ReopenRequest,
    Rotation,
    SignalRequest,
    SkipRequest,
    SuspendRequest,
    TagsRequest,
    TakeBackRequest,
    WhyAsked,
    TrialAsked,
)

_ABOUT = """
Subscriptions and accounts, their changes, renewals, documents and entitlements across billing, ERP
and support.

Every request carries an API key; the key decides the tenant, and its scopes what may be done.
Errors are `application/problem+json` (RFC 9457): branch on `code`, show `detail`, do as `remedy`
says. A parameter that an operation does not have, or that is sent twice, is refused. Lists are read
page by page with `cursor`. Single objects carry an ETag, and what changes one takes it as
`If-Match`. What begins something takes an Idempotency-Key: the same request under the same key is
answered as the first time, for a day, and another request under it is refused; what is decided and
granted keeps its key for good. Every other POST may be repeated without harm.

Each operation names the team that answers for it (`x-owner`) and how far it may be relied on
(`x-state`): `stable`, `preview` (it may still change), or `deprecated`. One that is to end says so
in every answer, with `Deprecation` (RFC 9745) and, once the day is fixed, `Sunset` (RFC 8594).
"""


def describe(app: FastAPI) -> None:
    """Let `/openapi.json` show the models, the problems and the security of `/v1`."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    setattr(app, "openapi", document)  # noqa: B010 - the documented way, but no mypy assignment


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="Trueup",
        version=app.version,
        openapi_version="3.1.0",
        description=_ABOUT.strip(),
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    components = made.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in schemas["$defs"].items():
        components.setdefault(name, schema)
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    _whole_examples(app, made["paths"])
    return made


def _whole_examples(app: FastAPI, paths: dict[str, Any]) -> None:
    """FastAPI takes every null out of the document, and with it fields out of an example that the
    answer always has."""
    for found in iter_route_contexts(app.routes):
        for method in found.methods or ():
            path = found.path_format or ""
            if (described := paths.get(path, {}).get(method.lower())) is None:
                continue
            if path.startswith("/v1"):
                described |= lifecycle.described(f"{method} {path}", described["tags"][0])
            for status, answer in found.responses.items():
                for media, content in answer.get("content", {}).items():
                    described["responses"][str(status)]["content"][media].update(content)
            if "requestBody" in described:
                described["requestBody"] = found.openapi_extra["requestBody"]
