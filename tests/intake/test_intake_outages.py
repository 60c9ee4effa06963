"""The intake while PostgreSQL is away, silent, slow, or loses an answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from persistence.inbox_writer import Delivery, InboxUnavailable, InboxWriter, WriterLimits
from starter_api.app import create_app
from tests.harness.postgres import PostgresServer
from tests.harness.relay import Relay, relay_to
from tests.harness.serving import serving
from tests.harness.webhooks import CONNECTION, PATH, TENANT, signed, subscription_event
from tests.intake.conftest import CONNECTIONS

LIMITS = WriterLimits(patience=0.5)


def delivery(event_id: str, body: bytes = b"{}") -> Delivery:
    return Delivery(TENANT, CONNECTION, event_id, "customer.subscription.created", body)


def count(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        found = connection.execute("select count(*) from inbox").fetchone()
    return int(found[0]) if found else -1


@pytest.fixture
async def relay(postgres: PostgresServer) -> AsyncIterator[Relay]:
    async with relay_to(str(postgres.folder)) as relay:
        yield relay


@pytest.fixture
def relayed(dsn: str, relay: Relay) -> str:
    name = urlsplit(dsn).path.lstrip("/")
    return f"postgresql://postgres@127.0.0.1:{relay.port}/{name}"


@pytest.fixture
async def writer(relayed: str) -> AsyncIterator[InboxWriter]:
    writer = InboxWriter(relayed, LIMITS)
    writer.start()
    yield writer
    await writer.close()


async def test_without_a_database_nothing_is_pretended(
    relay: Relay, relayed: str, dsn: str
) -> None:
    app = create_app(dsn=relayed, connections=CONNECTIONS, limits=LIMITS)
    probes = httpx.AsyncClient(transport=httpx.ASGITransport(app.probes), base_url="http://api")
    async with serving(app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as client:

        async def send(event_id: str) -> httpx.Response:
            body = subscription_event(event_id)
            return await client.post(PATH, content=body, headers=signed(body))

        assert (await send("evt_1")).status_code == 202
        await relay.cut()
        refused = await asyncio.gather(*(send(f"evt_down_{number}") for number in range(20)))
        assert {answer.status_code for answer in refused} == {503}
        assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
        assert refused[0].json()["code"] == "inbox-unavailable"
        assert (await probes.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert count(dsn) == 1
        await relay.start()
        assert (await send("evt_2")).status_code == 202
        assert (await probes.get("/readyz")).status_code == 200
        assert count(dsn) == 2


async def test_a_connection_lost_between_two_events_is_not_noticed(
    relay: Relay, writer: InboxWriter
) -> None:
    await writer.keep(delivery("evt_1"))
    await relay.cut()
    await relay.start()
    kept = await asyncio.gather(*(writer.keep(delivery(f"evt_2{n}")) for n in range(30)))
    assert not any(answer.duplicate for answer in kept)


async def test_an_event_whose_commit_was_not_confirmed_is_still_new(
    relay: Relay, writer: InboxWriter, dsn: str
) -> None:
    """The insert happens, its answer is lost, and the repetition finds our own row."""
    first = await writer.keep(delivery("evt_1"))
    lost = 0

    def drop(answer: bytes) -> bool:
        nonlocal lost
        if lost == 0 and count(dsn) == 2:
            lost += 1
            return True
        return False

    relay.drop_answer = drop
    again, second = await asyncio.gather(
        writer.keep(delivery("evt_1")), writer.keep(delivery("evt_2"))
    )
    assert lost == 1
    assert (again.receipt, again.duplicate) == (first.receipt, True)
    assert (second.duplicate, second.status) == (False, "received")
    assert count(dsn) == 2


async def test_a_silent_database_is_not_waited_for(
    relay: Relay, writer: InboxWriter, dsn: str
) -> None:
    await writer.keep(delivery("evt_1"))
    relay.silent = True
    began = time.monotonic()
    with pytest.raises(InboxUnavailable):
        await writer.keep(delivery("evt_2"))
    # Nor is a new connection, of which nothing is heard.
    with pytest.raises(InboxUnavailable):
        await writer.keep(delivery("evt_2"))
    # Twice the patience is promised; psycopg alone would take 10 seconds to give up.
    assert time.monotonic() - began < 5
    await relay.cut()
    relay.silent = False
    await relay.start()
    assert not (await writer.keep(delivery("evt_3"))).duplicate
    assert count(dsn) == 2


async def test_a_locked_table_is_not_waited_for(writer: InboxWriter, dsn: str) -> None:
    await writer.keep(delivery("evt_1"))
    with psycopg.connect(dsn) as holder:
        holder.execute("lock table inbox")
        with pytest.raises(InboxUnavailable):
            await writer.keep(delivery("evt_2"))
    assert not (await writer.keep(delivery("evt_3"))).duplicate


async def test_more_than_may_wait_is_refused_at_once(dsn: str) -> None:
    writer = InboxWriter(dsn, WriterLimits(waiting_rows=10, waiting_bytes=1000, patience=2))
    writer.start()
    few = [asyncio.create_task(writer.keep(delivery(f"evt_{n}"))) for n in range(12)]
    large = asyncio.create_task(writer.keep(delivery("evt_large", b" " * 1001)))
    done = await asyncio.gather(*few, large, return_exceptions=True)
    assert [isinstance(answer, InboxUnavailable) for answer in done] == [False] * 10 + [True] * 3
    assert count(dsn) == 10
    await writer.close()


async def test_what_waits_behind_a_silent_database_is_refused_with_its_batch(
    relay: Relay, relayed: str
) -> None:
    """However many batches it would be."""
    writer = InboxWriter(relayed, WriterLimits(batch_rows=2, patience=0.5))
    writer.start()
    await writer.keep(delivery("evt_1"))
    relay.silent = True
    began = time.monotonic()
    answers = await asyncio.gather(
        *(writer.keep(delivery(f"evt_2{n}")) for n in range(30)), return_exceptions=True
    )
    assert all(isinstance(answer, InboxUnavailable) for answer in answers)
    assert time.monotonic() - began < 3
    await writer.close()


async def test_a_batch_is_half_of_what_is_there(dsn: str) -> None:
    """So that the other half is read and answered meanwhile. One transaction is one batch."""
    writer = InboxWriter(dsn)
    writer.start()
    await asyncio.gather(*(writer.keep(delivery(f"evt_{n}")) for n in range(80)))
    await writer.close()
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "select count(*) from inbox group by xmin order by min(id)"
        ).fetchall()
    assert [rows for (rows,) in found] == [40, 40]


async def test_closing_keeps_what_waits_and_takes_no_more(dsn: str) -> None:
    writer = InboxWriter(dsn, WriterLimits(batch_rows=3))
    writer.start()
    waiting = [asyncio.create_task(writer.keep(delivery(f"evt_{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    await writer.close()
    assert not any(kept.duplicate for kept in await asyncio.gather(*waiting))
    assert count(dsn) == 20
    with pytest.raises(InboxUnavailable):
        await writer.keep(delivery("evt_late"))


async def test_closing_without_a_database_refuses_what_waits(relay: Relay, relayed: str) -> None:
    writer = InboxWriter(relayed, LIMITS)
    writer.start()
    await writer.keep(delivery("evt_1"))
    relay.silent = True
    waiting = [asyncio.create_task(writer.keep(delivery(f"evt_2{n}"))) for n in range(5)]
    await asyncio.sleep(0)
    await writer.close()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, InboxUnavailable) for answer in answers)


async def test_one_notification_for_a_batch_and_none_for_duplicates(dsn: str) -> None:
    writer = InboxWriter(dsn)
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as listener:
        await listener.execute("listen trueup_inbox")
        writer.start()
        for _ in range(2):
            await asyncio.gather(*(writer.keep(delivery(f"evt_{n}")) for n in range(10)))
        await listener.execute("select pg_notify('trueup_inbox', 'end')")
        heard = []
        async for notification in listener.notifies(timeout=5):
            heard.append(notification.payload)
            if heard[-1] == "end":
                break
    await writer.close()
    assert heard == ["", "end"]
