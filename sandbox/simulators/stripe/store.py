"""Objects as JSON in one SQLite file; each request is one transaction."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from sandbox.simulators.stripe.agenda import next_due
from sandbox.simulators.stripe.errors import Json, StripeError, missing

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  customer TEXT,
  subscription TEXT,
  clock TEXT,
  due_at INTEGER,
  body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (kind, customer, seq);
CREATE INDEX IF NOT EXISTS objects_subscription ON objects (kind, subscription, seq);
CREATE INDEX IF NOT EXISTS objects_due ON objects (due_at, clock) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY,
  fingerprint TEXT NOT NULL,
  status INTEGER NOT NULL,
  body BLOB NOT NULL,
  stored_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  state TEXT NOT NULL,
  due_at REAL NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  last_status INTEGER,
  last_error TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, due_at);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
"""

_FIND = """
SELECT body FROM objects
WHERE kind = :kind
  AND (:customer IS NULL OR customer = :customer)
  AND (:subscription IS NULL OR subscription = :subscription)
"""
_NEWEST_FIRST = _FIND + " AND seq < :before ORDER BY seq DESC"
_OLDEST_FIRST = _FIND + " AND seq > :after ORDER BY seq ASC"
_END = 2**62


class Store:
    """All state of the simulator. Not for use from several threads."""

    def __init__(
        self, path: Path, account: str | None = None, platform: "Store | None" = None
    ) -> None:
        """Of the platform, or of an `account` that is connected to it."""
        self.path, self.account, self.platform = path, account, platform
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file; the store is unusable afterwards."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit on leaving; roll back on any error but a `StripeError` whose effects stay."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except StripeError as error:
            self.db.execute("COMMIT" if error.keep else "ROLLBACK")
            raise
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Undo everything done inside, within the running transaction."""
        self.db.execute("SAVEPOINT rehearsal")
        try:
            yield
        finally:
            self.db.execute("ROLLBACK TO rehearsal")
            self.db.execute("RELEASE rehearsal")

    def put(self, obj: Json) -> None:
        """Insert or replace by `id`; a replaced object keeps its place in lists."""
        due = next_due(obj)
        self.db.execute(
            "INSERT INTO objects (id, kind, customer, subscription, clock, due_at, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " customer = excluded.customer, subscription = excluded.subscription,"
            " clock = excluded.clock, due_at = excluded.due_at, body = excluded.body",
            (
                obj["id"],
                obj["object"],
                obj.get("customer") or obj.get("_customer"),
                obj.get("_subscription"),
                obj.get("test_clock") or obj.get("_test_clock"),
                None if due is None else due.at,
                orjson.dumps(obj),
            ),
        )

    def get(self, key: str) -> Json | None:
        """The object of that id, of whatever kind."""
        row = self.db.execute("SELECT body FROM objects WHERE id = ?", (key,)).fetchone()
        return None if row is None else _load(row[0])

    def endpoint(self, key: str) -> Json | None:
        """Who listens, here or at the platform."""
        found = self.get(key)
        if found is None and self.platform is not None:
            return self.platform.get(key)
        return found

    def need(self, kind: str, key: str, param: str | None = None) -> Json:
        """The object of that kind and id, or Stripe's `resource_missing`."""
        found = self.get(key)
        if found is None or found["object"] != kind:
            raise missing(kind, key[:80], param)
        return found

    def delete(self, key: str) -> None:
        """Forget the object."""
        self.db.execute("DELETE FROM objects WHERE id = ?", (key,))

    def find(
        self,
        kind: str,
        *,
        customer: str | None = None,
        subscription: str | None = None,
        before: str | None = None,
        after: str | None = None,
        oldest_first: bool = False,
    ) -> Iterator[Json]:
        """Objects of a kind, newest first; `before` and `after` are ids of the same list."""
        values: dict[str, str | int | None] = {
            "kind": kind,
            "customer": customer,
            "subscription": subscription,
            "before": self._seq(kind, before, "starting_after") if before else _END,
            "after": self._seq(kind, after, "ending_before") if after else -1,
        }
        query = _OLDEST_FIRST if oldest_first else _NEWEST_FIRST
        for row in self.db.execute(query, values):
            yield _load(row[0])

    def _seq(self, kind: str, key: str, param: str) -> int:
        row = self.db.execute("SELECT seq FROM objects WHERE id = ?", (key,)).fetchone()
        if row is None:
            raise missing(kind, key[:80], param)
        return int(row[0])

    def first_due(self, clock: str | None, until: int) -> Json | None:
        """Of all objects under a clock (None: wall time), the one due first, by `until`."""
        rows = self.db.execute(
            "SELECT body FROM objects WHERE clock IS ? AND due_at = (SELECT min(due_at)"
            " FROM objects WHERE clock IS ? AND due_at <= ?) ORDER BY seq",
            (clock, clock, until),
        ).fetchall()
        # Several at the same second: those of a lower rank first, the older ones before.
        found = [(next_due(obj), obj) for obj in (_load(row[0]) for row in rows)]
        ranked = [(due, place) for place, (due, _) in enumerate(found) if due is not None]
        return found[min(ranked)[1]][1] if ranked else None

    def holder_of_item(self, item: str) -> Json | None:
        """The subscription that holds a subscription item."""
        row = self.db.execute(
            "SELECT body FROM objects WHERE kind = 'subscription' AND instr(body, ?) > 0",
            (f'"{item}"'.encode(),),
        ).fetchone()
        return None if row is None else _load(row[0])

    def setting(self, name: str, default: Json) -> Json:
        """A named setting of the simulator."""
        row = self.db.execute("SELECT body FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else _load(row[0])

    def put_setting(self, name: str, value: Json) -> None:
        """Keep a setting over restarts."""
        self.db.execute(
            "INSERT INTO settings (name, body) VALUES (?, ?)"
            " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            (name, orjson.dumps(value)),
        )


def _load(body: bytes) -> Json:
    loaded: Json = orjson.loads(body)
    return loaded
