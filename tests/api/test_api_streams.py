"""Streams by the API: added, tried out, looked at, sent again, rotated and removed; each is kept as
a decision."""

from dataclasses import replace
from pathlib import Path

import pytest

from canonical_models.decisions import Target
from dispatch.sending import Sender
from operations.context import AppContext
from persistence import decisions
from persistence.database import Database
from runtime.pushing import Pusher
from runtime.settings import Settings
from tests.api.conftest import Call
from tests.harness.receiver import SECRETS, receiving
from tests.harness.streaming import add, due_now, payment, publish, settings


@pytest.fixture
def configured(tmp_path: Path) -> Settings:
    return settings(tmp_path)


@pytest.fixture
def context(context: AppContext, configured: Settings) -> AppContext:
    return replace(context, tenants=configured.tenants, pusher=Pusher(configured))


async def test_a_dead_event_is_seen_with_its_answer_and_sent_again(
    call: Call, database: Database, configured: Settings
) -> None:
    async with receiving() as receiver:
        given = {"name": "crm", "url": receiver.url, "secret": "crm", "types": ["payment.*"]}
        added = await call("POST", "/v1/streams", "streams:write", json=given)
        assert added.status_code == 200, added.text
        again = await call("POST", "/v1/streams", "streams:write", json=given)
        assert again.status_code == 409
        tried = await call("POST", "/v1/streams/crm/test", "streams:write")
        assert tried.json() == {"status": 204, "body": None, "error": None, "retry_after": None}
        assert receiver.asked[0].event["type"] == "io.trueup.stream.tried.v1"

        receiver.reply = lambda _: (422, '{"error": "no account"}', {})
        await publish(database, "one")
        await publish(database, "two", subject="in_2")
        assert await Sender(database, configured, back_off=()).poll() == 2
        dead = await call("GET", "/v1/streams/crm/deliveries?state=dead&limit=1", "streams:read")
        (seen,) = dead.json()["items"]
        assert (seen["status"], seen["answer"]) == (422, '{"error": "no account"}')
        assert dead.json()["next"]
        shown = await call("GET", "/v1/streams/crm", "streams:read")
        assert (shown.json()["dead"], shown.json()["pending"]) == (2, 0)

        where = f"/v1/streams/crm/deliveries/{seen['position']}/resend"
        still = (await call("POST", where, "streams:write")).json()
        assert (still["state"], still["status"], still["attempts"]) == ("pending", 422, 1)
        receiver.reply = lambda _: (200, "thanks", {})
        sent = (await call("POST", where, "streams:write")).json()
        assert (sent["state"], sent["status"], sent["answer"]) == ("delivered", 200, "thanks")
        many = await call("POST", "/v1/streams/crm/resend", "streams:write", json={})
        assert many.json() == {"events": 1}
        assert await Sender(database, configured).poll() == 1
        nothing = await call("POST", "/v1/streams/crm/deliveries/999/resend", "streams:write")
        assert nothing.status_code == 404
    async with database.statement() as conn:
        made = await decisions.on(conn, "acme", Target.STREAM, "crm")
    assert [one.action for one in reversed(made)] == ["add", *["resend"] * 3]


async def test_what_was_before_a_stream_is_sent_when_somebody_says_so(
    call: Call, database: Database, configured: Settings
) -> None:
    await publish(database, "before", "too")
    async with receiving() as receiver:
        await add(database, receiver.url)
        sender = Sender(database, configured)
        assert await sender.poll() == 0
        body = {"since": "2026-01-01T00:00:00Z"}
        many = await call("POST", "/v1/streams/crm/resend", "streams:write", json=body)
        assert many.json() == {"events": 2}
        assert [await sender.poll(), await sender.poll()] == [1, 1]
        assert [got.event["data"]["payment_id"] for got in receiver.asked] == ["before", "too"]


async def test_a_secret_rotates_without_a_gap_and_a_pause_keeps_what_comes(
    call: Call, database: Database, configured: Settings
) -> None:
    async with receiving() as receiver:
        await add(database, receiver.url)
        begun = await call(
            "POST", "/v1/streams/crm/rotate", "streams:write", json={"secret": "next"}
        )
        assert begun.json()["secrets"] == ["next", "crm"]
        twice = await call(
            "POST", "/v1/streams/crm/rotate", "streams:write", json={"secret": "crm"}
        )
        assert twice.status_code == 409
        ended = await call("POST", "/v1/streams/crm/rotate", "streams:write", json={})
        assert ended.json()["secrets"] == ["next"]
        over = await call("POST", "/v1/streams/crm/rotate", "streams:write", json={})
        assert over.status_code == 409
        await call("POST", "/v1/streams/crm/pause", "streams:write")
        await publish(database, "one")
        sender = Sender(database, configured)
        assert await sender.poll() == 0
        resumed = await call("POST", "/v1/streams/crm/resume", "streams:write")
        assert (resumed.json()["state"], resumed.json()["pending"]) == ("active", 1)
        assert await sender.poll() == 1
        assert receiver.asked[0].signed_by(SECRETS["next"])
        await publish(database, "two")
        removed = await call("DELETE", "/v1/streams/crm", "streams:write")
        assert removed.json() == {"name": "crm", "pending": 1}
        await due_now(database)
        assert await sender.poll() == 0


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"url": "http://crm.example/in"}, "https://"),
        ({"url": "https://169.254.169.254/latest"}, "no public address"),
        ({"url": "https://key@crm.example/in"}, "neither a user"),
        ({"name": "mail-finance"}, "a team's mail"),
        ({"secret": "other"}, "no secret other"),
        ({"types": ["invoice.lost.v1"]}, "no event of the type"),
    ],
)
async def test_what_nobody_can_be_told_by_is_refused(
    call: Call, wrong: dict[str, object], why: str
) -> None:
    given = {"name": "crm", "url": "https://crm.example/in", "secret": "crm"} | wrong
    answer = await call("POST", "/v1/streams", "streams:write", json=given)
    assert answer.status_code == 422
    assert why in answer.json()["detail"]


async def test_no_other_tenants_secret_signs(database: Database, configured: Settings) -> None:
    async with receiving() as receiver:
        await add(database, receiver.url, tenant="globex")
        answer = await Pusher(configured).send("globex", receiver.url, ["crm"], payment("one"))
        assert answer.error == "tenants.globex.stream_secrets.crm: there is no such secret"
        assert receiver.asked == []
