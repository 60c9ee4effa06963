"""What a seal is: SHA-256 over the canonical JSON (RFC 8785) of a row, linked to the seal before.

A seal never holds what may be erased. Of each such part it keeps a digest with a salt of its own,
so that nobody can try guesses on it once the salt is gone.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import rfc8785

#: What stands where words were erased.
ERASED = "erased"

#: What the first seal of a tenant is linked to.
GENESIS = bytes(32)

#: Beyond it programs disagree about a number (RFC 8785, section 3.2.2.3).
_EXACT = 2**53 - 1


def read(text: str | None) -> Any:
    """The JSON of a column; a whole number that not every program can hold becomes its digits."""
    return None if text is None else json.loads(text, parse_int=_whole)


def canonical(values: Mapping[str, Any]) -> bytes:
    """RFC 8785; times as UTC to the microsecond, bytes in hex."""
    return rfc8785.dumps({name: _plain(value) for name, value in values.items()})


def digest(values: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(canonical(values)).digest()


def salted(salt: str, part: Any) -> str:
    """In hex, as the salt is; of bytes as they are, of all else as canonical JSON."""
    content = part if isinstance(part, bytes) else rfc8785.dumps(part)
    return hashlib.sha256(bytes.fromhex(salt) + content).hexdigest()


def link(before: bytes, said: Mapping[str, Any]) -> bytes:
    """Of the seal before and all that this one says."""
    return hashlib.sha256(before + canonical(said)).digest()


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case bytes():
            return value.hex()
        case int() if abs(value) > _EXACT:
            return str(value)
        case _:
            return value


def _whole(digits: str) -> int | str:
    number = int(digits)
    return number if abs(number) <= _EXACT else digits
