"""The signature of a request: HMAC-SHA256 over `id.timestamp.body`.

Source: Standard Webhooks 1.0.0, "Signature scheme".
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping

#: Seconds that a request may be old, or ahead of this clock.
TOLERANCE_S = 300


class Unsigned(Exception):
    """The request was not signed with the secret, or too long ago; its text is one word."""


def key_of(secret: str) -> bytes:
    """The bytes of `whsec_…`. Raises ValueError for what is no such secret."""
    if not secret.startswith("whsec_"):
        raise ValueError("a secret begins with whsec_")
    return base64.b64decode(secret.removeprefix("whsec_"), validate=True)


def verify(key: bytes, headers: Mapping[str, str], body: bytes, *, now: float) -> None:
    """`headers` by their names in lower case. Raises Unsigned."""
    try:
        message = headers["webhook-id"]
        time = headers["webhook-timestamp"]
        given = headers["webhook-signature"].split(" ")
    except KeyError:
        raise Unsigned("signature_missing") from None
    if not re.fullmatch(r"[0-9]{1,12}", time) or abs(now - int(time)) > TOLERANCE_S:
        raise Unsigned("timestamp_refused")
    signed = message.encode() + b"." + time.encode() + b"." + body
    expected = hmac.digest(key, signed, hashlib.sha256)
    matches = [hmac.compare_digest(expected, one) for one in map(_decoded, given)]
    if not any(matches):
        raise Unsigned("signature_wrong")


def _decoded(signature: str) -> bytes:
    """The bytes of `v1,…`; none for another version, which may be there beside it."""
    version, _, encoded = signature.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return b""
