"""What the intake answers, and what it has kept when it answers."""

import asyncio
import hashlib

import httpx
import psycopg
import pytest
from prometheus_client import REGISTRY

from starter_api.wire import LARGEST_BODY
from tests.harness.webhooks import CONNECTION, PATH, TENANT, signature, signed, subscription_event


def rows(dsn: str) -> list[tuple[str, str, str, str | None, bytes]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "select event_id, event_type, status, reason, body from inbox order by id"
        ).fetchall()


def counted(result: str) -> float:
    labels = {"tenant": TENANT, "connection": CONNECTION, "result": result}
    return REGISTRY.get_sample_value("trueup_intake_events_total", labels) or 0


async def send(intake: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await intake.post(PATH, content=body, headers=signed(body))


async def test_a_new_event_is_on_disk_when_it_is_acknowledged(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    body = subscription_event("evt_1") + b"  \n"
    before = counted("accepted")
    answer = await send(intake, body)
    assert answer.status_code == 202
    assert answer.json()["status"] == "received"
    assert answer.json()["receipt"].startswith("rcp_")
    assert rows(dsn) == [("evt_1", "customer.subscription.created", "received", None, body)]
    assert counted("accepted") == before + 1


async def test_a_duplicate_has_the_receipt_of_the_first(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    first = await send(intake, subscription_event("evt_1"))
    again = await send(intake, subscription_event("evt_1", livemode=True))
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    assert len(rows(dsn)) == 1


async def test_duplicates_of_one_moment_have_one_receipt(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    body = subscription_event("evt_1")
    answers = await asyncio.gather(*(send(intake, body) for _ in range(40)))
    assert sorted(answer.status_code for answer in answers) == [200] * 39 + [202]
    assert len({answer.json()["receipt"] for answer in answers}) == 1
    assert len(rows(dsn)) == 1


async def test_the_same_event_of_two_tenants_is_two_events(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    body = subscription_event("evt_1")
    ours = await send(intake, body)
    theirs = await intake.post(
        "/webhooks/globex/billing", content=body, headers=signed(body, secret="whsec_globex")
    )
    assert (ours.status_code, theirs.status_code) == (202, 202)
    assert len(rows(dsn)) == 2


async def test_an_ignored_type_is_kept_for_the_dispatcher_to_decide(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    answer = await send(intake, b'{"id": "evt_1", "type": "charge.refunded"}')
    assert (answer.status_code, answer.json()["status"]) == (202, "received")
    assert rows(dsn)[0][1] == "charge.refunded"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"\xff\xfe\x00",
        b'"\xc3\x28"',
        b"[" * 100_000,
        b"null",
        b"[]",
        b"{}",
        b'{"id": "evt_1"}',
        b'{"type": "customer.subscription.created"}',
        b'{"id": 7, "type": "customer.subscription.created"}',
        b'{"id": "", "type": "customer.subscription.created"}',
        b'{"id": "evt\\u0000", "type": "customer.subscription.created"}',
        b'{"id": "\\ud800", "type": "customer.subscription.created"}',
        b'{"id": "%s", "type": "customer.subscription.created"}' % (b"e" * 300),
        b'{"id": "evt_1", "type": "a b"}',
        b'{"id": "evt_1", "type": 1e999}',
    ],
)
async def test_an_unreadable_event_is_a_dead_letter_known_by_its_body(
    intake: httpx.AsyncClient, dsn: str, body: bytes
) -> None:
    before = counted("dead_lettered")
    first = await send(intake, body)
    again = await send(intake, body)
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["status"] == "dead_lettered"
    assert again.json() == first.json()
    ((event_id, event_type, status, reason, kept),) = rows(dsn)
    assert event_id == f"sha256:{hashlib.sha256(body).hexdigest()}"
    assert (event_type, status, kept) == ("unreadable", "dead_lettered", body)
    assert reason
    assert counted("dead_lettered") == before + 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"stripe-signature": ""},
        {"stripe-signature": "t=1"},
        {"stripe-signature": "t=1,v1=00"},
        {"stripe-signature": "\xff=\xfe"},
        signed(subscription_event("evt_other")),
        {"stripe-signature": "stale"},
        {"stripe-signature": "future"},
        {"stripe-signature": "foreign"},
    ],
)
async def test_a_bad_signature_leaves_nothing_but_a_counter(
    intake: httpx.AsyncClient, dsn: str, headers: dict[str, str]
) -> None:
    body = subscription_event("evt_1")
    match headers.get("stripe-signature"):
        case "stale":
            headers = signed(body, at=1_600_000_000)
        case "future":
            headers = signed(body, at=4_000_000_000)
        case "foreign":
            headers = {"stripe-signature": signature(body, secret="whsec_globex")}
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    before = counted("refused")
    answer = await intake.post(PATH, content=body, headers=raw)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "signature-refused"
    assert rows(dsn) == []
    assert counted("refused") == before + 1


@pytest.mark.parametrize(
    "path", ["/webhooks/nobody/billing", "/webhooks/acme/nothing", "/webhooks/%00/%FF"]
)
async def test_an_unknown_tenant_or_connection_is_not_found(
    intake: httpx.AsyncClient, dsn: str, path: str
) -> None:
    body = subscription_event("evt_1")
    answer = await intake.post(path, content=body, headers=signed(body))
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown-connection")
    assert rows(dsn) == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_not_allowed(intake: httpx.AsyncClient, method: str) -> None:
    answer = await intake.request(method, PATH)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_the_largest_body_is_kept_and_one_byte_more_is_refused(
    intake: httpx.AsyncClient, dsn: str
) -> None:
    small = subscription_event("evt_1")
    largest = small + b" " * (LARGEST_BODY - len(small))
    kept = await send(intake, largest)
    refused = await send(intake, largest + b" ")
    assert (kept.status_code, refused.status_code) == (202, 413)
    assert refused.json()["code"] == "body-too-large"
    assert len(rows(dsn)) == 1


async def test_health_is_told_here_and_the_rest_elsewhere(intake: httpx.AsyncClient) -> None:
    await send(intake, subscription_event("evt_1"))
    assert (await intake.get("/healthz")).status_code == 200
    for path in ("/readyz", "/metrics"):
        assert (await intake.get(path)).status_code == 404
