"""The account itself, its event destinations, and keys that may not do everything.

https://docs.stripe.com/api/accounts/retrieve, https://docs.stripe.com/api/v2/event-destinations,
https://docs.stripe.com/keys/restricted-api-keys
"""

from starlette.requests import Request

from sandbox.simulators.stripe.context import API_VERSION, Context, new_id
from sandbox.simulators.stripe.errors import Json, StripeError
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.store import Store

_ACCOUNT: Json = {"id": "acct_simulated", "api_version": API_VERSION, "keys": {}}
_READS = frozenset({"GET", "HEAD"})


def account(ctx: Context, _p: Params, _path: dict[str, str]) -> Json:
    """The key's own account."""
    own = ctx.store.account or known(ctx.store)["id"]
    return {"id": own, "object": "account", "default_currency": "eur"}


def destinations(ctx: Context, p: Params, _path: dict[str, str]) -> Json:
    """Those that were made by the control; the URL is shown to who includes it."""
    p.integer("limit", 1, 100)
    shows = "webhook_endpoint.url" in (p.text("include") or "")
    found = ctx.store.find("v2.core.event_destination")
    return {
        "data": [
            {key: value for key, value in each.items() if key != "url" and key[0] != "_"}
            | {"webhook_endpoint": {"url": each["_url"] if shows else None}}
            for each in found
        ],
        "next_page_url": None,
        "previous_page_url": None,
    }


def known(store: Store) -> Json:
    """Id, default version, and what restricted keys may not do."""
    return _ACCOUNT | store.setting("account", {})


def set_account(store: Store, data: Json) -> Json:
    """Change members of the account; those left out stay."""
    if unknown := set(data) - set(_ACCOUNT):
        raise StripeError(f"unknown account member: {', '.join(sorted(unknown))}")
    store.put_setting("account", store.setting("account", {}) | data)
    return known(store)


def add_destination(store: Store, data: Json) -> Json:
    """An event destination of thin events, as people make one in Workbench. `secret_of` names an
    endpoint whose signing secret it is to have, so that one who knows that knows this."""
    other = data.get("secret_of")
    secret = store.need("webhook_endpoint", other)["_secret"] if other else new_id("whsec", 32)
    made: Json = {
        "id": new_id("ed_test"),
        "object": "v2.core.event_destination",
        "created": "2026-11-01T00:00:00.000Z",
        "enabled_events": data["enabled_events"],
        "event_payload": "thin",
        "livemode": False,
        "name": "thin",
        "snapshot_api_version": None,
        "status": "enabled",
        "type": "webhook_endpoint",
        "url": data["url"],
        "_secret": secret,
        "_url": data["url"],
    }
    store.put(made)
    return made


def permit(store: Store, request: Request) -> None:
    """A restricted key (`rk_…`) may do what the control has not taken from it: `keys` has by key
    the prefixes of paths that it may not `read` and `write`."""
    key = request.headers.get("authorization", "").rpartition(" ")[2]
    lacks = known(store)["keys"].get(key, {})
    kind = "read" if request.method in _READS else "write"
    if any(request.url.path.startswith(prefix) for prefix in lacks.get(kind, ())):
        raise StripeError(
            "The provided key does not have the required permissions for this endpoint.",
            status=403,
            code="more_permissions_required",
        )


ROUTES: Routes = [
    ("GET", "/v1/account", account),
    ("GET", "/v2/core/event_destinations", destinations),
]
