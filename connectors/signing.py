"""The headers that prove who sent a request.

Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com/, "Verifying webhook
authenticity". The signature covers the message id, the time in whole seconds and the body.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks import Webhook

_PREFIX = "whsec_"

#: Bytes of a secret, as the specification bounds them.
_LEAST, _MOST = 24, 64


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Signer:
    """Signs with each of the secrets, which are `whsec_` and the base64 of 24 to 64 bytes: while
    one takes the place of another, a receiver has either."""

    def __init__(self, *secrets: str, where: str, clock: Callable[[], datetime] = _utc_now) -> None:
        """Raises ValueError that begins with `where` the secret is set, and never shows it. `clock`
        is in UTC."""
        self._webhooks = [Webhook(_key(secret, where)) for secret in secrets]
        self._clock = clock

    def headers(self, message_id: str, body: bytes) -> dict[str, str]:
        """Of a request sent now. `message_id` has no full stop, which parts what is signed."""
        now = self._clock()
        signatures = (webhook.sign(message_id, now, body.decode()) for webhook in self._webhooks)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def _key(secret: str, where: str) -> bytes:
    # The library decodes what is no base64 as well, to a key that nobody else has.
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or not _LEAST <= len(key) <= _MOST:
        raise ValueError(
            f"{where} does not fit: it must be {_PREFIX} and then the base64 of {_LEAST} to "
            f"{_MOST} random bytes"
        ) from None
    return key
