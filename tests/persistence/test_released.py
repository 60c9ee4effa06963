"""A database that a release has filled is brought up to this version, and all of it is read."""

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from alembic import command
from sqlalchemy import create_engine

from persistence import (
    accounts,
    adoptions,
    breakers,
    changes,
    contracts,
    documents,
    dunning,
    effects,
    exceptions,
    grants,
    inbox,
    keys,
    mappings,
    outbox,
    planning_context,
    subscriptions,
    targets,
    unbilled,
)
from persistence.database import Database, _config, migrate_now, sqlalchemy_url
from tests.audit.written import all_sealed, verified
from tests.harness.postgres import PostgresServer
from tests.persistence.filled import FOLDER, fill

#: The migration that each release was at.
REVISIONS = {"0.1.0": "0001"}
#: More than there are.
ALL = 1000
LATE = datetime(2100, 1, 1, tzinfo=UTC)


def test_every_release_has_a_filled_database() -> None:
    assert {path.name.removesuffix(".copy.gz") for path in FOLDER.iterdir()} == set(REVISIONS)


@pytest.fixture(params=REVISIONS)
def filled(
    postgres: PostgresServer, request: pytest.FixtureRequest
) -> Iterator[tuple[str, dict[str, int]]]:
    """As it was, brought up to this version; the rows that were in it, by table."""
    with postgres.database("template1") as dsn:
        engine = create_engine(sqlalchemy_url(dsn))
        with engine.connect() as connection:
            command.upgrade(_config(connection), REVISIONS[request.param])
            connection.commit()
        engine.dispose()
        with psycopg.connect(dsn, autocommit=True) as conn:
            rows = fill(conn, request.param)
        migrate_now(dsn)
        yield dsn, rows


async def test_what_a_release_has_done_is_sealed(filled: tuple[str, dict[str, int]]) -> None:
    dsn, rows = filled
    database = Database(dsn)
    await all_sealed(database)
    found = [await verified(database, tenant) for tenant in ("acme", "globex")]
    assert [(each.first, each.unsealed) for each in found] == [(None, ())] * 2
    assert sum(each.sealed for each in found) >= rows["inbox"] + rows["outbox"]
    await database.close()


async def test_what_a_release_has_written_is_read(filled: tuple[str, dict[str, int]]) -> None:
    dsn, rows = filled
    assert [table for table, count in rows.items() if not count] == []
    database, seen = Database(dsn), dict.fromkeys(rows, 0)
    async with database.transaction() as conn:
        for tenant in ("acme", "globex"):
            found = await changes.page(conn, tenant, limit=ALL)
            seen["changes"] += len(found)
            for change in found:
                seen["effects"] += len(await effects.of_change(conn, tenant, change.change_id))
                await changes.proof(conn, tenant, change.change_id)
                assert await planning_context.of_change(conn, tenant, change.change_id)
            seen["inbox"] += len(await inbox.page(conn, tenant, limit=ALL))
            asked = await exceptions.page(conn, tenant, state=None, limit=ALL)
            seen["exceptions"] += len(asked)
            seen["outbox"] += len(await outbox.page(conn, tenant, limit=ALL))
            seen["api_keys"] += len(await keys.page(conn, tenant, limit=ALL))
            seen["mappings"] += len(await mappings.page(conn, tenant, limit=ALL))
            seen["documents"] += len(await documents.page(conn, tenant, limit=ALL))
            agreed = await subscriptions.page(conn, tenant, limit=ALL)
            seen["subscription_states"] += len(agreed)
            for state in agreed:
                customer = state.subscription.customer.customer_id
                seen["grants"] += len(await grants.of_customer(conn, tenant, customer))
                seen["target_states"] += len(await targets.of_customer(conn, tenant, customer))
                seen["accounts"] += await accounts.get(conn, tenant, customer) is not None
            due = await contracts.page(conn, tenant, before=LATE, limit=ALL)
            seen["contracts"] += len(due)
            seen["dunning_cases"] += len(await dunning.page(conn, tenant, limit=ALL))
            seen["unbilled"] += len(await unbilled.page(conn, tenant, limit=ALL))
            seen["adoptions"] += await adoptions.newest(conn, tenant) is not None
        seen["breakers"] = len(await breakers.all_of(conn))
    await database.close()
    whole = ("changes", "inbox", "exceptions", "api_keys", "mappings", "documents", "breakers")
    assert {table: seen[table] for table in whole} == {table: rows[table] for table in whole}
    some = (
        *("effects", "outbox", "subscription_states", "grants", "target_states", "accounts"),
        *("contracts", "dunning_cases", "unbilled", "adoptions"),
    )
    assert [table for table in some if not 0 < seen[table] <= rows[table]] == []
