"""`Idempotency-Key` (https://docs.stripe.com/api/idempotent_requests).

The first answer to a POST with a key is kept for a day and replayed, a 500 as well. Refusals before
anything was executed (bad parameters, unknown ids, conflicts) are not kept, so a corrected request
may use the key again.
"""

import hashlib
import time
from dataclasses import dataclass

from sandbox.simulators.stripe.errors import StripeError
from sandbox.simulators.stripe.periods import DAY
from sandbox.simulators.stripe.store import Store

_LONGEST = 255
_NOT_KEPT = frozenset({400, 401, 404, 409, 429})


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of a response."""

    status: int
    body: bytes


def fingerprint(method: str, path: str, pairs: list[tuple[str, str]]) -> str:
    """What must be equal for a key to be the same request."""
    text = repr((method, path, sorted(pairs)))
    return hashlib.sha256(text.encode()).hexdigest()


class Keys:
    """Keys in use and answers kept."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._in_flight: set[str] = set()

    def begin(self, key: str, print_: str) -> Answer | None:
        """The kept answer, or None with the key now in flight (then call `finish`).

        Raises `StripeError`: 400 for a key too long or used with other parameters, 409 while the
        first request with the key still runs.
        """
        if len(key) > _LONGEST:
            raise StripeError(
                f"Idempotency keys can be up to {_LONGEST} characters long.",
                kind="idempotency_error",
            )
        row = self._store.db.execute(
            "SELECT fingerprint, status, body FROM idempotency WHERE key = ? AND stored_at > ?",
            (key, int(time.time()) - DAY),
        ).fetchone()
        if row is not None:
            if row[0] != print_:
                raise StripeError(
                    "Keys for idempotent requests can only be used with the same parameters they "
                    f"were first used with. Try using a key other than '{key}' if you meant to "
                    "execute a different request.",
                    kind="idempotency_error",
                )
            return Answer(row[1], row[2])
        if key in self._in_flight:
            raise StripeError(
                f"There is currently another in-progress request using the key '{key}'.",
                status=409,
                kind="idempotency_error",
                code="idempotency_key_in_use",
            )
        self._in_flight.add(key)
        return None

    def keep(self, key: str, print_: str, answer: Answer) -> None:
        """Store the answer, in the running transaction if there is one."""
        if answer.status in _NOT_KEPT:
            return
        self._store.db.execute(
            "INSERT OR REPLACE INTO idempotency (key, fingerprint, status, body, stored_at)"
            " VALUES (?, ?, ?, ?, ?)",
            (key, print_, answer.status, answer.body, int(time.time())),
        )

    def finish(self, key: str) -> None:
        """The request is over, well or not."""
        self._in_flight.discard(key)

    def sweep(self) -> None:
        """Forget what is older than a day."""
        limit = int(time.time()) - DAY
        self._store.db.execute("DELETE FROM idempotency WHERE stored_at <= ?", (limit,))
