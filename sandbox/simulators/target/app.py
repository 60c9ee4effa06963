"""The simulator as one ASGI application over one state file."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.serving import LostConnection
from sandbox.simulators.target.control import Control
from sandbox.simulators.target.faults import Fault, Faults
from sandbox.simulators.target.signature import Unsigned, key_of, verify
from sandbox.simulators.target.store import Document, Store

_Text = Annotated[str, Field(min_length=1, max_length=255)]
_Answer = tuple[str, int, Document]
"""How a request ended, in a word; the status and the body to answer."""


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Feature(_Strict):
    feature: _Text
    quantity: Annotated[int, Field(ge=1)]
    until: AwareDatetime | None


class _Entitlements(_Strict):
    customer_id: _Text
    revision: Annotated[int, Field(ge=1, lt=2**63)]
    as_of: AwareDatetime
    features: list[_Feature]


def create_app(state: Path, *, secret: str) -> Starlette:
    """The simulator. `state` is created when missing; `secret` is `whsec_…`, else ValueError."""
    store = Store(state)
    faults = Faults()
    target = Target(store, faults, key_of(secret))

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        yield
        store.close()

    return Starlette(lifespan=lifespan, routes=[*Control(store, faults).routes(), target.route()])


class Target:
    """`/entitlements/{customer_id}`: PUT replaces what is held, GET tells what that is."""

    def __init__(self, store: Store, faults: Faults, key: bytes) -> None:
        self._store = store
        self._faults = faults
        self._key = key

    def route(self) -> Route:
        """An id may hold a slash: it comes escaped and is matched after that is undone."""
        return Route("/entitlements/{customer_id:path}", self.serve, methods=["PUT", "GET"])

    async def serve(self, request: Request) -> Response:
        """Any request: log, faults, signature, and then the effect."""
        customer_id: str = request.path_params["customer_id"]
        method, body = request.method, await request.body()
        headers = {name: value for name, value in request.headers.items() if _logged(name)}
        seq = self._store.log_arrival(method, customer_id, headers, body)
        fault = self._faults.take(method, customer_id)
        if fault is not None and fault.delay_ms:
            await asyncio.sleep(fault.delay_ms / 1000)
        if fault is not None and (instead := _instead(fault)) is not None:
            lost = isinstance(instead, LostConnection)
            outcome = "dropped" if lost else "refused"
            self._store.log_outcome(seq, outcome, None if lost else instead.status_code)
            return instead
        try:
            verify(self._key, request.headers, body, now=time.time())
        except Unsigned as unsigned:
            outcome, status, answer = "refused", 401, {"error": str(unsigned)}
        else:
            put = method == "PUT"
            outcome, status, answer = (
                self._put(customer_id, body) if put else self._get(customer_id)
            )
        if fault is not None and fault.drop == "after":
            self._store.log_outcome(seq, outcome, None)
            return LostConnection()
        self._store.log_outcome(seq, outcome, status)
        return JSONResponse(answer, status)

    def _put(self, customer_id: str, body: bytes) -> _Answer:
        try:
            given = _Entitlements.model_validate_json(body)
        except ValidationError as misfit:
            first = misfit.errors(include_url=False, include_context=False, include_input=False)[0]
            if first["type"] == "json_invalid":
                return "refused", 400, {"error": "malformed_json"}
            return "refused", 422, {"error": "invalid_entitlements", "at": list(first["loc"])}
        if given.customer_id != customer_id:
            return "refused", 400, {"error": "customer_mismatch"}
        if len({one.feature for one in given.features}) < len(given.features):
            return "refused", 422, {"error": "duplicate_feature"}
        return self._keep(given, dict(json.loads(body)))

    def _keep(self, given: _Entitlements, document: Document) -> _Answer:
        held = self._store.held(given.customer_id)
        if held is not None and held["revision"] > given.revision:
            return "older", 409, _receipt(held)
        if held == document:
            return "repeated", 200, _receipt(held)
        self._store.keep(document)
        return "kept", 201 if held is None else 200, _receipt(document)

    def _get(self, customer_id: str) -> _Answer:
        held = self._store.held(customer_id)
        if held is None:
            return "unknown", 404, {"error": "unknown_customer"}
        return "told", 200, {**_receipt(held), "features": held["features"]}


def _receipt(held: Document) -> Document:
    return {"customer_id": held["customer_id"], "revision": held["revision"]}


def _instead(fault: Fault) -> Response | None:
    """What a fault answers in place of the effect, if it is of that sort."""
    if fault.drop == "before":
        return LostConnection()
    if fault.status is None:
        return None
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    body = {"error": "simulated_fault"} if fault.body is None else fault.body
    return JSONResponse(body, fault.status, headers)


def _logged(name: str) -> bool:
    return name.startswith("webhook-") or name == "content-type"
