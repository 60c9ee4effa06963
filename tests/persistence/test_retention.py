"""What is old and bulky is dropped by policy; keys, outcomes and decisions stay."""

from datetime import UTC, datetime

from canonical_models.events import Event
from persistence import inbox, outbox, retention
from persistence.database import Database
from tests.harness.flow import receive, statuses, write

DAYS = {"inbox": 90, "plans": 400, "outbox": 90}


async def rows(database: Database, query: str) -> list[tuple[object, ...]]:
    async with database.transaction() as conn:
        return await (await conn.execute(query.encode())).fetchall()


async def test_bodies_of_webhooks_that_were_understood(database: Database) -> None:
    await receive(database.dsn, [(f"evt_{n}", b"{}") for n in range(5)], tenant="acme")
    await write(database, "update inbox set status = 'dispatched' where event_id <> 'evt_2'")
    await write(database, "update inbox set status = 'dead_lettered' where event_id = 'evt_2'")
    await write(database, "update inbox set received_at = now() - interval '91 d' where id < 5")
    assert (await retention.drop(database, DAYS))["inbox"] == 3
    assert (await retention.drop(database, DAYS))["inbox"] == 0
    assert await rows(database, "select octet_length(body) from inbox order by id") == [
        (0,),
        (0,),
        (2,),
        (0,),
        (2,),
    ]
    async with database.transaction() as conn:
        await inbox.replay(conn, "acme", [1, 3, 5])
    assert await statuses(database) == {
        "evt_0": "dispatched",
        "evt_1": "dispatched",
        "evt_2": "received",
        "evt_3": "dispatched",
        "evt_4": "received",
    }


async def test_bodies_that_were_never_understood_go_later(database: Database) -> None:
    days = {"inbox": 90, "dead_letter": 365}
    events = ("evt_dead", "evt_replayed", "evt_unread", "evt_old", "evt_young")
    await receive(database.dsn, [(event, b"{}") for event in events], tenant="acme")
    await write(
        database,
        "update inbox set status = 'dead_lettered', reason = 'no id' "
        "where event_id <> 'evt_unread'",
    )
    await write(database, "update inbox set status = 'dispatched' where event_id = 'evt_old'")
    await write(
        database,
        "update inbox set received_at = now() - interval '366 d' where event_id <> 'evt_young'",
    )
    assert await retention.drop(database, {"inbox": 90}) == {"inbox": 1}
    # It was read after all, when the policy had passed it by.
    await write(database, "update inbox set status = 'dispatched' where event_id = 'evt_replayed'")
    assert await retention.drop(database, days) == {"inbox": 0, "dead_letter": 3}
    assert await rows(
        database, "select event_id from inbox where octet_length(body) > 0 order by id"
    ) == [("evt_young",)]
    assert (await statuses(database))["evt_unread"] == "dead_lettered"
    assert await rows(database, "select reason from inbox where event_id = 'evt_dead'") == [
        ("no id; its body was dropped by the retention policy",)
    ]


async def test_plans_but_the_newest_of_each_subject(database: Database) -> None:
    await write(
        database,
        "insert into changes (id, tenant, connection, subject, event_id, kind, state, outcome, "
        "plan, snapshot, proof, received_at) select 'chg_' || n, 'acme', 'billing', "
        "'sub_' || n % 2, 'evt_' || n, 'other', 'settled', 'completed', '{}', '{}', '{}', "
        "now() - (500 - n) * interval '1 day' from generate_series(1, 6) as n",
    )
    assert (await retention.drop(database, DAYS))["plans"] == 4
    assert await rows(
        database,
        "select seq from changes where plan is not null and snapshot is not null order by seq",
    ) == [(5,), (6,)]
    assert await rows(database, "select count(*) from changes where proof is not null") == [(6,)]


async def test_events_whose_keys_stay(database: Database) -> None:
    told = [
        Event(
            id=f"in_{n}/paid",
            source="/tenants/acme",
            type="io.trueup.payment.confirmed.v1",
            subject=f"in_{n}",
            time=datetime(2026, 11, 16, tzinfo=UTC),
            data={},
        )
        for n in range(3)
    ]
    async with database.transaction() as conn:
        await outbox.publish(conn, "acme", told)
    await write(database, "update outbox set created_at = now() - interval '91 d' where seq < 3")
    assert (await retention.drop(database, DAYS))["outbox"] == 2
    async with database.transaction() as conn:
        await outbox.publish(conn, "acme", told)
    async with database.transaction() as conn:
        assert [event for _, event in await outbox.page(conn, "acme")] == told[2:]
        found = await outbox.feed(conn, "acme", after=0, limit=9)
        assert [event for _, event in found] == told[2:]


