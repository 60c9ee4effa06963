"""The proxy itself: match a rule, do what it says, otherwise forward byte for byte."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import httpx
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.simulators.faultproxy.journal import JournalEntry
from sandbox.simulators.faultproxy.rules import GARBAGE, ArmedRule, Rule
from sandbox.simulators.faultproxy.telling import untold
from sandbox.simulators.serving import LostConnection

# RFC 9110 section 7.6.1: these belong to one connection and are not forwarded.
HOP_BY_HOP = frozenset(
    [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    ]
)
UPSTREAM_TIMEOUT_S = 60.0
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_RULES = TypeAdapter(list[Rule])
#: Milliseconds between the bytes of an answer that drips, where its rule says none.
_DRIP_MS = 500


class FaultProxy:
    """Rules, journal and the way to one upstream."""

    def __init__(
        self,
        upstream: str,
        *,
        seed: int = 1,
        trusted: ssl.SSLContext | None = None,
        keep_host: bool = False,
        tell: Callable[[JournalEntry], None] = untold,
    ) -> None:
        self._upstream = httpx.URL(upstream)
        # A connection for each request: a pooled one that the upstream closed meanwhile would
        # be a lost reply that no rule asked for.
        self._transport = httpx.AsyncHTTPTransport(
            verify=trusted or True,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )
        self._seed = seed
        self._tell = tell
        # A vendor's own door knows its own name alone; before a server of ours the client's stays,
        # so that links which the upstream makes lead through the proxy too.
        self._own_host = self._upstream.scheme == "https" and not keep_host
        self._rules: list[ArmedRule] = []
        self._rules_made = 0
        self._journal: list[JournalEntry] = []
        self._requests_seen = 0

    async def aclose(self) -> None:
        """Close what is open towards the upstream."""
        await self._transport.aclose()

    async def set_faults(self, request: Request) -> Response:
        """Append rules (a list or a single one); they are tried in order."""
        body = await request.body()
        try:
            document = body if body.lstrip().startswith(b"[") else b"[" + body + b"]"
            rules = _RULES.validate_json(document)
        except ValidationError as refused:
            return JSONResponse(
                {"error": refused.errors(include_url=False, include_context=False)}, 422
            )
        armed = self.arm(rules)
        return JSONResponse({"faults": [rule.as_json() for rule in armed]}, 201)

    def arm(self, rules: Sequence[Rule]) -> list[ArmedRule]:
        """Rules behind those that there are already."""
        armed = []
        for rule in rules:
            self._rules_made += 1
            armed.append(ArmedRule(self._rules_made, rule, self._seed))
        self._rules.extend(armed)
        return armed

    async def list_faults(self, _request: Request) -> Response:
        """All rules with their counters, spent ones included."""
        return JSONResponse({"faults": [rule.as_json() for rule in self._rules]})

    async def clear_faults(self, _request: Request) -> Response:
        """Forget every rule."""
        self._rules.clear()
        return Response(status_code=204)

    async def drop_fault(self, request: Request) -> Response:
        """Forget one rule, by its id; it may be gone already."""
        number = request.path_params["number"]
        self._rules = [rule for rule in self._rules if rule.number != number]
        return Response(status_code=204)

    async def list_requests(self, _request: Request) -> Response:
        """The journal, oldest first."""
        return JSONResponse({"requests": [asdict(entry) for entry in self._journal]})

    async def clear_requests(self, _request: Request) -> Response:
        """Empty the journal; numbers go on."""
        self._journal.clear()
        return Response(status_code=204)

    async def healthz(self, _request: Request) -> Response:
        """Says that the proxy runs; it does not ask the upstream."""
        return JSONResponse({"status": "ok"})

    async def proxy(self, request: Request) -> Response:
        """Every path that is not the proxy's own."""
        body = await request.body()
        target = _target(request)
        shown = target.decode("latin-1")
        said = (request.method, shown, body, request.headers)
        hit = next((rule for rule in self._rules if rule.take(*said)), None)
        self._requests_seen += 1
        entry = JournalEntry(
            seq=self._requests_seen,
            method=request.method,
            path=shown,
            at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            action=hit.rule.action if hit else "forward",
            rule=hit.number if hit else None,
        )
        self._journal.append(entry)
        rule = hit.rule if hit else None
        if rule and rule.action not in ("late", "drip"):
            await asyncio.sleep(rule.delay_ms / 1000)
        reply: Response | None = None
        if rule is None or rule.forwards:
            entry.forwarded = True
            reply = await self._forward(request, target, body)
        if rule and rule.action == "late":
            await asyncio.sleep(rule.delay_ms / 1000)
        answer = _answer(rule, reply)
        entry.status = None if isinstance(answer, LostConnection) else answer.status_code
        self._tell(entry)
        return answer

    async def _forward(self, request: Request, target: bytes, body: bytes) -> Response:
        drop = (b"content-length", b"expect", *((b"host",) if self._own_host else ()))
        headers = _end_to_end(request.headers.raw, drop=drop)
        if self._own_host:
            headers.insert(0, (b"host", self._upstream.netloc))
        if body or b"content-length" in dict(request.headers.raw):
            headers.append((b"content-length", str(len(body)).encode()))
        upstream_request = httpx.Request(
            request.method,
            self._upstream,
            headers=headers,
            stream=httpx.ByteStream(body),
            # As a target, the path is sent as it came; as part of the URL it would be tidied.
            extensions={
                "target": target,
                "timeout": httpx.Timeout(UPSTREAM_TIMEOUT_S).as_dict(),
            },
        )
        try:
            reply = await self._transport.handle_async_request(upstream_request)
            try:
                content = b"".join([part async for part in reply.aiter_raw()])
            finally:
                await reply.aclose()
        except httpx.ConnectError as refused:
            return PlainTextResponse(f"the upstream cannot be reached: {refused}", 502)
        except httpx.TransportError:
            # The upstream lost this connection: pass on just that.
            return LostConnection()
        answer = Response(content, reply.status_code)
        answer.raw_headers = _end_to_end(reply.headers.raw, drop=())
        has_length = any(name.lower() == b"content-length" for name, _ in answer.raw_headers)
        if not has_length and reply.status_code not in {204, 304} and request.method != "HEAD":
            answer.raw_headers.append((b"content-length", str(len(content)).encode()))
        return answer


