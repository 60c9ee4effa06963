"""Webhook deliveries: signed, at least once, retried with backoff, kept over restarts.

https://docs.stripe.com/webhooks. By request of a test they are doubled, delayed, reordered or held
(`/_sim/deliveries`).
"""

import asyncio
import hashlib
import hmac
import logging
import random
import time
from dataclasses import dataclass

import httpx
import orjson

from sandbox.simulators.stripe.errors import Json
from sandbox.simulators.stripe.older import rendered
from sandbox.simulators.stripe.store import Store
from sandbox.simulators.stripe.thin_bodies import kind_of, shown

log = logging.getLogger(__name__)

DEFAULT_MODES: Json = {
    "duplicate": 0,
    "delay_ms": 0,
    "reorder": None,
    "reorder_window_ms": 400,
    "hold": False,
}
_PARALLEL = 8
_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Backoff:
    """Seconds before retry n: `first · 2^n`, at most `most`; given up after `tries` attempts."""

    first: float = 0.2
    most: float = 30.0
    tries: int = 30

    def after(self, attempts: int) -> float:
        """Seconds to wait once `attempts` have failed."""
        return float(min(self.first * 2 ** min(attempts - 1, 20), self.most))


def sign(secret: str, body: bytes, at: int) -> str:
    """The `Stripe-Signature` header of a body sent at `at` (Unix seconds)."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


DESTINATION = "v2.core.event_destination"


def wants(endpoint: Json, event: Json) -> bool:
    """Whether an enabled endpoint, or destination of thin events, listens to it."""
    enabled = endpoint["enabled_events"]
    kind = kind_of(event) if endpoint["object"] == DESTINATION else event["type"]
    return endpoint["status"] == "enabled" and ("*" in enabled or kind in enabled)


def listeners(store: Store, event: Json) -> list[Json]:
    """All who listen to it: of a connected account's also the platform's that ask for those."""
    own = [*store.find("webhook_endpoint"), *store.find(DESTINATION)]
    found = [each for each in own if not each.get("_connect")]
    if store.platform is not None:
        found += [each for each in store.platform.find("webhook_endpoint") if each.get("_connect")]
    return [each for each in found if wants(each, event)]


def enqueue(store: Store, event: Json) -> int:
    """Queue an event for all who listen; returns to how many endpoints."""
    modes = DEFAULT_MODES | store.setting("deliveries", {})
    found = listeners(store, event)
    for endpoint in found:
        for copy in range(1 + modes["duplicate"]):
            queue_one(store, event["id"], endpoint["id"], modes, copy)
    return len(found)


def queue_one(store: Store, event: str, endpoint: str, modes: Json, copy: int = 0) -> None:
    """One delivery of one event to one endpoint, under the current modes."""
    due = time.time() + modes["delay_ms"] / 1000
    if modes["reorder"] is not None:
        # A seed makes the shuffle repeatable: the n-th delivery of a store always waits as long.
        count = store.db.execute("SELECT count(*) FROM deliveries").fetchone()[0]
        dice = random.Random(f"{modes['reorder']}/{count}/{copy}")  # noqa: S311 - not a secret
        due += dice.random() * modes["reorder_window_ms"] / 1000
    store.db.execute(
        "INSERT INTO deliveries (event, endpoint, state, due_at) VALUES (?, ?, ?, ?)",
        (event, endpoint, "held" if modes["hold"] else "pending", due),
    )


def pending_for(store: Store, event: str) -> int:
    """`pending_webhooks`: endpoints that have not yet confirmed the event."""
    row = store.db.execute(
        "SELECT count(DISTINCT endpoint) FROM deliveries WHERE event = ? AND state != 'delivered'",
        (event,),
    ).fetchone()
    return int(row[0])


class Deliverer:
    """The background task that sends what is due."""

    def __init__(self, store: Store, backoff: Backoff) -> None:
        self._store = store
        self._backoff = backoff
        self._wake = asyncio.Event()
        self._in_flight: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look for due deliveries now."""
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled; what is unsent then stays queued in the store."""
        async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            try:
                while True:
                    self._wake.clear()
                    pause = self._start_due(client)
                    await self._sleep(pause)
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _sleep(self, pause: float | None) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), pause)
        except TimeoutError:
            return

    def _start_due(self, client: httpx.AsyncClient) -> float | None:
        """Start what is due; returns seconds until the next is, None when a wake is awaited."""
        rows = self._store.db.execute(
            "SELECT id, event, endpoint, attempts, due_at FROM deliveries"
            " WHERE state = 'pending' ORDER BY due_at, id LIMIT 64"
        ).fetchall()
        for key, event, endpoint, attempts, due_at in rows:
            if key in self._in_flight:
                continue
            if len(self._in_flight) >= _PARALLEL:
                return None
            if due_at > time.time():
                return max(float(due_at) - time.time(), 0.001)
            self._in_flight.add(key)
            task = asyncio.create_task(self._attempt(client, key, event, endpoint, attempts + 1))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return None

    async def _attempt(
        self, client: httpx.AsyncClient, key: int, event: str, endpoint: str, attempts: int
    ) -> None:
        try:
            target, snapshot = self._store.endpoint(endpoint), self._store.get(event)
            if target is None or snapshot is None or target["status"] != "enabled":
                self._settle(key, "failed", attempts, None, "the endpoint is gone or disabled")
                return
            status, error = await self._send(client, target, snapshot)
            if status is not None and 200 <= status < 300:
                self._settle(key, "delivered", attempts, status, None)
            elif attempts >= self._backoff.tries:
                self._settle(key, "failed", attempts, status, error)
            else:
                due = time.time() + self._backoff.after(attempts)
                self._settle(key, "pending", attempts, status, error, due)
        finally:
            self._in_flight.discard(key)
            self.wake()

    async def _send(
        self, client: httpx.AsyncClient, endpoint: Json, event: Json
    ) -> tuple[int | None, str | None]:
        if endpoint["object"] == DESTINATION:
            body = orjson.dumps(shown(event))
        else:
            version = endpoint["api_version"] or event["api_version"]
            body = orjson.dumps(rendered(event, version))
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(endpoint["_secret"], body, int(time.time())),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            answer = await client.post(endpoint["url"], content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            log.info("delivery of %s failed: %s", event["id"], type(error).__name__)
            return None, type(error).__name__
        return answer.status_code, None if answer.is_success else f"HTTP {answer.status_code}"

    def _settle(
        self,
        key: int,
        state: str,
        attempts: int,
        status: int | None,
        error: str | None,
        due: float = 0.0,
    ) -> None:
        self._store.db.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, last_status = ?, last_error = ?,"
            " due_at = ? WHERE id = ?",
            (state, attempts, status, error, due, key),
        )
