"""What happens to every API request: key, fault, form, handler, expansion, answer."""

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.simulators.stripe.account import known, permit
from sandbox.simulators.stripe.context import API_VERSION, Context, new_id
from sandbox.simulators.stripe.deliveries import Deliverer
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.faults import Fault, Faults, injected
from sandbox.simulators.stripe.fields import Handler
from sandbox.simulators.stripe.forms import Params, nest, parse_pairs
from sandbox.simulators.stripe.idempotency import Answer, Keys, fingerprint
from sandbox.simulators.stripe.listing import expand
from sandbox.simulators.stripe.store import Store

_MAX_BODY = 1024 * 1024
Cut = Callable[[tuple[str, int]], None]


@dataclass
class Simulator:
    """The parts that requests share. `cut` closes a client's connection; the server sets it."""

    store: Store
    keys: Keys
    faults: Faults
    deliverer: Deliverer
    cut: Cut | None = None
    #: Of Stripe Connect: what each account has is its own.
    connected: "dict[str, Simulator]" = field(default_factory=dict)
    connecting: "Callable[[str], Simulator] | None" = None

    def of(self, account: str | None) -> "Simulator":
        """The account that a request acts for (`Stripe-Account`): without one the key's own.

        https://docs.stripe.com/connect/authentication
        """
        if account is None or account == known(self.store)["id"]:
            return self
        if account not in self.connected:
            raise StripeError(
                f"The provided key does not have access to account '{account[:40]}' (or that "
                "account does not exist). Application access may have been revoked.",
                status=403,
                code="account_invalid",
            )
        return self.connected[account]

    def connect(self, account: str) -> None:
        """Bring an account under the platform; once is enough."""
        if self.connecting is not None and account not in self.connected:
            self.connected[account] = self.connecting(account)


@dataclass(frozen=True)
class Incoming:
    """A request read from the wire."""

    method: str
    path: str
    pairs: list[tuple[str, str]]
    key: str | None
    request_id: str


def endpoint(sim: Simulator, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of one API operation."""

    async def respond(request: Request) -> Response:
        request_id = new_id("req", 14)
        try:
            incoming = await _read(request, request_id)
            permit(sim.store, request)
            of = sim.of(request.headers.get("stripe-account"))
            of.cut = sim.cut
            if incoming.key is None:
                answer = await _perform(of, handler, request, incoming)
            else:
                answer = await _perform_once(of, handler, request, incoming, incoming.key)
        except StripeError as error:
            answer = _response(_refusal(error), request_id)
        if "stripe-version" not in request.headers:
            # Who asks for none is answered in the account's own.
            answer.headers["Stripe-Version"] = known(sim.store)["api_version"]
        return answer

    return respond


async def _read(request: Request, request_id: str) -> Incoming:
    _authenticate(request.headers.get("authorization", ""))
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_BODY:
            raise StripeError("Request body too large.", status=413)
    kind = request.headers.get("content-type", "").split(";")[0]
    if body and kind != "application/x-www-form-urlencoded":
        raise StripeError("The API takes application/x-www-form-urlencoded bodies.")
    try:
        pairs = parse_pairs(request.url.query, body.decode())
    except ValueError:
        raise StripeError("Invalid request body: not a UTF-8 form.") from None
    # Only POST has keys: GET and DELETE are idempotent by themselves.
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    return Incoming(request.method, request.url.path, pairs, key or None, request_id)


def _authenticate(header: str) -> None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    elif scheme.lower() != "bearer":
        value = ""
    if not value:
        raise StripeError(
            "You did not provide an API key. Provide it in the Authorization header, using "
            "Bearer auth.",
            status=401,
        )
    if not value.startswith(("sk_test_", "rk_test_")):
        raise StripeError("Invalid API Key provided.", status=401, code="api_key_invalid")


async def _perform_once(
    sim: Simulator, handler: Handler, request: Request, incoming: Incoming, key: str
) -> Response:
    print_ = fingerprint(incoming.method, incoming.path, incoming.pairs)
    kept = sim.keys.begin(key, print_)
    if kept is not None:
        return _response(kept, incoming.request_id, key, replayed=True)
    try:
        return await _perform(sim, handler, request, incoming, print_)
    finally:
        sim.keys.finish(key)


async def _perform(
    sim: Simulator,
    handler: Handler,
    request: Request,
    incoming: Incoming,
    print_: str | None = None,
) -> Response:
    fault = sim.faults.take(incoming.method, incoming.path)
    if fault is not None and fault.delay_ms:
        await asyncio.sleep(fault.delay_ms / 1000)
    if fault is not None and fault.drop == "before":
        return await _cut(sim, request)
    answer = _answer(sim, handler, request, incoming, print_, fault)
    sim.deliverer.wake()
    if fault is not None and fault.drop == "after":
        return await _cut(sim, request)
    response = _response(answer, incoming.request_id, incoming.key)
    if fault is not None and fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response


def _answer(
    sim: Simulator,
    handler: Handler,
    request: Request,
    incoming: Incoming,
    print_: str | None,
    fault: Fault | None,
) -> Answer:
    """Run the operation in one transaction, and keep its answer under the key in the same one."""
    ctx = Context(sim.store, incoming.request_id, incoming.key)
    try:
        if fault is not None and fault.status is not None:
            raise injected(int(fault.status))
        with sim.store.transaction():
            body = _run(ctx, handler, request, incoming)
            answer = Answer(200, orjson.dumps(body))
            if incoming.key and print_:
                sim.keys.keep(incoming.key, print_, answer)
    except StripeError as error:
        answer = _refusal(error)
        if incoming.key and print_:
            sim.keys.keep(incoming.key, print_, answer)
    return answer


def _run(ctx: Context, handler: Handler, request: Request, incoming: Incoming) -> Json:
    params = Params(nest(incoming.pairs))
    paths = params.strings("expand") or []
    body = handler(ctx, params, dict(request.path_params))
    params.finish()
    expand(ctx, body, paths)
    return body


async def _cut(sim: Simulator, request: Request) -> Response:
    """Close the connection without a byte of answer."""
    client = request.client
    if sim.cut is None or client is None:
        raise ConnectionAbortedError("this server's connections cannot be cut")
    sim.cut((client.host, client.port))
    # An answer sent before the server has seen the loss would be logged as a bug of ours.
    while (await request.receive())["type"] != "http.disconnect":
        continue
    return Response()


def _refusal(error: StripeError) -> Answer:
    return Answer(error.status, orjson.dumps(error.body()))


def _response(
    answer: Answer, request_id: str, key: str | None = None, *, replayed: bool = False
) -> Response:
    headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
    if key is not None:
        headers["Idempotency-Key"] = key
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return Response(answer.body, answer.status, headers, media_type="application/json")


async def unknown_url(request: Request) -> Response:
    """Stripe's answer for a path it does not have."""
    error = StripeError(
        f"Unrecognized request URL ({request.method}: {request.url.path[:200]}).", status=404
    )
    return _response(_refusal(error), new_id("req", 14))


async def broken(_request: Request, _error: Exception) -> Response:
    """A bug of the simulator, in Stripe's envelope; the trace goes to the log."""
    error = StripeError("The simulator failed; see its log.", status=500, kind="api_error")
    return _response(_refusal(error), new_id("req", 14))