def create_app(
    upstream: str,
    *,
    rules: Sequence[Rule] = (),
    seed: int = 1,
    trusted: ssl.SSLContext | None = None,
    keep_host: bool = False,
    tell: Callable[[JournalEntry], None] = untold,
) -> Starlette:
    """The proxy before `upstream` (a base URL without a path) as an ASGI application, with `rules`
    from the start. `trusted` are certificates in place of the usual ones; `tell` hears of each
    request."""
    proxy = FaultProxy(upstream, seed=seed, trusted=trusted, keep_host=keep_host, tell=tell)
    proxy.arm(rules)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncGenerator[None]:
        yield
        await proxy.aclose()

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/_proxy/faults", proxy.set_faults, methods=["POST"]),
            Route("/_proxy/faults", proxy.list_faults, methods=["GET"]),
            Route("/_proxy/faults", proxy.clear_faults, methods=["DELETE"]),
            Route("/_proxy/faults/{number:int}", proxy.drop_fault, methods=["DELETE"]),
            Route("/_proxy/requests", proxy.list_requests, methods=["GET"]),
            Route("/_proxy/requests", proxy.clear_requests, methods=["DELETE"]),
            Route("/_proxy/healthz", proxy.healthz, methods=["GET"]),
            Route("/{path:path}", proxy.proxy, methods=METHODS),
        ],
    )


def _answer(rule: Rule | None, reply: Response | None) -> Response:
    """What the client gets, given the rule that hit and the upstream's reply, if asked for."""
    if rule is None:
        return _asked_for(reply)
    match rule.action:
        case "delay" | "late":
            return _asked_for(reply)
        case "drip":
            return _dripping(_asked_for(reply), rule)
        case "drop_before" | "drop_after":
            return LostConnection()
        case "reset":
            return LostConnection(reset=True)
        case "status":
            media_type = "application/json" if (rule.body or "").startswith(("{", "[")) else None
            return Response(rule.body or "", rule.status, rule.headers, media_type=media_type)
        case "garbage":
            status = 200 if reply is None else reply.status_code
            media_type = None if reply is None else reply.headers.get("content-type")
            content = rule.body if rule.body is not None else GARBAGE
            return Response(content, status, rule.headers, media_type=media_type)


def _asked_for(reply: Response | None) -> Response:
    if reply is None:
        raise AssertionError("a request that no fault keeps back was not forwarded")
    return reply


def _dripping(reply: Response, rule: Rule) -> Response:
    """The same answer, a byte at a time."""
    content = bytes(reply.body)

    async def bytes_of() -> AsyncIterator[bytes]:
        for place in range(len(content)):
            await asyncio.sleep((rule.delay_ms or _DRIP_MS) / 1000)
            yield content[place : place + 1]

    answer = StreamingResponse(bytes_of(), reply.status_code)
    answer.raw_headers = reply.raw_headers
    return answer


def _target(request: Request) -> bytes:
    raw_path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return raw_path + b"?" + query if query else raw_path


def _end_to_end(
    headers: list[tuple[bytes, bytes]], *, drop: tuple[bytes, ...]
) -> list[tuple[bytes, bytes]]:
    named = {
        token.strip().lower()
        for name, value in headers
        if name.lower() == b"connection"
        for token in value.split(b",")
    }
    unwanted = HOP_BY_HOP | named | set(drop)
    # In lower case, which HTTP treats as equal and ASGI asks for.
    return [(name.lower(), value) for name, value in headers if name.lower() not in unwanted]