async def test_nothing_is_dropped_where_the_policy_says_never(database: Database) -> None:
    await receive(database.dsn, [("evt_1", b"{}")], tenant="acme")
    await write(
        database,
        "update inbox set status = 'ignored', received_at = now() - interval '9 years'",
    )
    assert await retention.drop(database, dict.fromkeys(DAYS, 0)) == dict.fromkeys(DAYS, 0)
    assert (await retention.drop(database, DAYS))["inbox"] == 1


async def test_many_are_dropped_in_small_steps(database: Database) -> None:
    await write(
        database,
        "insert into inbox (receipt, tenant, connection, event_id, event_type, status, body, "
        "received_at) select 'r' || n, 'acme', 'billing', 'e' || n, 'any', 'ignored', 'x', "
        "now() - interval '100 d' from generate_series(1, 1234) as n",
    )
    dropped = await retention.drop(database, DAYS)
    assert dropped["inbox"] == 1234


async def test_differences_that_are_gone_and_comparisons_but_the_newest(database: Database) -> None:
    await write(
        database,
        "insert into differences (tenant, about, key, what, system, customer_id, subject, cause, "
        "owner, repair, opened_at, closed_at) select 'acme', 'document', 'in_' || n, 'open', "
        "'erp', 'cus_1', 'sub_1', 'ours', 'operations', 'sync', now() - interval '900 d', "
        "case when n <= 600 then now() - interval '401 d' when n = 601 then now() end "
        "from generate_series(1, 602) as n",
    )
    await write(
        database,
        "insert into reconciliations (id, tenant, asked_by, scope, began_at, ended_at) values "
        "('1', 'acme', 'schedule', '{}', now() - interval '500 d', now() - interval '500 d'), "
        "('2', 'acme', 'schedule', '{}', now() - interval '450 d', now() - interval '450 d'), "
        "('3', 'acme', 'schedule', '{}', now() - interval '440 d', null), "
        "('4', 'other', 'schedule', '{}', now() - interval '500 d', now() - interval '500 d')",
    )
    assert await retention.drop(database, {"reconciliation": 0}) == {"reconciliation": 0}
    assert await retention.drop(database, {"reconciliation": 400}) == {"reconciliation": 601}
    assert await retention.drop(database, {"reconciliation": 400}) == {"reconciliation": 0}
    # What stands for long is no less there; and what was not finished is shown by nobody.
    assert await rows(database, "select key from differences order by key") == [
        ("in_601",),
        ("in_602",),
    ]
    assert await rows(database, "select id from reconciliations order by id") == [
        ("2",),
        ("3",),
        ("4",),
    ]


async def test_all_that_a_tenant_has_planned_in_shadow_long_after_the_last_of_it(
    database: Database,
) -> None:
    await write(
        database,
        "insert into shadow_changes (tenant, change_id, subject, customer_id, planned_at, comes) "
        "select tenant, 'chg_' || n, 'sub_1', 'cus_1', now() - (last + n) * interval '1 day', "
        "'goes_through' from (values ('live', 401), ('in_shadow', 10)) as of (tenant, last), "
        "generate_series(0, 600) as n",
    )
    await write(
        database,
        "insert into shadow_items (tenant, about, key, change_id, subject, customer_id, "
        "differences, planned_at) select tenant, 'document', 'in_1', 'chg_0', 'sub_1', 'cus_1', "
        "'[]', now() - interval '500 d' from (values ('live'), ('in_shadow')) as of (tenant)",
    )
    assert await retention.drop(database, {"shadow": 0}) == {"shadow": 0}
    assert await retention.drop(database, {"shadow": 402}) == {"shadow": 0}
    assert await retention.drop(database, {"shadow": 400}) == {"shadow": 602}
    assert await retention.drop(database, {"shadow": 400}) == {"shadow": 0}
    for table in ("shadow_items", "shadow_changes"):
        found = await rows(database, f"select distinct tenant from {table}")
        assert found == [("in_shadow",)]
