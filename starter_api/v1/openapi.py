"""The OpenAPI 3.1 document of the whole service."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from canonical_models.preview import Mend
from operations.cases import AssignRequest, CommentRequest, TagsRequest
from operations.decisions import CorrectRequest, HoldRequest, LinkRequest, SkipRequest
from operations.exceptions import Decision
from operations.grants import NewGrant
from operations.holding import HoldChangeRequest
from operations.inbox import ReplayMany
from operations.releases import MoreAsked, ReleaseAsked
from operations.undoing import ReopenRequest
from starter_api.v1.changes import SignalRequest
from starter_api.v1.described import Problem
from starter_api.v1.grants import SuspendRequest
from starter_api.v1.mappings import MappingRequest

#: Models that FastAPI does not see: bodies are read by `starter_api.v1.bodies`.
_MODELS: tuple[type[BaseModel], ...] = (
    AssignRequest,
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
    Problem,
    ReleaseAsked,
    ReplayMany,
    ReopenRequest,
    SignalRequest,
    SkipRequest,
    SuspendRequest,
    TagsRequest,
)

_ABOUT = """
Subscriptions and accounts, their changes, renewals, documents and entitlements across billing, ERP
and support.

Every request carries an API key; the key decides the tenant, and its scopes what may be done.
Errors are `application/problem+json` (RFC 9457): branch on `code`, show `detail`, do as `remedy`
says. A parameter that an operation does not have, or that is sent twice, is refused. Lists are read
page by page with `cursor`. Single objects carry an ETag. Every POST here may be repeated without
harm; only a new grant needs an Idempotency-Key for that, and a decision on a document takes one, so
that it is not repeated after another decision.
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
            if (described := paths.get(found.path or "", {}).get(method.lower())) is None:
                continue
            for status, answer in found.responses.items():
                for media, content in answer.get("content", {}).items():
                    described["responses"][str(status)]["content"][media].update(content)
            if "requestBody" in described:
                described["requestBody"] = found.openapi_extra["requestBody"]
