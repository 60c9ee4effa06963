"""All state, in one SQLite file: what is held of each customer, and the log of requests."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

Document = dict[str, Any]
"""A JSON object as it is on the wire."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS customers (
  customer_id TEXT PRIMARY KEY, revision INTEGER NOT NULL, body TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS requests (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, method TEXT NOT NULL,
  customer_id TEXT NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL,
  outcome TEXT NOT NULL, status INTEGER
);
"""


class Store:
    """One connection, used from one thread; each call commits."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Release the file."""
        self._db.close()

    def held(self, customer_id: str) -> Document | None:
        """What was last kept of a customer, as it came."""
        row = self._db.execute(
            "SELECT body FROM customers WHERE customer_id = ?", (customer_id,)
        ).fetchone()
        return None if row is None else dict(json.loads(row[0]))

    def all_held(self) -> list[Document]:
        """What is held of every customer, by id."""
        rows = self._db.execute("SELECT body FROM customers ORDER BY customer_id")
        return [json.loads(row[0]) for row in rows]

    def keep(self, given: Document) -> None:
        """Replace what is held of `given["customer_id"]`."""
        self._db.execute(
            "INSERT OR REPLACE INTO customers VALUES (?, ?, ?)",
            (given["customer_id"], given["revision"], json.dumps(given)),
        )

    def forget(self, customer_id: str) -> bool:
        """Whether there was something to forget."""
        done = self._db.execute("DELETE FROM customers WHERE customer_id = ?", (customer_id,))
        return done.rowcount > 0

    def log_arrival(
        self, method: str, customer_id: str, headers: dict[str, str], body: bytes
    ) -> int:
        """Note a request before anything is done with it; returns its number."""
        cursor = self._db.execute(
            "INSERT INTO requests (at, method, customer_id, headers, body, outcome)"
            " VALUES (?, ?, ?, ?, ?, 'arrived')",
            (
                datetime.now(UTC).isoformat(),
                method,
                customer_id,
                json.dumps(headers),
                body.decode(errors="replace"),
            ),
        )
        return int(cursor.lastrowid or 0)

    def log_outcome(self, seq: int, outcome: str, status: int | None) -> None:
        """Note how a request ended; `status` is None when no answer was sent."""
        self._db.execute(
            "UPDATE requests SET outcome = ?, status = ? WHERE seq = ?", (outcome, status, seq)
        )

    def logged(self) -> list[Document]:
        """Requests, oldest first."""
        names = ("seq", "at", "method", "customer_id", "headers", "body", "outcome", "status")
        rows = self._db.execute(
            "SELECT seq, at, method, customer_id, headers, body, outcome, status FROM requests"
            " ORDER BY seq"
        )
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [{**one, "headers": json.loads(one["headers"])} for one in found]

    def clear_log(self) -> None:
        """Forget the requests; numbers go on."""
        self._db.execute("DELETE FROM requests")
