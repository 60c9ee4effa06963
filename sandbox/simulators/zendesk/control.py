"""The control API under `/_sim/`: faults, limits, time, and what was asked for."""

from collections import Counter
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.control import FaultControl, details_of
from sandbox.simulators.zendesk.faults import Fault, Faults, RateLimit
from sandbox.simulators.zendesk.search import LAG_SETTING
from sandbox.simulators.zendesk.store import Store
from sandbox.simulators.zendesk.wire import ApiError, not_found


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")


_Kind = TypeVar("_Kind", bound=_Settings)


class _RateLimit(_Settings):
    per_minute: Annotated[int, Field(ge=1)] | None


class _Lag(_Settings):
    seconds: Annotated[float, Field(ge=0, le=86_400)]


class _Clock(_Settings):
    advance_seconds: Annotated[float, Field(ge=0, le=10**9)]


class Control(FaultControl[Fault]):
    """And limits, time, and what was asked for."""

    def __init__(self, store: Store, faults: Faults, rate_limit: RateLimit) -> None:
        super().__init__(faults, TypeAdapter(list[Fault]))
        self._store = store
        self._rate_limit = rate_limit

    def routes(self) -> list[Route]:
        return [
            *super().routes(),
            Route("/_sim/rate_limit", self.set_rate_limit, methods=["POST"]),
            Route("/_sim/search_lag", self.set_search_lag, methods=["POST"]),
            Route("/_sim/clock", self.advance_clock, methods=["POST"]),
            Route("/_sim/requests", self.list_requests, methods=["GET"]),
            Route("/_sim/requests", self.clear_requests, methods=["DELETE"]),
            Route("/_sim/tickets/{id:int}", self.show_ticket, methods=["GET"]),
        ]

    def refused(self, refused: ValidationError) -> Response:
        raise _refusal(refused) from refused

    async def set_rate_limit(self, request: Request) -> Response:
        """`{"per_minute": n}`; null restores the limit given at the start."""
        self._rate_limit.set_limit((await _settings(request, _RateLimit)).per_minute)
        return JSONResponse({"per_minute": self._rate_limit.per_minute})

    async def set_search_lag(self, request: Request) -> Response:
        """`{"seconds": n}`: search finds nothing that changed more recently."""
        seconds = (await _settings(request, _Lag)).seconds
        self._store.set_setting(LAG_SETTING, seconds)
        return JSONResponse({"seconds": seconds})

    async def advance_clock(self, request: Request) -> Response:
        """`{"advance_seconds": n}`: timestamps, limits, key expiry and lag all follow."""
        self._store.advance_clock((await _settings(request, _Clock)).advance_seconds)
        return JSONResponse({"now": self._store.now().isoformat()})

    async def list_requests(self, _request: Request) -> Response:
        """Write requests: `journal` one by one, `requests` counted by method and path, where
        `count` is how often one arrived and `effects` how often it changed something."""
        journal = self._store.journal()
        arrived = Counter((one["method"], one["path"]) for one in journal)
        effects = Counter((o["method"], o["path"]) for o in journal if o["outcome"] == "effect")
        counted = [
            {"method": method, "path": path, "count": count, "effects": effects[method, path]}
            for (method, path), count in arrived.items()
        ]
        return JSONResponse({"requests": counted, "journal": journal})

    async def clear_requests(self, _request: Request) -> Response:
        """Empty the journal."""
        self._store.clear_journal()
        return Response(status_code=204)

    async def show_ticket(self, request: Request) -> Response:
        """What Zendesk does not show: `sla_policy_id`, `first_reply_at`, `solved_at`."""
        ticket = self._store.get("ticket", request.path_params["id"])
        if ticket is None:
            raise not_found()
        return JSONResponse({k[1:]: v for k, v in ticket.items() if k.startswith("_")})


async def _settings(request: Request, kind: type[_Kind]) -> _Kind:
    try:
        return kind.model_validate_json(await request.body())
    except ValidationError as refused:
        raise _refusal(refused) from refused


def _refusal(refused: ValidationError) -> ApiError:
    return ApiError(422, {"error": "ControlInvalid", "details": details_of(refused)})
