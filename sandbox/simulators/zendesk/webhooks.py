"""Webhooks that triggers call, their signing secrets, and the triggers themselves. Nothing is sent.

https://developer.zendesk.com/api-reference/webhooks/webhooks-api/webhooks/
https://developer.zendesk.com/api-reference/ticketing/business-rules/triggers/
"""

import base64
import secrets

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.simulators.zendesk.paging import paged
from sandbox.simulators.zendesk.store import Store, timestamp
from sandbox.simulators.zendesk.wire import (
    Document,
    blank,
    body_object,
    check_fields,
    not_found,
    record_invalid,
)

_KINDS = {
    "name": str,
    "endpoint": str,
    "status": str,
    "http_method": str,
    "request_format": str,
    "subscriptions": list,
}
_TRIGGER = {"title": str, "conditions": dict, "actions": list, "active": bool}


class Webhooks:
    """Endpoints under `/api/v2/webhooks` and `/api/v2/triggers`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def routes(self) -> list[Route]:
        """Paths in matching order."""
        return [
            Route("/api/v2/webhooks", self.list_all, methods=["GET"]),
            Route("/api/v2/webhooks", self.create, methods=["POST"]),
            Route("/api/v2/webhooks/{id}/signing_secret", self.secret, methods=["GET"]),
            Route("/api/v2/triggers/active", self.triggers, methods=["GET"]),
            Route("/api/v2/triggers", self.create_trigger, methods=["POST"]),
        ]

    async def list_all(self, request: Request) -> Response:
        """All webhooks; their secrets are shown one by one."""
        page = paged(request, "webhooks", self._store.all("webhook"))
        return JSONResponse(page | {"webhooks": [_shown(each) for each in page["webhooks"]]})

    async def create(self, request: Request) -> Response:
        """Make one."""
        given = await body_object(request, "webhook")
        check_fields(given, _KINDS)
        needed = ("name", "endpoint", "status", "http_method", "request_format")
        if missing := [name for name in needed if blank(given.get(name))]:
            raise record_invalid(dict.fromkeys(missing, ("cannot be blank", "BlankValue")))
        with self._store:
            number = self._store.next_id("webhook")
            made = {
                **given,
                "id": number,
                "created_at": timestamp(self._store.now()),
                "_secret": base64.b64encode(secrets.token_bytes(32)).decode(),
            }
            self._store.put("webhook", made)
        return JSONResponse({"webhook": _shown(made)}, 201)

    async def secret(self, request: Request) -> Response:
        """What the webhook signs with."""
        number = request.path_params["id"].removeprefix("01SIM")
        found = self._store.get("webhook", int(number)) if number.isdigit() else None
        if found is None:
            raise not_found()
        return JSONResponse({"signing_secret": {"algorithm": "SHA256", "secret": found["_secret"]}})

    async def triggers(self, request: Request) -> Response:
        """Those that are active."""
        found = [each for each in self._store.all("trigger") if each.get("active", True)]
        return JSONResponse(paged(request, "triggers", found))

    async def create_trigger(self, request: Request) -> Response:
        """Keep one; it is never run."""
        given = await body_object(request, "trigger")
        check_fields(given, _TRIGGER)
        with self._store:
            made = {"active": True, **given, "id": self._store.next_id("trigger")}
            self._store.put("trigger", made)
        return JSONResponse({"trigger": made}, 201)


def _shown(webhook: Document) -> Document:
    shown = {key: value for key, value in webhook.items() if not key.startswith("_")}
    # Zendesk's are ULIDs.
    return shown | {"id": f"01SIM{webhook['id']}"}
