"""An event to a receiver by HTTP: CloudEvents as JSON, signed as Standard Webhooks are."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from canonical_models.events import Event
from canonical_models.streams import Answer
from connectors import push
from connectors.signing import Signer
from runtime.logging import scrub
from runtime.settings import Settings, SettingsError, resolve

#: Who has claimed a delivery has written down by then what became of it, or has not lived to.
PATIENCE = timedelta(seconds=push.BOUND * 3)

_TYPE = "application/cloudevents+json; charset=utf-8"


class Pusher:
    """By the settings' networks and secrets, which are read anew each time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def require_address(self, url: str) -> None:
        """What can be seen of an address before anything is sent. Raises push.NotAllowed."""
        push.require_address(url, self._settings.streams.allowed)

    async def send(self, tenant: str, url: str, secrets: Sequence[str], event: Event) -> Answer:
        """What the receiver says; `secrets` are names of the tenant's. Raises nothing: what cannot
        be sent has its reason in the answer."""
        body = event.model_dump_json().encode()
        try:
            headers = self._signer(tenant, secrets).headers(message_id(tenant, event), body)
        except (SettingsError, ValueError) as fault:
            return Answer(error=str(fault))
        answer = await push.post(
            url,
            {**headers, "content-type": _TYPE},
            body,
            allowed=self._settings.streams.allowed,
        )
        if answer.error is None:
            return answer
        return answer.model_copy(update={"error": scrub(answer.error)})

    def _signer(self, tenant: str, names: Sequence[str]) -> Signer:
        """Raises SettingsError for a secret that is not there, ValueError for one that does not
        fit."""
        tenants = self._settings.tenants
        given = tenants[tenant].stream_secrets if tenant in tenants else {}
        found = []
        for name in names:
            where = f"tenants.{tenant}.stream_secrets.{name}"
            if name not in given:
                raise SettingsError(f"{where}: there is no such secret")
            found.append(resolve(given[name], self._settings.folder, where))
        return Signer(*found, where=f"tenants.{tenant}.stream_secrets: {' or '.join(names)}")


def message_id(tenant: str, event: Event) -> str:
    """The same whenever the event is sent, so that a receiver knows it again."""
    return f"msg_{hashlib.sha256(f'{tenant}/{event.id}'.encode()).hexdigest()[:32]}"
