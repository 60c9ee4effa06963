"""`/_sim/…`: what tests and demos ask of the simulator itself. JSON in, JSON out, no key."""

import random
from collections.abc import Awaitable, Callable

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.simulators.stripe.account import add_destination, set_account
from sandbox.simulators.stripe.clock import tick
from sandbox.simulators.stripe.context import Context, new_id
from sandbox.simulators.stripe.deliveries import DEFAULT_MODES, listeners, queue_one
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.pipeline import Simulator

Operation = Callable[[Simulator, Request, Json], Json]


def health(_sim: Simulator, _request: Request, _data: Json) -> Json:
    """Up."""
    return {"ok": True}


def set_modes(sim: Simulator, _request: Request, data: Json) -> Json:
    """Replace the delivery modes for events from now on; members left out go to their rest."""
    if unknown := set(data) - set(DEFAULT_MODES):
        raise StripeError(f"unknown delivery member: {', '.join(sorted(unknown))}")
    modes = DEFAULT_MODES | data
    if modes["reorder"] is True:
        modes["reorder"] = 1
    if modes["reorder"] is False:
        modes["reorder"] = None
    sim.store.put_setting("deliveries", modes)
    return modes


def release(sim: Simulator, _request: Request, data: Json) -> Json:
    """Send what was held, in `order` oldest (default), newest, or a shuffle by `seed`."""
    rows = sim.store.db.execute("SELECT id FROM deliveries WHERE state = 'held' ORDER BY id")
    keys = [row[0] for row in rows]
    order = data.get("order", "oldest")
    if order == "newest":
        keys.reverse()
    elif order == "shuffle":
        random.Random(data.get("seed", 1)).shuffle(keys)  # noqa: S311 - a repeatable order
    elif order != "oldest":
        raise StripeError("order is oldest, newest or shuffle")
    for place, key in enumerate(keys):
        # Due times in the past, a millisecond apart, are the order of sending.
        sim.store.db.execute(
            "UPDATE deliveries SET state = 'pending', due_at = ? WHERE id = ?",
            (place / 1000, key),
        )
    sim.store.put_setting("deliveries", _modes(sim) | {"hold": False})
    sim.deliverer.wake()
    return {"released": len(keys)}


def _modes(sim: Simulator) -> Json:
    return DEFAULT_MODES | sim.store.setting("deliveries", {})


def list_deliveries(sim: Simulator, request: Request, _data: Json) -> Json:
    """All deliveries, oldest first; `?state=` and `?event=` narrow."""
    names = ("id", "event", "type", "endpoint", "state", "attempts", "last_status", "last_error")
    rows = sim.store.db.execute(
        "SELECT d.id, d.event, o.body ->> 'type', d.endpoint, d.state, d.attempts, d.last_status,"
        " d.last_error FROM deliveries d JOIN objects o ON o.id = d.event"
        " WHERE (:state IS NULL OR d.state = :state) AND (:event IS NULL OR d.event = :event)"
        " ORDER BY d.id",
        {
            "state": request.query_params.get("state"),
            "event": request.query_params.get("event"),
        },
    ).fetchall()
    return {
        "deliveries": [dict(zip(names, row, strict=True)) for row in rows],
        "modes": _modes(sim),
    }


def redeliver(sim: Simulator, request: Request, _data: Json) -> Json:
    """Send an event once more to all who listen now."""
    event = sim.store.need("event", request.path_params["id"])
    found = listeners(sim.store, event)
    for listener in found:
        queue_one(sim.store, event["id"], listener["id"], DEFAULT_MODES)
    sim.deliverer.wake()
    return {"queued": len(found)}


def add_fault(sim: Simulator, _request: Request, data: Json) -> Json:
    """One more fault rule."""
    sim.faults.add(data)
    return {"faults": sim.faults.shown()}


def list_faults(sim: Simulator, _request: Request, _data: Json) -> Json:
    """The rules still in force."""
    return {"faults": sim.faults.shown()}


def clear_faults(sim: Simulator, _request: Request, _data: Json) -> Json:
    """No more faults."""
    sim.faults.clear()
    return {"faults": []}


def change_account(sim: Simulator, _request: Request, data: Json) -> Json:
    """The account's id and default version, and what restricted keys lack."""
    return set_account(sim.store, data)


def make_destination(sim: Simulator, _request: Request, data: Json) -> Json:
    """An event destination of thin events; only this answer shows its secret, as `_secret`."""
    return add_destination(sim.store, data)


def change_destination(sim: Simulator, request: Request, data: Json) -> Json:
    """Enable or disable one."""
    found = sim.store.need("v2.core.event_destination", request.path_params["id"])
    found["status"] = data["status"]
    sim.store.put(found)
    return found


def connect_account(sim: Simulator, _request: Request, data: Json) -> Json:
    """An account of Stripe Connect that has come under the platform."""
    account = str(data.get("id") or new_id("acct", 16))
    sim.connect(account)
    return {"id": account, "object": "account"}


def tick_now(sim: Simulator, _request: Request, _data: Json) -> Json:
    """Do at once what has fallen due in wall time."""
    with sim.store.transaction():
        done = tick(Context(sim.store))
    sim.deliverer.wake()
    return {"done": done}


def routes(sim: Simulator) -> list[Route]:
    """The control routes."""
    table: list[tuple[str, str, Operation]] = [
        ("GET", "/_sim/healthz", health),
        ("POST", "/_sim/deliveries", set_modes),
        ("GET", "/_sim/deliveries", list_deliveries),
        ("POST", "/_sim/deliveries/release", release),
        ("POST", "/_sim/events/{id}/redeliver", redeliver),
        ("POST", "/_sim/faults", add_fault),
        ("GET", "/_sim/faults", list_faults),
        ("DELETE", "/_sim/faults", clear_faults),
        ("POST", "/_sim/tick", tick_now),
        ("POST", "/_sim/account", change_account),
        ("POST", "/_sim/event_destinations", make_destination),
        ("POST", "/_sim/event_destinations/{id}", change_destination),
        ("POST", "/_sim/accounts", connect_account),
    ]
    return [Route(path, endpoint(sim, act), methods=[method]) for method, path, act in table]


def endpoint(sim: Simulator, act: Operation) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of one control operation."""

    async def respond(request: Request) -> Response:
        try:
            of = sim.of(request.headers.get("stripe-account"))
            result, status = act(of, request, _json(await request.body())), 200
        except StripeError as error:
            result, status = error.body(), error.status
        return Response(orjson.dumps(result), status, media_type="application/json")

    return respond


def _json(body: bytes) -> Json:
    try:
        data = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        raise StripeError("a JSON object is expected")
    return data
