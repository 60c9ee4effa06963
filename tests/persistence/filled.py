"""The database of a release, filled: kept to show that later versions bring it up and read it.

    python -m tests.persistence.filled DSN VERSION   keeps the rows that stand there

Made from the database of a demo, and rows of every table that it leaves empty.
"""

import asyncio
import gzip
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from canonical_models.adoption import AdoptedCustomer, AdoptionCause, Finding, Going
from canonical_models.approvals import ApprovalAsked
from canonical_models.batch import BatchKind
from persistence import approvals, batches
from persistence.batches import Listed
from persistence.database import Database
from tests.api.seeding import seeded

FOLDER = Path(__file__).with_name("released")

#: Parents before children is no concern: nothing refers to another table.
_TABLES = """
select format('%I', relname) from pg_class
where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname
"""
_COLUMNS = """
select string_agg(format('%%I', attname), ', ' order by attnum) from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped
"""


def keep(dsn: str, version: str) -> None:
    FOLDER.mkdir(exist_ok=True)
    with (
        psycopg.connect(dsn, autocommit=True) as conn,
        # No time of its making: the same rows make the same file.
        gzip.GzipFile(FOLDER / f"{version}.copy.gz", "wb", mtime=0) as kept,
    ):
        for (table,) in conn.execute(_TABLES).fetchall():
            (columns,) = conn.execute(_COLUMNS, (table,)).fetchone() or ("",)
            kept.write(f"{table} ({columns})\n".encode())
            with conn.cursor().copy(f"copy {table} ({columns}) to stdout".encode()) as rows:
                for row in rows:
                    # Processes and hosts are named so.
                    kept.write(re.sub(rb"\d+@\w+/", b"1@worker/", bytes(row)))
            kept.write(b"\\.\n")


def fill(conn: psycopg.Connection, version: str) -> dict[str, int]:
    """Into the schema of that version, with nothing in it; rows by table."""
    counts: dict[str, int] = {}
    conn.execute("set session_replication_role = replica")
    with gzip.open(FOLDER / f"{version}.copy.gz", "rt", encoding="utf-8") as kept:
        for heading in kept:
            table = heading.split(" ", 1)[0]
            conn.execute(f"delete from {table}".encode())
            counts[table] = 0
            with conn.cursor().copy(f"copy {heading.strip()} from stdin".encode()) as rows:
                for row in kept:
                    if row == "\\.\n":
                        break
                    rows.write(row)
                    counts[table] += 1
    conn.execute("set session_replication_role = origin")
    return counts


async def _more(dsn: str) -> None:
    database = Database(dsn)
    await seeded(database, "globex")
    async with database.transaction() as conn:
        going = Going(rehearsal=True, cutover=datetime(2026, 11, 1, tzinfo=UTC))
        await batches.begin(
            conn,
            "globex",
            "ado_1",
            BatchKind.ADOPT,
            subject="customers",
            given=going.model_dump(mode="json"),
            by="Jane",
            listed=False,
        )
        await batches.add(conn, "globex", "ado_1", [Listed("cus_globex", {})])
        found = Finding(
            cause=AdoptionCause.ACCOUNT_UNMAPPED, subject="cus_globex", message="it has no party"
        )
        left = AdoptedCustomer(customer_id="cus_globex", findings=(found,))
        await batches.stands(
            conn, "globex", "ado_1", 1, left.outcome, found=left.model_dump(mode="json")
        )
        await approvals.ask(conn, "globex", "in_globex", ApprovalAsked(content="0" * 64))
        await approvals.put(
            conn, "globex", "in_globex", "0" * 64, by="Jane", roles=None, note="agreed"
        )
    await database.close()


if __name__ == "__main__":
    asyncio.run(_more(sys.argv[1]))
    keep(*sys.argv[1:])
