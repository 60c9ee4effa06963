"""/v1/events and /v1/webhook_endpoints"""

from fnmatch import fnmatchcase

from sandbox.simulators.stripe.context import API_VERSION, Context, new_id
from sandbox.simulators.stripe.deliveries import pending_for
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes, deleted, merge_metadata
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.listing import page


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One event; its snapshot never changes, only `pending_webhooks` does."""
    event = ctx.store.need("event", path["id"])
    return event | {"pending_webhooks": pending_for(ctx.store, event["id"])}


def listing(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """By `type` (`invoice.*` too), `types`, `created` and `delivery_success`."""
    kind, kinds = p.text("type"), p.strings("types")
    if kind and kinds:
        raise StripeError("You may only specify one of these parameters: type, types.")
    wanted = [kind] if kind else kinds
    success = p.boolean("delivery_success")
    result = page(
        ctx,
        p,
        "event",
        "/v1/events",
        keep=lambda o: (
            (wanted is None or any(fnmatchcase(o["type"], pattern) for pattern in wanted))
            and (success is None or (pending_for(ctx.store, o["id"]) == 0) == success)
        ),
    )
    for event in result["data"]:
        event["pending_webhooks"] = pending_for(ctx.store, event["id"])
    return result


def create_endpoint(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Register an endpoint; the answer is the only one that shows its `secret`."""
    obj: Json = {
        "id": new_id("we"),
        "object": "webhook_endpoint",
        "api_version": p.text("api_version") or API_VERSION,
        "application": None,
        "created": ctx.now(),
        "description": p.text("description") or None,
        "enabled_events": _enabled(p) or ["*"],
        "livemode": False,
        "metadata": merge_metadata(p, {}),
        "status": "enabled",
        "url": _url(p.need("url")),
        "_connect": p.boolean("connect") or False,
        "_secret": new_id("whsec", 32),
    }
    ctx.store.put(obj)
    return ctx.view(obj) | {"secret": obj["_secret"]}


def _enabled(p: Params) -> list[str] | None:
    events = p.strings("enabled_events")
    if events == []:
        raise StripeError("Empty enabled_events.", param="enabled_events")
    return events


def _url(text: str) -> str:
    # The simulator calls nothing but this machine, whatever it is told.
    if not text.startswith(("http://127.0.0.1:", "http://localhost:", "http://[::1]:")):
        raise StripeError(
            "Invalid URL: the simulator delivers to http on this machine only.",
            code="url_invalid",
            param="url",
        )
    return text


def update_endpoint(ctx: Context, p: Params, path: dict[str, str]) -> Json:
    """Change where and what, or disable."""
    obj = ctx.store.need("webhook_endpoint", path["id"])
    if url := p.text("url"):
        obj["url"] = _url(url)
    obj["enabled_events"] = _enabled(p) or obj["enabled_events"]
    if (disabled := p.boolean("disabled")) is not None:
        obj["status"] = "disabled" if disabled else "enabled"
    if (description := p.text("description")) is not None:
        obj["description"] = description or None
    obj["metadata"] = merge_metadata(p, obj["metadata"])
    ctx.store.put(obj)
    return ctx.view(obj)


def delete_endpoint(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """Forget the endpoint; what was queued for it is given up."""
    obj = ctx.store.need("webhook_endpoint", path["id"])
    ctx.store.delete(obj["id"])
    return deleted(obj)


def retrieve_endpoint(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One endpoint, without its secret."""
    return ctx.view(ctx.store.need("webhook_endpoint", path["id"]))


def list_endpoints(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """All endpoints."""
    return page(ctx, p, "webhook_endpoint", "/v1/webhook_endpoints")


ROUTES: Routes = [
    ("GET", "/v1/events", listing),
    ("GET", "/v1/events/{id}", retrieve),
    ("POST", "/v1/webhook_endpoints", create_endpoint),
    ("GET", "/v1/webhook_endpoints", list_endpoints),
    ("GET", "/v1/webhook_endpoints/{id}", retrieve_endpoint),
    ("POST", "/v1/webhook_endpoints/{id}", update_endpoint),
    ("DELETE", "/v1/webhook_endpoints/{id}", delete_endpoint),
]
