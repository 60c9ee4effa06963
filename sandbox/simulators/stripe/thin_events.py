"""Thin events: what happened to which object, without the object.

https://docs.stripe.com/event-destinations, https://docs.stripe.com/api/v2/core/events. Beside each
thin event there is the one of the style Snapshot that says the same, which is named when the thin
one is read.
"""

from sandbox.simulators.stripe.context import Context
from sandbox.simulators.stripe.errors import Json, missing
from sandbox.simulators.stripe.fields import Routes
from sandbox.simulators.stripe.forms import Params
from sandbox.simulators.stripe.thin_bodies import of_snapshot, shown


def retrieve(ctx: Context, _p: Params, path: dict[str, str]) -> Json:
    """One thin event, with what is shown only when it is read."""
    snapshot = ctx.store.get(of_snapshot(path["id"]))
    if snapshot is None or snapshot["object"] != "event":
        raise missing("event", path["id"][:80], "id")
    return shown(snapshot) | {"changes": None, "snapshot_event": snapshot["id"]}


ROUTES: Routes = [("GET", "/v2/core/events/{id}", retrieve)]
