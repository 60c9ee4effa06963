"""A recording played to the adapter that is here: what it reads of what was answered then. Nothing
leaves this process: the vendor is the recording."""

import base64
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import httpx
import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from canonical_models.base import Canonical
from canonical_models.failures import ContractDrift, Failure, Rejection, TransientFailure
from connectors import ports, registry
from connectors.config import ConnectionConfig
from connectors.redaction import Redaction

PORTS: dict[str, Any] = {
    "billing": ports.BillingPort,
    "erp": ports.ErpPort,
    "support": ports.TicketingPort,
    "target": ports.EntitlementTarget,
}
#: By what a secret is for: something of its form that opens nothing.
_NOTHING = {
    "signing_secret": "whsec_" + base64.b64encode(b"recorded" * 4).decode(),
}
#: When something was read, which no answer says.
_CLOCKS = frozenset({"as_of", "read_at"})


class NotRecorded(TransientFailure):
    """A request that nobody made while it was recorded. Of the taxonomy, as what an adapter does
    side by side hands on nothing else."""


class Read(Canonical):
    """What became of a call: `result` is what the adapter made of the answers (redacted, as they
    are), else `refused` what it says of them: `drift`, with `path` and `change`, or the code of a
    rejection. `unplayable` is why it could not be tried."""

    call: str
    about: str
    result: Any = None
    refused: str | None = None
    path: str | None = None
    change: str | None = None
    unplayable: str | None = None


class Recorded(httpx.AsyncBaseTransport):
    """Answers what was answered to the request that is most like it, of this call first."""

    def __init__(self, entries: Iterable[Mapping[str, Any]]) -> None:
        self._all = [each for entry in entries for each in entry["exchanges"]]
        self._now: list[Mapping[str, Any]] = []
        self._redact = Redaction("nothing is compared by it")

    def of(self, entry: Mapping[str, Any]) -> None:
        self._now = [*entry["exchanges"]]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        if (given := _signing_in(request)) is not None:
            return given
        asked = self._redact.request(request)
        for among in (self._now, self._all):
            alike = [(_likeness(each["asked"], asked), each) for each in among]
            best = max(alike, key=lambda each: each[0], default=(-1.0, None))
            if best[0] >= 0 and best[1] is not None:
                if among is self._now and len(self._now) > 1:
                    self._now.remove(best[1])
                return _answer(best[1]["answered"], request)
        raise NotRecorded(f"{request.method} {request.url.path}", system="recording")


def _answer(answered: Mapping[str, Any], request: httpx.Request) -> httpx.Response:
    body = answered["body"]
    page = isinstance(body, dict) and set(body) == {"not_json"}
    return httpx.Response(
        answered["status"],
        headers={"content-type": "application/json", **answered["headers"]},
        content=b"<html>" if page else orjson.dumps(body),
        request=request,
    )


def _likeness(then: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Below nought where it is another request."""
    if (then["method"], then["path"]) != (now["method"], now["path"]):
        return -1
    if isinstance(then["body"], dict) and then["body"].get("method") != _method(now):
        return -1
    return _agreement(then["query"], now["query"]) + _agreement(then["body"], now["body"])


def _method(asked: Mapping[str, Any]) -> Any:
    return asked["body"].get("method") if isinstance(asked["body"], dict) else None


def _agreement(then: Any, now: Any) -> float:
    """How much of it is the same. A text that was redacted may be any."""
    if then == now:
        return 1
    if isinstance(then, str) and isinstance(now, str):
        return 0.9 if then.startswith("~") else 0
    if isinstance(then, dict) and isinstance(now, dict):
        names = then.keys() | now.keys()
        parts = [_agreement(then.get(name), now.get(name)) for name in names]
    elif isinstance(then, list) and isinstance(now, list):
        parts = [_agreement(*pair) for pair in zip(then, now, strict=False)] + [0.0] * abs(
            len(then) - len(now)
        )
    else:
        return 0
    return sum(parts) / len(parts) if parts else 0


def _signing_in(request: httpx.Request) -> httpx.Response | None:
    """What opens a session, which no recording holds."""
    if request.url.path == "/oauth/tokens":
        token = {"access_token": "recorded", "token_type": "bearer", "expires_in": 3600}
        return httpx.Response(200, json=token, request=request)
    if b'"common.db.login"' in request.content:
        return httpx.Response(200, json={"id": 1, "result": [1, "recorded"]}, request=request)
    return None


async def play(head: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> tuple[Read, ...]:
    """What each call that reads would read now. Raises KeyError or ValueError for a head that names
    no such part, vendor or option."""
    part, transport = head["part"], Recorded(entries)
    config = ConnectionConfig(
        name=head["connection"],
        vendor=head["vendor"],
        base_url="https://recorded.invalid",
        secrets={name: _nothing(name, head["options"]) for name in head["secrets"]},
        options=head["options"],
    )
    port = registry.playing(config, part, transport)
    try:
        return tuple(
            [await _one(port, part, transport, entry) for entry in entries if entry["reads"]]
        )
    finally:
        await port.close()


def _nothing(name: str, options: Mapping[str, Any]) -> str:
    return _NOTHING.get(name, f"rk_{options.get('mode', 'test')}_recorded")


async def _one(port: Any, part: str, transport: Recorded, entry: Mapping[str, Any]) -> Read:
    call, given = entry["call"], [*entry["args"], *entry["named"].values()]
    about = next((each for each in given if isinstance(each, str)), "")
    transport.of(entry)
    try:
        args, named = _arguments(part, call, entry)
    except (ValidationError, KeyError, AttributeError) as fault:
        return Read(
            call=call, about=about, unplayable=f"it cannot be asked again: {type(fault).__name__}"
        )
    try:
        result = await getattr(port, call)(*args, **named)
    except NotRecorded as fault:
        return Read(call=call, about=about, unplayable=f"{fault.message} was not recorded")
    except ContractDrift as drift:
        return Read(
            call=call,
            about=about,
            refused="drift",
            path=f"{drift.operation or call} {drift.payload_path}",
            change=drift.change or drift.message,
        )
    except Rejection as refused:
        return Read(call=call, about=about, refused=refused.code)
    except Failure as failure:
        return Read(call=call, about=about, refused=failure.code)
    return Read(call=call, about=about, result=timeless(to_jsonable_python(result)))


def _arguments(part: str, call: str, entry: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    method = getattr(PORTS[part], call)
    hints = get_type_hints(method)
    hints.pop("return", None)
    names = list(hints)
    args = [
        adapter_of(hints[name]).validate_json(orjson.dumps(given))
        for name, given in zip(names, entry["args"], strict=False)
    ]
    named = {
        name: adapter_of(hints[name]).validate_json(orjson.dumps(given))
        for name, given in entry["named"].items()
    }
    return args, named


def adapter_of(hint: Any) -> TypeAdapter[Any]:
    """What reads an argument of this type from JSON, where any collection is a list."""
    listed: Any = list
    of: Any = listed[get_args(hint)] if get_origin(hint) is Collection else hint
    return TypeAdapter(of)


def timeless(value: Any) -> Any:
    """Without when it was read."""
    match value:
        case dict():
            return {key: timeless(each) for key, each in value.items() if key not in _CLOCKS}
        case list():
            return [timeless(each) for each in value]
        case _:
            return value
