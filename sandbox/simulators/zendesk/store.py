"""All state, in one SQLite file: JSON documents by kind and id, keys, and the journal of writes."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.simulators.zendesk.wire import Document

# Ids of most kinds outgrow 32 bits at Zendesk, ticket numbers are small; so here.
FIRST_IDS = {"ticket": 1}
FIRST_ID = 360_000_000_001
IDEMPOTENCY_KEY_LIFE = timedelta(hours=2)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  kind TEXT NOT NULL, id INTEGER NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, id)
);
CREATE INDEX IF NOT EXISTS by_external_id
  ON documents (kind, lower(json_extract(body, '$.external_id')));
CREATE INDEX IF NOT EXISTS by_name ON documents (kind, lower(json_extract(body, '$.name')));
CREATE INDEX IF NOT EXISTS by_organization
  ON documents (kind, json_extract(body, '$.organization_id'));
CREATE INDEX IF NOT EXISTS by_ticket ON documents (kind, json_extract(body, '$.ticket_id'));
CREATE TABLE IF NOT EXISTS sequences (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (
  key TEXT PRIMARY KEY, request TEXT NOT NULL, reply TEXT NOT NULL, expires REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, method TEXT NOT NULL,
  path TEXT NOT NULL, idempotency_key TEXT, outcome TEXT NOT NULL, status INTEGER
);
"""
_BY_ID = "SELECT body FROM documents WHERE kind = ? AND id = ?"
_BY_KIND = "SELECT body FROM documents WHERE kind = ? ORDER BY id"
# Indexed look-ups; the text is case-insensitive, as Zendesk's external ids and names are. The
# plus keeps SQLite from walking the whole kind in the order of its primary key instead.
_BY_ATTRIBUTE = {
    "external_id": "SELECT body FROM documents WHERE kind = ?"
    " AND lower(json_extract(body, '$.external_id')) = lower(?) ORDER BY +id",
    "name": "SELECT body FROM documents WHERE kind = ?"
    " AND lower(json_extract(body, '$.name')) = lower(?) ORDER BY +id",
    "organization_id": "SELECT body FROM documents WHERE kind = ?"
    " AND json_extract(body, '$.organization_id') = ? ORDER BY +id",
    "ticket_id": "SELECT body FROM documents WHERE kind = ?"
    " AND json_extract(body, '$.ticket_id') = ? ORDER BY +id",
}


class Store:
    """Documents of a kind (`organization`, `ticket`, `comment`, `sla_policy`, `user`,
    `organization_field`), each with an integer `id` that is never given again.

    One connection, used from one thread. Each call commits unless it runs within `with store:`.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)
        self._clock_offset = timedelta(seconds=self.setting("clock_offset_s", 0))

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, failure: object, *_: object) -> None:
        self._db.execute("COMMIT" if failure is None else "ROLLBACK")

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def now(self) -> datetime:
        """The simulated present: wall clock plus what it was advanced by, in UTC."""
        return datetime.now(UTC) + self._clock_offset

    def advance_clock(self, seconds: float) -> None:
        """Move the simulated present, for good."""
        self._clock_offset += timedelta(seconds=seconds)
        self.set_setting("clock_offset_s", self._clock_offset.total_seconds())

    def setting(self, name: str, default: float) -> float:
        """A number kept across restarts."""
        row = self._db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else float(row[0])

    def set_setting(self, name: str, value: float) -> None:
        """Keep a number across restarts."""
        self._db.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (name, value))

    def next_id(self, kind: str) -> int:
        """A fresh id for `kind`."""
        row = self._db.execute(
            "INSERT INTO sequences VALUES (?, ?)"
            " ON CONFLICT (kind) DO UPDATE SET last = last + 1 RETURNING last",
            (kind, FIRST_IDS.get(kind, FIRST_ID)),
        ).fetchone()
        return int(row[0])

    def put(self, kind: str, body: Document) -> None:
        """Insert or replace the document with `body["id"]`."""
        self._db.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
            (kind, body["id"], json.dumps(body)),
        )

    def get(self, kind: str, identifier: int) -> Document | None:
        """One document, or None."""
        if not 0 <= identifier < 2**63:
            return None
        found = self._documents(_BY_ID, kind, identifier)
        return next(found, None)

    def all(self, kind: str) -> list[Document]:
        """Every document of `kind`, by id."""
        return list(self._documents(_BY_KIND, kind))

    def find(self, kind: str, attribute: str, value: str | int) -> list[Document]:
        """Documents of `kind` whose `attribute` (one of the indexed ones) is `value`, by id."""
        return list(self._documents(_BY_ATTRIBUTE[attribute], kind, value))

    def delete(self, kind: str, identifier: int) -> None:
        """Remove a document, if it is there."""
        self._db.execute("DELETE FROM documents WHERE kind = ? AND id = ?", (kind, identifier))

    def _documents(self, statement: str, *values: str | int) -> Iterator[Document]:
        return (json.loads(row[0]) for row in self._db.execute(statement, values))

    def remembered_reply(self, key: str) -> tuple[str, Document] | None:
        """(request, reply) kept under an idempotency key that has not expired."""
        row = self._db.execute(
            "SELECT request, reply FROM idempotency WHERE key = ? AND expires > ?",
            (key, self.now().timestamp()),
        ).fetchone()
        return None if row is None else (row[0], json.loads(row[1]))

    def remember_reply(self, key: str, request: str, reply: Document) -> None:
        """Keep `reply` for two hours."""
        expires = (self.now() + IDEMPOTENCY_KEY_LIFE).timestamp()
        self._db.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)",
            (key, request, json.dumps(reply), expires),
        )

    def journal_arrival(self, method: str, path: str, idempotency_key: str | None) -> int:
        """Note a write request before anything is done with it; returns its number."""
        cursor = self._db.execute(
            "INSERT INTO journal (at, method, path, idempotency_key, outcome)"
            " VALUES (?, ?, ?, ?, 'arrived')",
            (timestamp(self.now()), method, path, idempotency_key),
        )
        return int(cursor.lastrowid or 0)

    def journal_outcome(self, seq: int, outcome: str, status: int | None) -> None:
        """Note how a write request ended; `status` is None when no answer was sent."""
        self._db.execute(
            "UPDATE journal SET outcome = ?, status = ? WHERE seq = ?", (outcome, status, seq)
        )

    def journal(self) -> list[Document]:
        """Write requests, oldest first."""
        names = ("seq", "at", "method", "path", "idempotency_key", "outcome", "status")
        rows = self._db.execute(
            "SELECT seq, at, method, path, idempotency_key, outcome, status FROM journal"
            " ORDER BY seq"
        )
        return [dict(zip(names, row, strict=True)) for row in rows]

    def clear_journal(self) -> None:
        """Forget the write requests; numbers go on."""
        self._db.execute("DELETE FROM journal")


def timestamp(moment: datetime) -> str:
    """Zendesk's format: ISO 8601, UTC, whole seconds, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
