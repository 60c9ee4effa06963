"""The chain holds whatever is written in order, and finds what was changed past the product."""

import asyncio
from typing import Any

import psycopg
import pytest

from canonical_models.audit import AuditEntry
from canonical_models.decisions import Outcome
from operations import audit
from operations.errors import Invalid
from persistence import retention, seals
from persistence.database import Database
from persistence.sealed import SOURCES
from tests.audit.written import (
    all_sealed,
    approved,
    begun,
    begun_again,
    closed,
    confirmed,
    context_of,
    decided,
    handed_over,
    tamper,
    told,
    undone,
    verified,
    webhook,
)
from tests.harness.flow import write


async def one_of_each(database: Database, tenant: str = "acme") -> None:
    """A row of each part of each source, and nothing more."""
    await webhook(database, tenant)
    await told(database, tenant)
    await decided(database, tenant)
    await approved(database, tenant)
    await closed(database, tenant)
    await confirmed(database, await begun(database, tenant))
    effect = await begun(database, tenant)
    await confirmed(database, effect, "INV-2")
    await all_sealed(database)
    await undone(database, effect.key)
    await all_sealed(database)


async def test_rows_are_sealed_in_a_chain_of_each_tenant(database: Database) -> None:
    for tenant in ("acme", "globex"):
        await one_of_each(database, tenant)
        found = await verified(database, tenant)
        assert (found.sealed, found.broken, found.unsealed) == (9, 0, ())
        assert found.head.startswith("9:")


async def test_what_waits_is_counted(database: Database) -> None:
    await told(database)
    await told(database)
    await webhook(database)
    found = await verified(database)
    assert [(each.source, each.rows) for each in found.unsealed] == [("outbox", 2), ("inbox", 1)]
    assert (found.sealed, found.broken) == (0, 0)


@pytest.mark.parametrize(
    ("system", "writes_set"), [("support", "organization:1"), ("entitlements", None)]
)
async def test_an_undo_is_another_link_and_a_set_that_is_written_again_no_break(
    system: str, writes_set: str | None, database: Database
) -> None:
    fence = await begun(database, system=system, writes_set=writes_set)
    await confirmed(database, fence)
    await all_sealed(database)
    again = await begun_again(database, fence.key)
    found = await verified(database)
    assert (found.sealed, found.superseded, found.broken) == (1, 1, 0)
    await confirmed(database, again, "INV-3")
    await all_sealed(database)
    await undone(database, fence.key)
    await all_sealed(database)
    found = await verified(database)
    assert (found.sealed, found.superseded, found.broken, found.unsealed) == (3, 2, 0, ())


async def test_a_plan_stays_as_it_was_approved(database: Database) -> None:
    change_id = await approved(database)
    await all_sealed(database)
    await write(database, """update changes set plan = '{"net": "-1.00"}', plan_digest = 'b52a'""")
    await write(database, "update changes set plan = null")
    (entry,) = await entries(database)
    assert (entry.who, entry.object, entry.after) == ("Chris", change_id, {"net": "-1200.00"})
    await write(database, "update approved_plans set plan = null")
    (entry,) = await entries(database)
    assert (entry.after, entry.erased, (await verified(database)).broken) == (None, True, 0)


async def test_what_became_of_a_decision_is_sealed_when_it_is_known(database: Database) -> None:
    one = await decided(database, outcome=None)
    await all_sealed(database)
    await handed_over(database, one)
    await all_sealed(database)
    found = await verified(database)
    assert (found.sealed, found.broken) == (2, 0)
    assert Outcome.TAKEN in (await entries(database))[0].action


async def entries(database: Database, tenant: str = "acme") -> tuple[AuditEntry, ...]:
    return (await audit.list_(context_of(database), tenant)).items


#: How each type of a column is changed; nothing is left as it was.
_OTHER = {
    "text": "coalesce({0}, '') || 'x'",
    "integer": "coalesce({0}, 0) + 100",
    "bigint": "coalesce({0}, 0) + 100",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
    "jsonb": """coalesce({0}, '{{}}') || '{{"net": 9007199254740994}}'""",
    "bytea": "{0} || 'x'::bytea",
}
#: Columns that do not take just anything.
_TAKES = {
    ("decisions", "seq"): "seq = default",
    ("decisions", "door"): "door = 'web_ui'",
    ("decisions", "scope"): "scope = 'cause'",
    ("decisions", "outcome"): "outcome = 'void'",
    ("outbox", "reason"): """event = jsonb_set(event, '{data,reason}', '"other"')""",
}
#: A key that is changed is another row, and a state has its own test.
_KEYS = {(source.name, source.key) for source in SOURCES.values()}

COLUMNS = [
    (source.name, part, column)
    for source in SOURCES.values()
    for part, columns in source.columns.items()
    for column in columns
    if (source.name, column) not in _KEYS
]


