"""Rows of every sealed source, written as the product does; and who tampers with them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

import psycopg

from canonical_models.audit import Verification
from canonical_models.decisions import DecisionMade, Door, Entrance, Outcome, Target
from canonical_models.effects import EffectState
from canonical_models.events import Event
from operations import audit
from operations.context import AppContext
from operations.engine import Engine
from persistence import approvals, decisions, effects, outbox, seals
from persistence.database import Database
from persistence.effects import Fence
from persistence.inbox_writer import Delivery, InboxWriter
from tests.api.conftest import no_temporal

_NUMBERS = count(1)


def context_of(database: Database) -> AppContext:
    engine = Engine(no_temporal, namespace="default", ui="http://127.0.0.1:8233/")
    return AppContext(database, engine)


async def webhook(database: Database, tenant: str = "acme", body: bytes = b'{"to": "Ann"}') -> str:
    """The event's id."""
    event_id = f"evt_{next(_NUMBERS)}"
    writer = InboxWriter(database.dsn)
    writer.start()
    await writer.keep(Delivery(tenant, "billing", event_id, "invoice.paid", body))
    await writer.close()
    return event_id


async def told(database: Database, tenant: str = "acme", **data: Any) -> str:
    """An event's id."""
    event_id = f"chg_{next(_NUMBERS)}/invoice.posted.v1"
    event = Event(
        id=event_id,
        source=f"/tenants/{tenant}",
        type="io.trueup.invoice.posted.v1",
        subject="in_1",
        time=datetime(2026, 11, 16, tzinfo=UTC),
        data={"invoice_id": "in_1", "customer_id": f"cus_{tenant}", **data},
    )
    async with database.transaction() as conn:
        await outbox.publish(conn, tenant, [event])
    return event_id


async def begun(
    database: Database,
    tenant: str = "acme",
    *,
    writes_set: str | None = None,
    system: str = "erp",
) -> Fence:
    """The first attempt of an effect."""
    key = f"document:{tenant}/in_{next(_NUMBERS)}"
    values = {
        "key": key,
        "tenant": tenant,
        "change_id": f"chg_{tenant}",
        "step": "erp.document",
        "system": system,
        "operation": "post invoice",
        "request_hash": "0" * 64,
        "place": "DE",
        "writes_set": writes_set,
        "window": 5.0,
    }
    async with database.transaction() as conn:
        assert await effects.first_attempt(conn, values)
    return Fence(key, 1, EffectState.ATTEMPTING)


async def confirmed(database: Database, fence: Fence, number: str = "INV-1") -> None:
    async with database.transaction() as conn:
        assert await effects.confirm(
            conn,
            fence,
            result=f'{{"document_id": "7", "number": "{number}", "net": 9007199254740993}}',
            vendor_reference=number,
            url="http://erp/7",
            lands_until=None,
        )


async def begun_again(database: Database, key: str) -> Fence:
    """As only what writes a set is begun once it is confirmed."""
    async with database.transaction() as conn:
        known = await effects.get(conn, key, lock=True)
        assert known is not None
        values = {"key": key, "request_hash": "1" * 64, "change_id": "chg_2", "step": "again"}
        return await effects.begin(conn, values, known)


async def undone(database: Database, key: str) -> None:
    async with database.transaction() as conn:
        known = await effects.get(conn, key, lock=True)
        assert known is not None
        fence = await effects.undo(conn, key, known)
        assert await effects.compensate(
            conn, fence, result='{"document_id": "8"}', reference="CN-1", lands_until=None
        )


async def approved(database: Database, tenant: str = "acme") -> str:
    """The change whose plan was approved."""
    change_id = f"chg_{next(_NUMBERS)}"
    async with database.transaction() as conn:
        await conn.execute(
            "insert into changes (id, tenant, connection, subject, event_id, kind, plan, "
            "plan_digest) values (%s, %s, 'billing', %s, %s, 'upgrade', %s, 'a41f')",
            (change_id, tenant, change_id, change_id, '{"net": "-1200.00"}'),
        )
        await approvals.keep_plan(conn, tenant, change_id, by="Chris")
    return change_id


async def decided(
    database: Database, tenant: str = "acme", *, outcome: Outcome | None = Outcome.DONE
) -> str:
    """The decision's id."""
    number = next(_NUMBERS)
    async with database.transaction() as conn:
        made = await decisions.record(
            conn,
            tenant,
            Entrance(door=Door.API, address="192.0.2.7", request_id="req_1"),
            DecisionMade(
                by="Fay",
                action="correct",
                target_kind=Target.EXCEPTION,
                target_id=f"exc_{number}",
                change_id=f"chg_{tenant}",
                shown_version=3,
                shown_digest="a41f",
                before={"item": None},
                after={"item": "AI-ADDON"},
                reason="agreed with Ann",
                once=f"once_{number}",
            ),
            outcome=outcome,
        )
    return made.decision_id


async def closed(database: Database, tenant: str = "acme") -> str:
    """The id of the report of a month."""
    close_id = f"cls_{next(_NUMBERS)}"
    async with database.transaction() as conn:
        await conn.execute(
            "insert into closes (id, tenant, legal_entity, period, about, version, first, last, "
            "closed_by, report) values (%s, %s, 'LE-DE', '2026-10', 'LE-DE/2026-10', "
            "(select count(*) + 1 from closes where tenant = %s), '2026-10-01', '2026-10-31', "
            "'Fay', %s)",
            (close_id, tenant, tenant, '{"note":""}'),
        )
    return close_id


async def handed_over(database: Database, decision_id: str) -> None:
    async with database.transaction() as conn:
        assert await decisions.close(conn, decision_id, Outcome.TAKEN)


async def all_sealed(database: Database) -> int:
    """Seal until nothing waits; how many transactions that took."""
    for times in count():
        if not await seals.seal_waiting(database):
            return times
    raise AssertionError("it never ends")


async def verified(database: Database, tenant: str = "acme") -> Verification:
    return await audit.verify(context_of(database), tenant)


def tamper(dsn: str, statement: str, *values: Any) -> int:
    """As somebody who owns the database: no trigger of ours runs. How many rows that changed."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("set session_replication_role = replica")
        return conn.execute(statement.encode(), values).rowcount
