"""What a thin event says, read at Stripe.

For each thin event of an object of the first API Stripe keeps the event of the style Snapshot that
says the same, with the object as it was then and what changed. Where it shows none, the object is
read as it is now; what changed is then told by the event itself, if at all. So is the object of a
snapshot that shows it in a form that is not known.
Source: https://docs.stripe.com/api/v2/core/events/object (`snapshot_event`, `changes`).
"""

from typing import Any

from canonical_models.amendment import ChangeTrigger
from canonical_models.failures import ContractDrift
from connectors.noting import Noted, noted
from connectors.ports import UnreadableEvent
from connectors.stripe.errors import Kind, UnknownObject
from connectors.stripe.gathering import if_there
from connectors.stripe.thin import ThinEvent, UnfitSnapshot
from connectors.stripe.transport import StripeTransport, path_part
from connectors.stripe.versions import is_understood
from connectors.stripe.webhooks import StripeWebhooks
from connectors.stripe.wire import Identified, UnixTime

#: An event that is kept no longer, or that the key may not read: then the object tells.
_NOT_SHOWN = frozenset({400, 403, 404})


class _Shown(Identified):
    """An event of the style Snapshot."""

    api_version: str | None = None
    type: str
    created: UnixTime
    data: dict[str, Any]


class _Object(Identified):
    """Whatever it is, whole."""

    model_config = Identified.model_config | {"extra": "allow"}


class ThinReader:
    """The thin events of one connection. Raises the failures of `errors.REFUSALS`."""

    def __init__(self, transport: StripeTransport, webhooks: StripeWebhooks) -> None:
        self._transport = transport
        self._webhooks = webhooks

    async def understand(self, body: bytes) -> ChangeTrigger | None:
        """See `BillingPort.understand`."""
        event = self._webhooks.named(body)
        try:
            return await self._understood(event)
        except UnknownObject as unknown:
            # Of an id that no address can hold nothing will ever be told.
            raise UnreadableEvent(f"$: {unknown.message}") from None

    async def _understood(self, event: ThinEvent) -> ChangeTrigger | None:
        if isinstance(event, UnfitSnapshot):
            # Its object as it is now, in the version that is read.
            made = await self._made_of_object(event, event)
            return self._webhooks.told(made | {"id": event.id, "type": event.kind})
        fetched = await self._fetched(event)
        shown = await self._snapshot(event.snapshot_event or fetched.snapshot_event)
        # It is the event that has come, under whose id it is known.
        known = {"id": event.id, "type": event.kind}
        if shown is not None:
            try:
                return self._webhooks.told(shown | known)
            except ContractDrift as odd:
                # It is in the account's own version, and the object is told in ours.
                change = f"{odd.change}: the object is read instead"
                noted(Noted(odd.operation or "an event", odd.payload_path or "$", change))
        return self._webhooks.told(await self._made_of_object(event, fetched) | known)

    async def _fetched(self, event: ThinEvent) -> ThinEvent:
        """With what Stripe shows of it when it is asked."""
        if event.snapshot_event is not None:
            return event
        path = f"/v2/core/events/{path_part(event.id, Kind.EVENT)}"
        context = self._transport.context("read the event", event.id, kind=Kind.EVENT)
        found = await self._transport.get_unless(path, ThinEvent, context, _NOT_SHOWN)
        return found or event

    async def _snapshot(self, key: str | None) -> dict[str, Any] | None:
        if key is None:
            return None
        path = f"/v1/events/{path_part(key, Kind.EVENT)}"
        context = self._transport.context("read the event", key, kind=Kind.EVENT)
        found = await self._transport.get_unless(path, _Shown, context, _NOT_SHOWN)
        # In the account's own version, which may be older than what is understood.
        if found is None or not is_understood(found.api_version):
            return None
        return found.model_dump()

    async def _made_of_object(self, event: ThinEvent, fetched: ThinEvent) -> dict[str, Any]:
        related, path = event.related_object, event.object_path
        if related is None or path is None:
            raise UnreadableEvent("$.related_object: a thin event that names no object")
        context = self._transport.context(f"read the {related.type}", related.id, kind=Kind.EVENT)
        found = await if_there(self._transport.get(path, [], _Object, context))
        if found is None:
            raise UnreadableEvent(
                f"$.related_object: Stripe has no {related.type} {related.id} any more, nor the "
                "event that showed it: nothing can be told of it; reconciliation finds what is "
                "missing"
            )
        shown = found.model_dump()
        data: dict[str, Any] = {"object": shown}
        if event.kind.endswith(".updated"):
            data["previous_attributes"] = _before(fetched, shown)
        return {"created": int(event.created.timestamp()), "data": data}


def _before(fetched: ThinEvent, shown: dict[str, Any]) -> dict[str, Any]:
    """What an update changed; where nothing says it, anything may have, but for the status, whose
    changes have events of their own."""
    if fetched.changes is not None and fetched.changes.before is not None:
        return fetched.changes.before
    if shown.get("object") == "subscription":
        return {}
    return {name: value for name, value in shown.items() if name != "status"}