@pytest.mark.parametrize(("source", "part", "column"), COLUMNS)
async def test_every_column_that_is_sealed_is_found_changed(
    database: Database, source: str, part: str, column: str
) -> None:
    await one_of_each(database)
    which = f" where state = '{part}'" if source == "effects" else ""
    change = _TAKES.get((source, column)) or _other(database.dsn, source, column)
    assert tamper(database.dsn, f"update {source} set {change}{which}") >= 1
    found = await verified(database)
    assert found.broken >= 1
    assert found.first is not None
    assert found.first.source == source
    assert found.first.object


def _other(dsn: str, table: str, column: str) -> str:
    with psycopg.connect(dsn) as conn:
        found = conn.execute(
            "select data_type from information_schema.columns "
            "where table_schema = 'public' and table_name = %s and column_name = %s",
            (table, column),
        ).fetchone()
    assert found is not None
    return f"{column} = {_OTHER[found[0]].format(column)}"


@pytest.mark.parametrize("source", SOURCES)
async def test_a_row_that_is_gone_or_renamed_is_found(database: Database, source: str) -> None:
    await one_of_each(database)
    tamper(database.dsn, f"delete from {source}")
    found = await verified(database)
    assert found.broken
    assert found.first is not None
    assert (found.first.source, found.first.what) == (source, "the row is gone")


@pytest.mark.parametrize(
    "moved",
    [
        "state = 'rejected'",
        "state = 'attempting'",
        "state = 'confirmed', attempt = 3",
        "state = 'confirmed', attempt = 0",
    ],
)
async def test_an_effect_in_a_state_it_cannot_come_to(database: Database, moved: str) -> None:
    await one_of_each(database)
    tamper(database.dsn, f"update effects set {moved} where state = 'compensated'")
    found = await verified(database)
    assert found.first is not None
    assert "where it cannot come to" in found.first.what


_SEALS = (
    *("number = number + 100", "source = 'inbox'", "place = place || '1'", "part = 'x'"),
    *("objects = array['other']", "at = at + interval '1 second'", "digest = digest || 'x'::bytea"),
    *("sealed_at = sealed_at + interval '1 second'", "link = link || 'x'::bytea"),
    *(
        """kept = '{"event": "00"}'""",
        """salts = '{"event": "00"}'""",
        "salts = '{}'",
        "tenant = 'globex'",
    ),
)


@pytest.mark.parametrize("change", _SEALS)
async def test_every_column_of_a_seal_is_found_changed(database: Database, change: str) -> None:
    for _ in range(3):
        await told(database)
    await all_sealed(database)
    assert tamper(database.dsn, f"update seals set {change} where number = 2") == 1
    assert (await verified(database)).broken >= 1


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_seal_that_is_gone_is_found(database: Database, number: int) -> None:
    for _ in range(3):
        await told(database)
    await all_sealed(database)
    tamper(database.dsn, "delete from seals where number = %s", number)
    found = await verified(database)
    assert found.broken >= 1
    assert found.first is not None


async def test_a_row_that_was_put_in_past_the_product_is_found(database: Database) -> None:
    await told(database)
    await all_sealed(database)
    tamper(
        database.dsn,
        "insert into outbox (event_id, tenant, type, subject, event) "
        "select 'forged', tenant, type, subject, event from outbox",
    )
    found = await verified(database)
    assert found.first is not None
    assert found.first.what == "1 rows have no seal and do not wait for one"


async def test_a_chain_that_was_made_anew_does_not_lead_through_a_head_noted_before(
    database: Database,
) -> None:
    for _ in range(3):
        await told(database)
    await all_sealed(database)
    noted = (await verified(database)).head
    assert (await audit.verify(context_of(database), "acme", head=noted)).broken == 0
    tamper(database.dsn, "delete from seals")
    tamper(database.dsn, """update outbox set event = event || '{"forged": true}' where seq = 2""")
    await write(
        database,
        "insert into unsealed (tenant, source, place) select tenant, 'outbox', seq::text "
        "from outbox order by seq",
    )
    await all_sealed(database)
    assert (await verified(database)).broken == 0
    found = await audit.verify(context_of(database), "acme", head=noted)
    assert found.first is not None
    assert "noted" in found.first.what
    tamper(database.dsn, "delete from seals")
    found = await audit.verify(context_of(database), "acme", head=noted)
    assert found.broken >= 1


@pytest.mark.parametrize("head", ["", "7", "7:00", f"0:{'0' * 64}", f"x:{'0' * 64}"])
async def test_a_head_that_is_none_is_refused(database: Database, head: str) -> None:
    with pytest.raises(Invalid, match="not what a verification ends with"):
        await audit.verify(context_of(database), "acme", head=head)


async def salts(database: Database) -> list[tuple[str, list[str]]]:
    """(the source of each seal, what of its row can still be proved)."""
    async with database.statement() as conn:
        found = await conn.execute(
            "select source, array(select jsonb_object_keys(salts) order by 1) from seals "
            "order by number"
        )
        return [(source, names) for source, names in await found.fetchall() if names]


async def test_what_the_policy_drops_breaks_nothing_and_its_salts_go(database: Database) -> None:
    """Rows are old when they are sealed; what they say of that does not change."""
    await webhook(database)
    await told(database, reason="Ann asked")
    await write(
        database,
        "update inbox set status = 'dispatched', received_at = now() - interval '91 d'",
    )
    await write(database, "update outbox set created_at = now() - interval '91 d'")
    await all_sealed(database)
    assert await salts(database) == [("inbox", ["body"]), ("outbox", ["event", "reason"])]
    assert await retention.drop(database, {"inbox": 90, "outbox": 90}) == {"inbox": 1, "outbox": 1}
    assert await salts(database) == []
    found = await verified(database)
    assert (found.broken, found.erased, found.sealed) == (0, 2, 2)


async def test_words_of_people_are_erased_without_the_rest(database: Database) -> None:
    await told(database, reason="Ann asked")
    await decided(database)
    await all_sealed(database)
    await write(
        database, """update outbox set event = jsonb_set(event, '{data,reason}', '"erased"')"""
    )
    with psycopg.connect(database.dsn, autocommit=True) as conn:
        # Decisions are kept as they were made: who erases in them has to say so.
        conn.execute("alter table decisions disable trigger decisions_are_kept")
        conn.execute("update decisions set before = null, reason = 'erased', address = null")
    assert await salts(database) == [("outbox", ["event"]), ("decisions", ["after"])]
    found = await verified(database)
    assert (found.broken, found.erased, found.sealed) == (0, 2, 3)
    tamper(database.dsn, """update decisions set after = '{"item": "OTHER"}'""")
    assert (await verified(database)).broken == 1


async def test_what_comes_back_after_it_was_erased_is_found(database: Database) -> None:
    await webhook(database)
    await all_sealed(database)
    await write(database, "update inbox set body = ''")
    await write(database, """update inbox set body = '{"to": "Ann"}'""")
    found = await verified(database)
    assert found.first is not None
    assert "is erased" in found.first.what


async def test_what_is_added_where_nothing_was_is_found(database: Database) -> None:
    await webhook(database, body=b"")
    await all_sealed(database)
    tamper(database.dsn, "update inbox set body = 'x'")
    found = await verified(database)
    assert found.first is not None
    assert found.first.what == "body has been added to it"


async def test_a_seal_cannot_be_changed_by_mistake(database: Database) -> None:
    await told(database)
    await all_sealed(database)
    for mistake in ("update seals set number = 2", "delete from seals"):
        with pytest.raises(psycopg.errors.RestrictViolation, match="never changed or deleted"):
            await write(database, mistake)


async def test_sealers_that_race_make_one_chain(database: Database) -> None:
    others = [Database(database.dsn) for _ in range(3)]
    for tenant in ("acme", "globex"):
        for _ in range(40):
            await told(database, tenant)

    async def sealing(one: Database) -> None:
        for _ in range(30):
            await seals.seal_waiting(one)
            await told(one)

    await asyncio.gather(*(sealing(one) for one in others))
    await all_sealed(database)
    found = [await verified(database, tenant) for tenant in ("acme", "globex")]
    assert [(each.sealed, each.broken) for each in found] == [(130, 0), (40, 0)]
    for one in others:
        await one.close()


async def test_a_sealer_that_is_killed_between_any_two_statements_has_sealed_nothing(
    database: Database,
) -> None:
    """Its connection dies before the statement of each number in turn, the commit among them."""
    await one_of_each(database)
    for survived in range(20):
        await told(database)
        killed = Database(database.dsn)
        done = await _dies_before(killed, survived)
        await killed.close()
        found = await verified(database)
        assert found.broken == 0
        assert (found.unsealed == ()) is done
        await all_sealed(database)
        if done:
            return
    raise AssertionError("it has more statements than that")


async def _dies_before(database: Database, survived: int) -> bool:
    """Whether it had done all its work before it was to die."""
    said = 0
    execute: Any = psycopg.AsyncConnection.execute

    async def die(conn: psycopg.AsyncConnection) -> None:
        nonlocal said
        said += 1
        if said > survived:
            await conn.close()

    async def one(self: psycopg.AsyncConnection, *args: object, **more: object) -> object:
        await die(self)
        return await execute(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.AsyncConnection, "execute", one)
        try:
            await seals.seal_waiting(database)
        except psycopg.OperationalError:
            return False
    return True


async def test_a_long_chain_is_read_a_batch_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seals, "ROWS", 7)
    monkeypatch.setattr(seals.read, "__kwdefaults__", {"after": None, "before": None, "limit": 7})
    for _ in range(30):
        await told(database)
    assert await all_sealed(database) == 5
    found = await verified(database)
    assert (found.sealed, found.broken) == (30, 0)
    exported = [entry async for entry in audit.export(context_of(database), "acme")]
    assert [entry.number for entry in exported] == list(range(1, 31))
